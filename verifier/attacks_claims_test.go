package verifier_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// TestVerifyRefusesClaims has assertions that the issuer really signed, with
// claims that must not make anybody anyone.
func TestVerifyRefusesClaims(t *testing.T) {
	const (
		claims  = verifier.ReasonClaims
		issuer  = verifier.ReasonIssuer
		aud     = verifier.ReasonAudience
		expired = verifier.ReasonExpired
		early   = verifier.ReasonNotYetValid
		nobody  = verifier.ReasonSubjectEmpty
	)
	i := newIssuer(t)
	v := newVerifier(t, i, verifier.Options{})
	later := now().Unix() + 1000
	for name, tt := range map[string]struct {
		claim string
		value any
		want  verifier.Reason
	}{
		"iss absent":                              {"iss", omitted, issuer},
		"iss empty":                               {"iss", "", issuer},
		"iss null":                                {"iss", nil, issuer},
		"iss a number":                            {"iss", 1, claims},
		"iss a list with the right one":           {"iss", []string{host}, claims},
		"iss of another issuer":                   {"iss", "evil.example.com", issuer},
		"iss in URI form, as discovery has it":    {"iss", "https://" + host + "/", issuer},
		"iss with a full stop after":              {"iss", host + ".", issuer},
		"iss with a port":                         {"iss", host + ":443", issuer},
		"iss with a space":                        {"iss", host + " ", issuer},
		"aud absent":                              {"aud", omitted, aud},
		"aud empty":                               {"aud", "", aud},
		"aud null":                                {"aud", nil, aud},
		"aud a number":                            {"aud", 1, claims},
		"aud an object":                           {"aud", map[string]string{host: host}, claims},
		"aud an empty list":                       {"aud", []string{}, aud},
		"aud a list without the right one":        {"aud", []string{"a.example", "b.example"}, aud},
		"aud a list with a number":                {"aud", []any{host, 1}, claims},
		"aud a list in a list":                    {"aud", []any{[]any{host}}, claims},
		"aud of another app":                      {"aud", "wiki.example.com", aud},
		"aud with something before":               {"aud", "evil" + host, aud},
		"aud of a subdomain":                      {"aud", "evil." + host, aud},
		"aud of a superdomain":                    {"aud", "example.com", aud},
		"aud with something after":                {"aud", host + ".evil.com", aud},
		"aud with a full stop after":              {"aud", host + ".", aud},
		"aud with a port":                         {"aud", host + ":443", aud},
		"aud a pattern":                           {"aud", "*", aud},
		"aud in URI form":                         {"aud", "https://" + host + "/", aud},
		"aud two hosts in one text":               {"aud", host + ",wiki.example.com", aud},
		"aud with a NUL":                          {"aud", host + "\x00", aud},
		"aud with a full-width letter":            {"aud", "ｇrafana.example.com", aud},
		"exp absent":                              {"exp", omitted, claims},
		"exp null":                                {"exp", nil, claims},
		"exp 0, which a library takes for never":  {"exp", 0, claims},
		"exp -0":                                  {"exp", json.RawMessage("-0"), claims},
		"exp 0.5":                                 {"exp", 0.5, claims},
		"exp negative":                            {"exp", -later, claims},
		"exp a string":                            {"exp", fmt.Sprint(later), claims},
		"exp true":                                {"exp", true, claims},
		"exp a list":                              {"exp", []int64{later}, claims},
		"exp an object":                           {"exp", map[string]int64{"seconds": later}, claims},
		"exp 1e300":                               {"exp", json.RawMessage("1e300"), claims},
		"exp 1e400, infinite to some":             {"exp", json.RawMessage("1e400"), claims},
		"exp 1e-400, zero to some":                {"exp", json.RawMessage("1e-400"), claims},
		"exp beyond 64 bits":                      {"exp", json.RawMessage("18446744073709551617"), claims},
		"exp at the end of 63 bits":               {"exp", json.RawMessage("9223372036854775807"), claims},
		"exp in milliseconds":                     {"exp", later * 1000, claims},
		"exp \"NaN\"":                             {"exp", "NaN", claims},
		"exp long ago":                            {"exp", 1, expired},
		"nbf null":                                {"nbf", nil, claims},
		"nbf a string":                            {"nbf", "0", claims},
		"nbf to come":                             {"nbf", later, early},
		"iat null":                                {"iat", nil, claims},
		"iat a string":                            {"iat", fmt.Sprint(later), claims},
		"iat 0":                                   {"iat", 0, claims},
		"iat to come":                             {"iat", later, early},
		"sub absent":                              {"sub", omitted, claims}, // user is there, and differs
		"sub null":                                {"sub", nil, claims},
		"sub a number":                            {"sub", 1, claims},
		"sub true":                                {"sub", true, claims},
		"sub a list":                              {"sub", []string{ann().Subject}, claims},
		"sub another than user":                   {"sub", "root", claims},
		"user another than sub":                   {"user", "root", claims},
		"user empty":                              {"user", "", claims},
		"user null":                               {"user", nil, claims},
		"user a number":                           {"user", 1, claims},
		"user a list":                             {"user", []any{}, claims},
		"email a list":                            {"email", []string{"ann@example.com"}, claims},
		"email true":                              {"email", true, claims},
		"email an object":                         {"email", map[string]any{}, claims},
		"email with two @":                        {"email", "ann@example.com@evil.com", claims},
		"email of a domain with a dot behind":     {"email", "eve@evil.com.", claims},
		"email of a domain with a dot before":     {"email", "eve@.evil.com", claims},
		"email with two @, one quoted":            {"email", `"ann@example.com"@evil.com`, claims},
		"email without @":                         {"email", "ann", claims},
		"email without name":                      {"email", "@example.com", claims},
		"email without domain":                    {"email", "ann@", claims},
		"email of nil, formatted":                 {"email", "<nil>", claims},
		"email with a display name":               {"email", "Ann <ann@example.com>", claims},
		"email with a space":                      {"email", "ann@example.com ", claims},
		"email with a no-break space":             {"email", "ann@example.com\u00a0", claims},
		"email with an ideographic space":         {"email", "ann\u3000@example.com", claims},
		"emails, two":                             {"email", "ann@example.com,bob", claims},
		"email with a line break":                 {"email", "ann@example.com\r\nX-Role: Admin", claims},
		"email with a NUL":                        {"email", "ann\x00@example.com", claims},
		"email with DEL":                          {"email", "ann\x7f@example.com", claims},
		"email with a C1 control":                 {"email", "ann\u0085@example.com", claims},
		"email with a zero-width space":           {"email", "ann\u200b@example.com", claims},
		"email written from right to left":        {"email", "ann@\u202emoc.live", claims},
		"email with a line separator":             {"email", "ann@example.com\u2028", claims},
		"name a list":                             {"name", []string{"Ann"}, claims},
		"name an object":                          {"name", map[string]any{"given": "Ann"}, claims},
		"sid a number":                            {"sid", 7, claims},
		"groups a string":                         {"groups", "a,admins", claims},
		"groups an object":                        {"groups", map[string]any{"admins": true}, claims},
		"groups true":                             {"groups", true, claims},
		"groups a number":                         {"groups", 1, claims},
		"groups with a number":                    {"groups", []any{"a", 1}, claims},
		"groups with null":                        {"groups", []any{"a", nil}, claims},
		"groups with a list":                      {"groups", []any{[]string{"admins"}}, claims},
		"groups with an object":                   {"groups", []any{map[string]any{"name": "admins"}}, claims},
		"Sub, in capitals, beside sub":            {"Sub", "root", claims},
		"EMAIL beside email":                      {"EMAIL", "root@example.com", claims},
		"Groups beside groups":                    {"Groups", []string{"admins"}, claims},
		"ISS beside iss":                          {"ISS", host, claims},
		"EXP beside exp":                          {"EXP", later, claims},
		"sub with a long s, s to encoding/json":   {"\u017fub", "root", claims},
		"groups with a long s":                    {"group\u017f", []string{"admins"}, claims},
		"an unknown claim of infinite size":       {"x", json.RawMessage("1e999"), claims},
		"an unknown claim with half a surrogate":  {"x", json.RawMessage(`"\ud800"`), claims},
		"an unknown claim with duplicate members": {"x", json.RawMessage(`{"a":{"b":1,"b":2}}`), claims},
	} {
		t.Run(name, func(t *testing.T) {
			c := ann()
			if tt.value == omitted {
				c.Omit = []string{tt.claim}
			} else {
				c.Extra = map[string]any{tt.claim: tt.value}
			}
			assertion := i.Assertion(c)
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, tt.want, assertion)
			if text, is := tt.value.(string); is && len(text) > 8 && !strings.Contains(host, text) && strings.Contains(err.Error(), text) {
				t.Errorf("the error repeats the claim: %v", err)
			}
		})
	}

	// Both claims that say who, empty or absent: what Pomerium signs for
	// everybody on a public route.
	for name, c := range map[string]verifiertest.Claims{
		"nobody":         {Audience: host},
		"nobody, absent": {Audience: host, Omit: []string{"sub", "user"}},
		"nobody, with an email and groups": {
			Audience: host, Email: "admin@example.com", Groups: []string{"admins"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			assertion := i.Assertion(c)
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, nobody, assertion)
		})
	}
	for name, subject := range map[string]string{"line break": "ann\nroot", "NUL": "ann\x00", "C1 control": "ann\u009b"} {
		t.Run("sub and user with a "+name, func(t *testing.T) {
			c := ann()
			c.Subject = subject
			assertion := i.Assertion(c)
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, claims, assertion)
		})
	}
}

// omitted stands for a claim that is left out.
var omitted = new(int)

// TestVerifyRefusesPayloads: texts that no JSON encoder writes. GOOD stands for
// the members of a good payload.
func TestVerifyRefusesPayloads(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	head, payload, _ := decodeParts(t, issuer.Assertion(ann()))
	good := strings.Trim(string(payload), "{}")
	tests := map[string]string{
		"nothing":                      "",
		"not JSON":                     "foo",
		"null":                         "null",
		"a list":                       "[{GOOD}]",
		"a string":                     `"GOOD"`,
		"two objects":                  "{GOOD}{GOOD}",
		"trailing garbage":             "{GOOD}x",
		"trailing NUL":                 "{GOOD}\x00",
		"trailing comma":               "{GOOD,}",
		"a comment":                    "{GOOD/* */}",
		"unfinished":                   "{GOOD",
		"a byte order mark":            "\ufeff{GOOD}",
		"UTF-16":                       "\xff\xfe{\x00}\x00",
		"invalid UTF-8 in a value":     "{GOOD,\"x\":\"\xff\"}",
		"invalid UTF-8 in a name":      "{GOOD,\"\xff\":1}",
		"a raw line break in a string": "{GOOD,\"x\":\"\n\"}",
		"NaN":                          `{GOOD,"x":NaN}`,
		"Infinity":                     `{GOOD,"x":Infinity}`,
		"a leading zero":               `{GOOD,"x":01}`,
		"a hexadecimal number":         `{GOOD,"x":0x1}`,
		"nested too deep":              `{GOOD,"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		"sub twice, the same":          `{GOOD,"sub":"` + ann().Subject + `"}`,
		"sub twice, once escaped":      `{GOOD,"s\u0075b":"root"}`,
		"email twice, the other first": `{"email":"root@example.com",GOOD}`,
		"unknown claim twice":          `{GOOD,"x":1,"x":2}`,
		"duplicate in an object":       `{GOOD,"x":{"a":1,"a":2}}`,
		"duplicate deep in a list":     `{GOOD,"x":[[{"y":[{"a":1,"\u0061":2}]}]]}`,
	}
	for _, claim := range []string{"iss", "aud", "exp", "iat", "sub", "user", "groups", "name", "sid", "jti"} {
		tests[claim+" twice"] = fmt.Sprintf(`{GOOD,%q:null}`, claim)
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			assertion := issuer.Sign(head, []byte(strings.ReplaceAll(text, "GOOD", good)))
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, verifier.ReasonClaims, assertion)
		})
	}
}

// TestVerifyComparesHostsByASCII: U+212A is a Kelvin sign and, folded as Unicode
// says, a "k". A registrar may think otherwise.
func TestVerifyComparesHostsByASCII(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{Issuer: "kiosk.example.com", Audience: []string{"kiosk.example.com"}})
	for _, tt := range []struct {
		iss, aud string
		want     verifier.Reason
	}{
		{"KIOSK.example.COM", "Kiosk.Example.com", ""},
		{"\u212aiosk.example.com", "kiosk.example.com", verifier.ReasonIssuer},
		{"kiosk.example.com", "\u212aiosk.example.com", verifier.ReasonAudience},
		{"kiosk.example.com", "kio\u017fk.example.com", verifier.ReasonAudience},
		{"kiosk.example.com", "kiosk\x0eexample.com", verifier.ReasonAudience}, // "." but for one bit
	} {
		c := ann()
		c.Issuer, c.Audience = tt.iss, tt.aud
		assertion := issuer.Assertion(c)
		p, err := v.Verify(t.Context(), assertion)
		if tt.want != "" {
			wantRefusal(t, p, err, tt.want, assertion)
		} else if err != nil {
			t.Errorf("%s, %s: %v", tt.iss, tt.aud, err)
		}
	}
}

// TestVerifyRefusesAssertionsForOtherApps: all routes of a Pomerium share their
// keys, so every app has valid assertions for every other. And two Pomeriums may
// have routes of one name.
func TestVerifyRefusesAssertionsForOtherApps(t *testing.T) {
	issuers := []*verifiertest.Issuer{newIssuer(t), newIssuer(t)}
	hosts := []string{"a.example.com", "b.example.com", "aa.example.com", "a.example.co", "example.com"}
	for i, signer := range issuers {
		for _, from := range hosts {
			assertion := signer.Assertion(verifiertest.Claims{Audience: from, Subject: "ann"})
			// The app goes by its audience alone, the harder case.
			otherIssuer := signer.Assertion(verifiertest.Claims{Audience: from, Issuer: hosts[0], Subject: "ann"})
			for j, trusted := range issuers {
				for _, to := range hosts {
					v := newVerifier(t, trusted, verifier.Options{Issuer: to, Audience: []string{to}})
					p, err := v.Verify(t.Context(), assertion)
					switch {
					case i != j:
						wantRefusal(t, p, err, verifier.ReasonKeyUnknown, assertion)
						continue
					case from != to:
						wantRefusal(t, p, err, verifier.ReasonIssuer, assertion)
					case err != nil:
						t.Errorf("%s: %v", to, err)
					}
					v = newVerifier(t, trusted, verifier.Options{Issuer: hosts[0], Audience: []string{to}})
					p, err = v.Verify(t.Context(), otherIssuer)
					if from != to {
						wantRefusal(t, p, err, verifier.ReasonAudience, otherIssuer)
					} else if err != nil {
						t.Errorf("%s: %v", to, err)
					}
				}
			}
		}
	}
}

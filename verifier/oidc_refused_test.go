package verifier_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
)

// TestIDTokenRefused holds the relying-party list of the OpenID conformance
// suite (the rows named oidcc-client-test-…) and what else may not pass.
func TestIDTokenRefused(t *testing.T) {
	issuer := newIssuer(t)
	v := newOIDC(t, staticKeys(t, issuer), verifier.Options{})
	seconds := func(n int64) int64 { return now().Unix() + n }
	const malformed, badClaims = verifier.ReasonMalformed, verifier.ReasonClaims
	for name, tt := range map[string]struct {
		header, claims changes
		want           verifier.Reason
	}{
		"oidcc-client-test-idtoken-sig-none":   {changes{"alg": "none"}, nil, verifier.ReasonAlgorithm},
		"oidcc-client-test-invalid-iss":        {nil, changes{"iss": "https://idp.example.com/realms/y"}, verifier.ReasonIssuer},
		"oidcc-client-test-invalid-aud":        {nil, changes{"aud": "another-client"}, verifier.ReasonAudience},
		"oidcc-client-test-missing-sub":        {nil, changes{"sub": absent{}}, verifier.ReasonSubjectEmpty},
		"oidcc-client-test-missing-aud":        {nil, changes{"aud": absent{}}, verifier.ReasonAudience},
		"oidcc-client-test-missing-iat":        {nil, changes{"iat": absent{}}, badClaims},
		"missing iss":                          {nil, changes{"iss": absent{}}, verifier.ReasonIssuer},
		"missing exp":                          {nil, changes{"exp": absent{}}, badClaims},
		"another kid":                          {changes{"kid": "other"}, nil, verifier.ReasonKeyUnknown},
		"empty kid":                            {changes{"kid": ""}, nil, malformed},
		"kid of control characters":            {changes{"kid": "a\x00"}, nil, malformed},
		"kid a number":                         {changes{"kid": 1}, nil, malformed},
		"HS256":                                {changes{"alg": "HS256"}, nil, verifier.ReasonAlgorithm},
		"alg of another kind of key":           {changes{"alg": "RS256"}, nil, verifier.ReasonAlgorithm},
		"no alg":                               {changes{"alg": absent{}}, nil, malformed},
		"crit":                                 {changes{"crit": []string{"exp"}}, nil, malformed},
		"b64":                                  {changes{"b64": false}, nil, malformed},
		"zip":                                  {changes{"zip": "DEF"}, nil, malformed},
		"jwk":                                  {changes{"jwk": changes{}}, nil, malformed},
		"jku":                                  {changes{"jku": "https://evil.example.com"}, nil, malformed},
		"x5u":                                  {changes{"x5u": "https://evil.example.com"}, nil, malformed},
		"x5c":                                  {changes{"x5c": []string{"AA"}}, nil, malformed},
		"Crit":                                 {changes{"Crit": []string{"exp"}}, nil, malformed},
		"Kid":                                  {changes{"Kid": "x"}, nil, malformed},
		"typ not a string":                     {changes{"typ": 1}, nil, malformed},
		"access token (RFC 9068)":              {changes{"typ": "at+jwt"}, nil, malformed},
		"access token, media type":             {changes{"typ": "application/at+JWT"}, nil, malformed},
		"logout token":                         {changes{"typ": "logout+jwt"}, nil, malformed},
		"a header that go-oidc refuses":        {changes{"nonce": 1}, nil, malformed},
		"issuer with a slash":                  {nil, changes{"iss": idpURL + "/"}, verifier.ReasonIssuer},
		"issuer in other case":                 {nil, changes{"iss": "https://IDP.example.com/realms/x"}, verifier.ReasonIssuer},
		"client ID in other case":              {nil, changes{"aud": "Machine-Client"}, verifier.ReasonAudience},
		"aud empty list":                       {nil, changes{"aud": []string{}}, verifier.ReasonAudience},
		"aud a number":                         {nil, changes{"aud": 1}, badClaims},
		"several aud, no azp":                  {nil, changes{"aud": []string{"api", client}, "azp": absent{}}, verifier.ReasonAudience},
		"several aud, azp another":             {nil, changes{"aud": []string{"api", client}, "azp": "api"}, verifier.ReasonAudience},
		"several aud, azp a list":              {nil, changes{"aud": []string{"api", client}, "azp": []string{client}}, verifier.ReasonAudience},
		"expired":                              {nil, changes{"exp": seconds(-60)}, verifier.ReasonExpired},
		"exp a string":                         {nil, changes{"exp": "9999999999"}, badClaims},
		"exp 0":                                {nil, changes{"exp": 0}, badClaims},
		"iat ahead":                            {nil, changes{"iat": seconds(61)}, verifier.ReasonNotYetValid},
		"nbf ahead":                            {nil, changes{"nbf": seconds(61)}, verifier.ReasonNotYetValid},
		"sub empty":                            {nil, changes{"sub": ""}, verifier.ReasonSubjectEmpty},
		"sub a number":                         {nil, changes{"sub": 1}, badClaims},
		"sub with control characters":          {nil, changes{"sub": "a\r\nb"}, badClaims},
		"email of two @":                       {nil, changes{"email": "a@evil.example@example.com"}, badClaims},
		"groups a string":                      {nil, changes{"groups": "g1,admins"}, badClaims},
		"groups of numbers":                    {nil, changes{"groups": []int{1}}, badClaims},
		"groups an object":                     {nil, changes{"groups": changes{}}, badClaims},
		"groups left out (Entra ID)":           {nil, changes{"groups": absent{}, "hasgroups": true}, badClaims},
		"groups elsewhere (Entra ID)":          {nil, changes{"groups": absent{}, "_claim_names": changes{"groups": "src1"}, "_claim_sources": changes{"src1": changes{"endpoint": "https://graph.example.com"}}}, badClaims},
		"email elsewhere, in other case":       {nil, changes{"_claim_names": changes{"Email": "src1"}, "_claim_sources": changes{"src1": changes{}}}, badClaims},
		"_claim_names that go-oidc refuses":    {nil, changes{"_claim_names": changes{"address": "nowhere"}}, badClaims},
		"nonce that go-oidc refuses":           {nil, changes{"nonce": 1}, badClaims},
		"claim in other case":                  {nil, changes{"Sub": "admin"}, badClaims},
		"email_verified in other case":         {nil, changes{"Email_verified": true, "email_verified": absent{}}, badClaims},
		"Keycloak's access token":              {nil, changes{"typ": "Bearer"}, badClaims},
		"Cognito's access token":               {nil, changes{"token_use": "access"}, badClaims},
		"Okta's access token":                  {nil, changes{"cid": "0oa1", "uid": "00u1", "scp": []string{"openid"}}, badClaims},
		"Keycloak's refresh token":             {nil, changes{"typ": "Refresh"}, badClaims},
		"typ claim not a string":               {nil, changes{"typ": []string{"ID"}}, badClaims},
		"logout token without typ":             {nil, changes{"events": changes{"http://schemas.openid.net/event/backchannel-logout": changes{}}}, badClaims},
		"a Pomerium assertion":                 {nil, changes{"iss": host, "aud": host}, verifier.ReasonIssuer},
		"everything wrong: kind comes first":   {nil, changes{"typ": "Bearer", "iss": "x", "aud": "x", "exp": 1}, badClaims},
		"issuer before audience before expiry": {nil, changes{"iss": "x", "aud": "x", "exp": 1}, verifier.ReasonIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			assertion := idToken(issuer, tt.header, tt.claims)
			p, err := v.Verify(t.Context(), assertion)
			wantRefusal(t, p, err, tt.want, assertion)
		})
	}
}

// TestIDTokenRefusedText: what JSON or the serialisation say twice, or in
// another way than RFC 7515 §7.1.
func TestIDTokenRefusedText(t *testing.T) {
	issuer := newIssuer(t)
	v := newOIDC(t, staticKeys(t, issuer), verifier.Options{})
	good := idToken(issuer, nil, nil)
	p := strings.Split(good, ".")
	kid := issuer.KeyID()
	for name, tt := range map[string]struct {
		assertion string
		want      verifier.Reason
	}{
		"empty":                {"", verifier.ReasonMissing},
		"long":                 {good + strings.Repeat("A", verifier.DefaultMaxBytes), verifier.ReasonTooLarge},
		"flattened JSON":       {`{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`, verifier.ReasonMalformed},
		"general JSON":         {`{"payload":"` + p[1] + `","signatures":[{"protected":"` + p[0] + `","signature":"` + p[2] + `"}]}`, verifier.ReasonMalformed},
		"two parts":            {p[0] + "." + p[1], verifier.ReasonMalformed},
		"no signature":         {p[0] + "." + p[1] + ".", verifier.ReasonMalformed},
		"five parts":           {good + ".AA.AA", verifier.ReasonMalformed},
		"space around":         {" " + good, verifier.ReasonMalformed},
		"space within":         {p[0] + " ." + p[1] + "." + p[2], verifier.ReasonMalformed},
		"line break":           {good + "\n", verifier.ReasonMalformed},
		"Bearer":               {"Bearer " + good, verifier.ReasonMalformed},
		"padding":              {good + "==", verifier.ReasonMalformed},
		"duplicate alg":        {issuer.Sign([]byte(`{"alg":"ES256","alg":"ES256","kid":"`+kid+`"}`), idClaims(nil)), verifier.ReasonMalformed},
		"duplicate x5t":        {issuer.Sign([]byte(`{"alg":"ES256","x5t":"a","x5t":"a","kid":"`+kid+`"}`), idClaims(nil)), verifier.ReasonMalformed},
		"header no object":     {issuer.Sign([]byte(`["alg"]`), idClaims(nil)), verifier.ReasonMalformed},
		"duplicate claim":      {issuer.Sign(idHeader(issuer, nil), []byte(`{"iss":"a","iss":"`+idpURL+`"}`)), verifier.ReasonClaims},
		"payload no object":    {issuer.Sign(idHeader(issuer, nil), []byte(`"x"`)), verifier.ReasonClaims},
		"payload a nested JWT": {issuer.Sign(idHeader(issuer, changes{"cty": "JWT"}), []byte(good)), verifier.ReasonClaims},
		"another's signature":  {idToken(newIssuer(t), changes{"kid": kid}, nil), verifier.ReasonSignature},
		"another's payload":    {p[0] + "." + strings.Split(idToken(issuer, nil, changes{"sub": "admin"}), ".")[1] + "." + p[2], verifier.ReasonSignature},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := v.Verify(t.Context(), tt.assertion)
			wantRefusal(t, p, err, tt.want, tt.assertion)
		})
	}
}

// TestIDTokenBitFlips: no bit of an ID token can be changed, and no end left out.
func TestIDTokenBitFlips(t *testing.T) {
	issuer := newIssuer(t)
	v := newOIDC(t, staticKeys(t, issuer), verifier.Options{})
	good := idToken(issuer, nil, nil)
	for i := range len(good) {
		if _, err := v.Verify(t.Context(), good[:i]); err == nil {
			t.Errorf("cut at %d: accepted", i)
		}
		for bit := range 8 {
			flipped := []byte(good)
			flipped[i] ^= 1 << bit
			if _, err := v.Verify(t.Context(), string(flipped)); err == nil {
				t.Errorf("byte %d, bit %d: accepted", i, bit)
			}
		}
	}
}

// FuzzIDToken signs whatever it is given. What is accepted must say the same to
// encoding/json, whose reading is a lenient one.
func FuzzIDToken(f *testing.F) {
	issuer := newIssuer(f)
	v := newOIDC(f, staticKeys(f, issuer), verifier.Options{})
	for _, header := range []changes{nil, {"crit": []string{"a"}}, {"typ": "at+jwt"}, {"kid": absent{}}} {
		f.Add(string(idHeader(issuer, header)), string(idClaims(nil)))
	}
	for _, claims := range []changes{{"aud": []string{"a", client}}, {"email_verified": false}, {"groups": "a"}, {"_claim_names": changes{"groups": "a"}}} {
		f.Add(string(idHeader(issuer, nil)), string(idClaims(claims)))
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		p, err := v.Verify(t.Context(), issuer.Sign([]byte(header), []byte(payload)))
		if err != nil {
			var refusal *verifier.Error
			if !errors.As(err, &refusal) || p != nil {
				t.Fatalf("%+v, %v", p, err)
			}
			return
		}
		var h struct{ Alg, Kid, Jku, Crit, Jwk any }
		var c struct {
			Iss, Sub, Email string
			Exp, Iat        float64
		}
		if err := errors.Join(json.Unmarshal([]byte(header), &h), json.Unmarshal([]byte(payload), &c)); err != nil {
			t.Fatal(err)
		}
		if h.Alg != "ES256" || h.Jku != nil || h.Crit != nil || h.Jwk != nil {
			t.Errorf("accepted with the header %s", header)
		}
		if c.Iss != idpURL || c.Sub == "" || c.Sub != p.Subject || c.Exp == 0 || c.Iat == 0 || p.Email != "" && p.Email != c.Email {
			t.Errorf("accepted as %+v: %s", p, payload)
		}
	})
}

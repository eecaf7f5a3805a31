package verifier_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// TestOneKeyIDForTwoAlgorithms: an assertion's algorithm says which key is meant, with a
// table and without.
func TestOneKeyIDForTwoAlgorithms(t *testing.T) {
	ec, rs := newIssuer(t), newIssuer(t, verifiertest.RSA())
	a, b := published(t, ec), published(t, rs)
	b = b.with("kid", a["kid"])
	for _, set := range [][]byte{jwks(t, a, b), jwks(t, b, a), jwks(t, b, b.with("use", "enc"), a, a, b.with("alg", "PS256"))} {
		read, err := verifier.ReadJWKS(set)
		if err != nil || len(read.Keys) != 2 {
			t.Fatalf("%v, %v", read, err)
		}
		for _, skipped := range read.Skipped {
			if !strings.Contains(skipped, a["kid"].(string)) {
				t.Errorf("%q does not name the key", skipped)
			}
		}
		v, err := verifier.New(verifier.StaticKeys(read.Keys...), verifier.Options{
			Issuer: host, Audience: []string{host}, Now: now, Algorithms: []string{"ES256", "RS256"},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, payload, _ := decodeParts(t, rs.Assertion(ann()))
		signed := rs.Sign([]byte(`{"alg":"RS256","kid":"`+a["kid"].(string)+`"}`), payload)
		for _, assertion := range []string{ec.Assertion(ann()), signed} {
			if _, err := v.Verify(t.Context(), assertion); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestHeaderIsBoundedBeforeItIsDecoded: JSON without end costs nobody's time.
func TestHeaderIsBoundedBeforeItIsDecoded(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	assertion := encode([]byte(`{"a":`+strings.Repeat("[", 60_000))) + "." + encode([]byte("{}")) + "." + encode([]byte("x"))
	p, err := v.Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonMalformed, assertion)
	if !strings.Contains(err.Error(), "header is over 4096 bytes") {
		t.Error(err)
	}
}

// TestSubjectsThatNobodySees are nobody's.
func TestSubjectsThatNobodySees(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	for _, subject := range []string{" ", "\u200b", "\u00a0\u2003", "\u2060", "\ufeff", "\u3164", "\ufe0f", " \u200b "} {
		c := ann()
		c.Subject = subject
		assertion := issuer.Assertion(c)
		p, err := v.Verify(t.Context(), assertion)
		wantRefusal(t, p, err, verifier.ReasonSubjectEmpty, assertion)
	}
}

// TestAssertionsForYears: what leaks must not be good for years.
func TestAssertionsForYears(t *testing.T) {
	issuer := newIssuer(t)
	for _, tc := range []struct {
		most, left time.Duration
		want       verifier.Reason
	}{
		{0, 24 * time.Hour, ""}, {0, 25 * time.Hour, verifier.ReasonLifetime}, {0, 10 * 365 * 24 * time.Hour, verifier.ReasonLifetime},
		{time.Hour, 2 * time.Hour, verifier.ReasonLifetime}, {-1, 10 * 365 * 24 * time.Hour, ""},
	} {
		v := newVerifier(t, issuer, verifier.Options{MaxLifetime: tc.most})
		c := ann()
		c.Expires = now().Add(tc.left)
		assertion := issuer.Assertion(c)
		p, err := v.Verify(t.Context(), assertion)
		if tc.want != "" {
			wantRefusal(t, p, err, tc.want, assertion)
		} else if err != nil {
			t.Error(err)
		}
	}
}

// TestServiceTokensOfCloudflare have a reason of their own.
func TestServiceTokensOfCloudflare(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	c := ann()
	c.Subject, c.Extra = "", map[string]any{"common_name": "e3b0.access"}
	assertion := issuer.Assertion(c)
	p, err := v.Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonServiceToken, assertion)
}

// TestGoogleEmails: the email of an external identity counts if it is verified, and never
// with the tenant before it.
func TestGoogleEmails(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{GoogleIAP: true})
	external := func(verified any) map[string]any {
		return map[string]any{"gcip": map[string]any{"email": "ann@example.com", "email_verified": verified}}
	}
	const tenant = "securetoken.google.com/p/t:"
	for _, tc := range []struct {
		subject, email string
		extra          map[string]any
		want           string
	}{
		{"accounts.google.com:1", "ann@example.com", nil, "ann@example.com"},
		{"accounts.google.com:1", "accounts.google.com:ann@example.com", nil, "ann@example.com"},
		{tenant + "uid1", "ann@example.com", external(false), ""},
		{tenant + "uid1", "ann@example.com", external("true"), ""},
		{tenant + "uid1", "ann@example.com", nil, ""},
		{tenant + "uid1", tenant + "ann@example.com", external(false), ""},
		{tenant + "uid1", tenant + "ann@example.com", external(true), "ann@example.com"},
		{"accounts.google.com:1", tenant + "ann@example.com", nil, ""},
	} {
		c := ann()
		c.Subject, c.Email, c.Extra = tc.subject, tc.email, tc.extra
		p, err := v.Verify(t.Context(), issuer.Assertion(c))
		if err != nil {
			t.Fatal(err)
		}
		if claim, _ := p.Claims["email"].(string); p.Email != tc.want || claim != tc.want {
			t.Errorf("%+v: %q, claim %q", tc, p.Email, claim)
		}
	}
}

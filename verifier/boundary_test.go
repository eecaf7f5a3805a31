package verifier_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// What mutation testing found untested: limits, at the limit and one beyond.

// TestVerifyLineBreakAnywhere: encoding/base64 skips line breaks wherever they
// are, so one in front of a part would be a second spelling of the assertion.
func TestVerifyLineBreakAnywhere(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	good := issuer.Assertion(ann())
	for part, at := range []int{0, strings.IndexByte(good, '.') + 1, strings.LastIndexByte(good, '.') + 1} {
		for _, lineBreak := range []string{"\n", "\r"} {
			assertion := good[:at] + lineBreak + good[at:]
			p, err := v.Verify(t.Context(), assertion)
			if err == nil || p != nil {
				t.Fatalf("%q before part %d: accepted", lineBreak, part+1)
			}
			wantRefusal(t, p, err, verifier.ReasonMalformed, "")
		}
	}
}

// TestVerifyKeyIDPrintable: printable ASCII is from space to tilde.
func TestVerifyKeyIDPrintable(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	_, payload, _ := decodeParts(t, issuer.Assertion(ann()))
	for keyID, want := range map[string]verifier.Reason{
		" ": verifier.ReasonKeyUnknown, "~": verifier.ReasonKeyUnknown,
		`\u001f`: verifier.ReasonMalformed, `\u007f`: verifier.ReasonMalformed, `\u0000`: verifier.ReasonMalformed,
	} {
		assertion := issuer.Sign([]byte(`{"alg":"ES256","kid":"a`+keyID+`b","typ":"JWT"}`), payload)
		p, err := v.Verify(t.Context(), assertion)
		wantRefusal(t, p, err, want, assertion)
	}
}

// TestVerifyComparesEveryLetter: hosts are compared without case from A to Z,
// and the characters next to those are themselves.
func TestVerifyComparesEveryLetter(t *testing.T) {
	issuer := newIssuer(t)
	const small, large = "abcdefghijklmnopqrstuvwxyz.example", "ABCDEFGHIJKLMNOPQRSTUVWXYZ.EXAMPLE"
	for _, tt := range []struct {
		configured, sent string
		want             verifier.Reason
	}{
		{small, large, ""},
		{large, small, ""},
		{"a@.example", "a`.example", verifier.ReasonIssuer}, // "@" is before "A", "`" before "a"
		{"a[.example", "a{.example", verifier.ReasonIssuer}, // "[" is after "Z", "{" after "z"
	} {
		v := newVerifier(t, issuer, verifier.Options{Issuer: tt.configured, Audience: []string{tt.configured}})
		c := ann()
		c.Issuer, c.Audience = tt.sent, tt.sent
		assertion := issuer.Assertion(c)
		p, err := v.Verify(t.Context(), assertion)
		if tt.want != "" {
			wantRefusal(t, p, err, tt.want, assertion)
		} else if err != nil {
			t.Errorf("%s for %s: %v", tt.sent, tt.configured, err)
		}
	}
}

// TestParseJWKSExponents: crypto/rsa takes exponents of up to 31 bits.
func TestParseJWKSExponents(t *testing.T) {
	jwks := string(newIssuer(t, verifiertest.RSA()).JWKS())
	for exponent, good := range map[string]bool{
		"AQ": false, "Ag": false, "Aw": true, // 1, 2, 3
		"f____w": true, "gAAAAQ": false, // 2³¹-1, 2³¹+1
	} {
		set := strings.Replace(jwks, `"e":"AQAB"`, `"e":"`+exponent+`"`, 1)
		if keys, err := verifier.ParseJWKS([]byte(set)); set == jwks || (err == nil) != good {
			t.Errorf("exponent %s: %d keys, %v", exponent, len(keys), err)
		}
	}
}

// TestVerifySubjectControls: what is next to the control characters is none.
func TestVerifySubjectControls(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{})
	for subject, want := range map[string]verifier.Reason{
		"a b": "", "a~b": "", "a\u00a0b": "",
		"a\x1fb": verifier.ReasonClaims, "a\x7fb": verifier.ReasonClaims, "a\u0080b": verifier.ReasonClaims, "a\u009fb": verifier.ReasonClaims,
	} {
		c := ann()
		c.Subject = subject
		assertion := issuer.Assertion(c)
		p, err := v.Verify(t.Context(), assertion)
		if want != "" {
			wantRefusal(t, p, err, want, assertion)
		} else if err != nil || p.Subject != subject {
			t.Errorf("%q: %v", subject, err)
		}
	}
}

// TestVerifyLastSecond: the year 9999 ends a second before the year 10000.
func TestVerifyLastSecond(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{MaxLifetime: -1})
	last := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
	c := ann()
	c.Expires = last
	if p, err := v.Verify(t.Context(), issuer.Assertion(c)); err != nil || !p.ExpiresAt.Equal(last) {
		t.Errorf("the last second: %+v, %v", p, err)
	}
	c.Expires = last.Add(time.Second)
	assertion := issuer.Assertion(c)
	p, err := v.Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonClaims, assertion)
}

// TestCacheInterval: the same keys are written to the cache again when what it
// says of their age is ten minutes old, and not before.
func TestCacheInterval(t *testing.T) {
	inCache(t, func(c *cached) {
		keys, start := c.start(), time.Now()
		for _, step := range []struct {
			wait    time.Duration
			written time.Duration // since the start, as the cache has it
		}{{0, 0}, {10*time.Minute - 1, 0}, {1, 10 * time.Minute}} {
			pass(step.wait)
			c.run(keys)()
			var cached struct {
				ConfirmedAt time.Time `json:"confirmed_at"`
			}
			c.must(json.Unmarshal([]byte(c.text()), &cached))
			if !cached.ConfirmedAt.Equal(start.Add(step.written)) {
				c.t.Errorf("%s on: confirmed at %s, want %s after the start", step.wait, cached.ConfirmedAt, step.written)
			}
		}
	})
}

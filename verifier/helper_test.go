package verifier_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the clock of every test that does not turn one itself.
func now() time.Time { return time.Unix(1686870680, 0).UTC() }

const host = "grafana.example.com"

func newIssuer(tb testing.TB, o ...verifiertest.Option) *verifiertest.Issuer {
	tb.Helper()
	issuer, err := verifiertest.NewIssuer(append([]verifiertest.Option{verifiertest.Clock(now)}, o...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return issuer
}

// staticKeys are the issuer's published keys, loaded as any others are.
func staticKeys(tb testing.TB, issuer *verifiertest.Issuer) verifier.KeySource {
	tb.Helper()
	keys, err := verifier.ParseJWKS(issuer.JWKS())
	if err != nil {
		tb.Fatal(err)
	}
	return verifier.StaticKeys(keys...)
}

// newVerifier verifies the issuer's assertions for host, unless o says otherwise.
func newVerifier(tb testing.TB, issuer *verifiertest.Issuer, o verifier.Options) *verifier.Verifier {
	tb.Helper()
	if o.Issuer == "" {
		o.Issuer = host
	}
	if o.Audience == nil {
		o.Audience = []string{host}
	}
	if o.Now == nil {
		o.Now = now
	}
	v, err := verifier.New(staticKeys(tb, issuer), o)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// ann is somebody whom every default verifier accepts.
func ann() verifiertest.Claims {
	return verifiertest.Claims{
		Audience:  host,
		Subject:   "google-oauth2|104583909997507305030",
		Email:     "ann@example.com",
		Name:      "Ann",
		SessionID: "8b05c98c-a488-4e54-88c4-fea3a1365fa7",
		ID:        "0b0a7a5e-6d3c-4c1c-9d57-0e7e1c9b6a54",
		Groups:    []string{"g1", "g2", "GROUP1", "GROUP2"},
	}
}

// decodeParts decodes the three parts of an assertion.
func decodeParts(tb testing.TB, assertion string) (header, payload, signature []byte) {
	tb.Helper()
	var decoded [3][]byte
	for i, part := range strings.Split(assertion, ".") {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			tb.Fatal(err)
		}
	}
	return decoded[0], decoded[1], decoded[2]
}

// wantRefusal fails the test unless err is an *Error with this reason, and has
// nothing of the assertion in its text.
func wantRefusal(tb testing.TB, p *verifier.Principal, err error, want verifier.Reason, assertion string) {
	tb.Helper()
	var e *verifier.Error
	switch {
	case err == nil:
		tb.Fatalf("accepted, as %+v", p)
	case p != nil:
		tb.Errorf("refused, but with a principal: %+v", p)
	case !errors.As(err, &e):
		tb.Fatalf("%T, want *verifier.Error: %v", err, err)
	case e.Reason != want:
		tb.Errorf("refused as %s (%v), want %s", e.Reason, err, want)
	}
	for part := range strings.SplitSeq(assertion, ".") {
		if len(part) > 8 && strings.Contains(err.Error(), part) {
			tb.Errorf("the error repeats the assertion: %v", err)
		}
	}
}

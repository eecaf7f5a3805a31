package verifier_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

const (
	idpURL = "https://idp.example.com/realms/x"
	client = "machine-client"
)

// changes are claims or header members to set; absent ones are removed.
type changes map[string]any

type absent struct{}

func (c changes) of(base map[string]any) []byte {
	maps.Copy(base, c)
	maps.DeleteFunc(base, func(_ string, v any) bool { return v == absent{} })
	data, err := json.Marshal(base)
	if err != nil {
		panic(err)
	}
	return data
}

// idToken is one that newOIDC accepts, with changes. Its header and its claims
// are those of a real provider (Entra ID's header, Keycloak's claims).
func idToken(issuer *verifiertest.Issuer, header, claims changes) string {
	return issuer.Sign(idHeader(issuer, header), idClaims(claims))
}

func idHeader(issuer *verifiertest.Issuer, c changes) []byte {
	var published struct {
		Keys []struct {
			Alg string `json:"alg"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(issuer.JWKS(), &published); err != nil {
		panic(err)
	}
	return c.of(map[string]any{"alg": published.Keys[0].Alg, "kid": issuer.KeyID(), "typ": "JWT", "x5t": "i6lGk3FZzxRcUb2C3nEQ7syHJlY"})
}

func idClaims(c changes) []byte {
	return c.of(map[string]any{
		"iss": idpURL, "sub": "f:1:robot", "aud": client, "azp": client, "typ": "ID",
		"iat": now().Unix(), "exp": now().Unix() + 300, "auth_time": now().Unix(),
		"nonce": "n-0S6_WzA2Mj", "at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng", "acr": "1",
		"email": "robot@example.com", "email_verified": true, "name": "Robot", "sid": "s1", "groups": []string{"g1", "g,2"},
	})
}

func newOIDC(tb testing.TB, keys verifier.KeySource, o verifier.Options) *verifier.Verifier {
	tb.Helper()
	if o.Issuer == "" {
		o.Issuer = idpURL
	}
	if o.Audience == nil {
		o.Audience = []string{client}
	}
	if o.Now == nil {
		o.Now = now
	}
	v, err := verifier.NewOIDC(keys, o)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestNewOIDCRefuses(t *testing.T) {
	keys := staticKeys(t, newIssuer(t))
	for name, o := range map[string]verifier.Options{
		"no issuer":      {Audience: []string{client}},
		"no audience":    {Issuer: idpURL},
		"empty audience": {Issuer: idpURL, Audience: []string{client, ""}},
		"HS256":          {Issuer: idpURL, Audience: []string{client}, Algorithms: []string{"HS256"}},
		"none":           {Issuer: idpURL, Audience: []string{client}, Algorithms: []string{"none"}},
	} {
		if _, err := verifier.NewOIDC(keys, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := verifier.NewOIDC(nil, verifier.Options{Issuer: idpURL, Audience: []string{client}}); err == nil {
		t.Error("no keys: accepted")
	}
}

func TestIDTokenPrincipal(t *testing.T) {
	for name, issuer := range map[string]*verifiertest.Issuer{
		"ES256": newIssuer(t), "RS256": newIssuer(t, verifiertest.RSA()),
	} {
		t.Run(name, func(t *testing.T) {
			assertion := idToken(issuer, nil, nil)
			got, err := newOIDC(t, staticKeys(t, issuer), verifier.Options{}).Verify(t.Context(), assertion)
			if err != nil {
				t.Fatal(err)
			}
			_, payload, _ := decodeParts(t, assertion)
			want := &verifier.Principal{
				Subject: "f:1:robot", Email: "robot@example.com", Name: "Robot", SessionID: "s1",
				Groups: []string{"g1", "g,2"}, IssuedAt: now(), ExpiresAt: now().Add(5 * time.Minute),
			}
			if err := json.Unmarshal(payload, &want.Claims); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("principal (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIDTokenAccepted(t *testing.T) {
	issuer := newIssuer(t)
	v := newOIDC(t, staticKeys(t, issuer), verifier.Options{Audience: []string{"other-client", client}})
	seconds := func(n int64) int64 { return now().Unix() + n }
	for name, tt := range map[string]struct{ header, claims changes }{
		"no typ":                          {changes{"typ": absent{}}, nil},
		"typ in lower case":               {changes{"typ": "jwt"}, nil},
		"typ of a provider's own":         {changes{"typ": "ID"}, nil},
		"kid absent, one key":             {changes{"kid": absent{}}, nil},
		"x5t#S256":                        {changes{"x5t#S256": "abc"}, nil},
		"unknown member of any type":      {changes{"org": map[string]any{"a": []int{1}}, "n": 1, "flag": nil}, nil},
		"cty":                             {changes{"cty": "json"}, nil},
		"claims as header members":        {changes{"iss": "https://evil.example.com", "aud": "x", "sub": "admin"}, nil},
		"aud a list of one":               {nil, changes{"aud": []string{client}}},
		"aud the other client ID":         {nil, changes{"aud": "other-client", "azp": absent{}}},
		"several aud and azp":             {nil, changes{"aud": []string{"api", client}}},
		"several aud, azp our other":      {nil, changes{"aud": []string{"api", client, "other-client"}, "azp": "other-client"}},
		"one aud and another azp":         {nil, changes{"azp": "1234.apps.googleusercontent.com"}},
		"one aud and no azp":              {nil, changes{"azp": absent{}}},
		"expired within leeway":           {nil, changes{"exp": seconds(-59)}},
		"iat ahead within leeway":         {nil, changes{"iat": seconds(60)}},
		"nbf ahead within leeway":         {nil, changes{"nbf": seconds(60)}},
		"times with fractions":            {nil, changes{"exp": float64(seconds(10)) + 0.5}},
		"user is not sub":                 {nil, changes{"user": "somebody"}},
		"user is not a string":            {nil, changes{"user": map[string]any{"id": 1}}},
		"no nonce, no at_hash":            {nil, changes{"nonce": absent{}, "at_hash": absent{}}},
		"groups absent":                   {nil, changes{"groups": absent{}}},
		"groups null":                     {nil, changes{"groups": nil}},
		"typ claim JWT":                   {nil, changes{"typ": "JWT"}},
		"no typ claim":                    {nil, changes{"typ": absent{}}},
		"hasgroups beside groups":         {nil, changes{"hasgroups": true}},
		"hasgroups false":                 {nil, changes{"hasgroups": false, "groups": absent{}}},
		"a claim elsewhere, not of ours":  {nil, changes{"_claim_names": changes{"address": "a"}, "_claim_sources": changes{"a": changes{"endpoint": "http://169.254.169.254/"}}}},
		"a machine: no email, no name":    {nil, changes{"email": absent{}, "email_verified": absent{}, "name": absent{}, "groups": absent{}}},
		"nested claims":                   {nil, changes{"resource_access": changes{"app": changes{"roles": []string{"a"}}}}},
		"Kubernetes: nested, dotted name": {nil, changes{"kubernetes.io": changes{"namespace": "ci"}, "typ": absent{}, "azp": absent{}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := v.Verify(t.Context(), idToken(issuer, tt.header, tt.claims))
			if err != nil {
				t.Fatal(err)
			}
			if p.Subject != "f:1:robot" {
				t.Errorf("%+v", p)
			}
		})
	}
}

// TestIDTokenKidAbsent: oidcc-client-test-kid-absent-single-jwks and
// -multiple-jwks.
func TestIDTokenKidAbsent(t *testing.T) {
	issuer := newIssuer(t)
	noKid := changes{"kid": absent{}}
	if _, err := newOIDC(t, staticKeys(t, issuer), verifier.Options{}).Verify(t.Context(), idToken(issuer, noKid, nil)); err != nil {
		t.Errorf("one key: %v", err)
	}
	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	assertion := idToken(issuer, noKid, nil)
	p, err := newOIDC(t, staticKeys(t, issuer), verifier.Options{}).Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonKeyUnknown, assertion)
}

func TestIDTokenAlgorithms(t *testing.T) {
	for _, alg := range []string{verifier.ES256, verifier.RS256} {
		issuer, other := newIssuer(t), verifier.RS256
		if alg == verifier.RS256 {
			issuer, other = newIssuer(t, verifiertest.RSA()), verifier.ES256
		}
		assertion := idToken(issuer, nil, nil)
		for _, tt := range []struct {
			algorithms []string
			want       verifier.Reason
		}{
			{nil, ""}, {[]string{alg}, ""}, {[]string{other, alg}, ""}, {[]string{other}, verifier.ReasonAlgorithm},
		} {
			p, err := newOIDC(t, staticKeys(t, issuer), verifier.Options{Algorithms: tt.algorithms}).Verify(t.Context(), assertion)
			if tt.want != "" {
				wantRefusal(t, p, err, tt.want, assertion)
			} else if err != nil {
				t.Errorf("%s with %v: %v", alg, tt.algorithms, err)
			}
		}
	}
}

// TestIDTokenGoogleIssuer: go-oidc takes "accounts.google.com" for Google's
// issuer URL; here an issuer is one exact text.
func TestIDTokenGoogleIssuer(t *testing.T) {
	issuer := newIssuer(t)
	v := newOIDC(t, staticKeys(t, issuer), verifier.Options{Issuer: "https://accounts.google.com"})
	if _, err := v.Verify(t.Context(), idToken(issuer, nil, changes{"iss": "https://accounts.google.com"})); err != nil {
		t.Error(err)
	}
	assertion := idToken(issuer, nil, changes{"iss": "accounts.google.com"})
	p, err := v.Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonIssuer, assertion)
}

func TestIDTokenLeeway(t *testing.T) {
	issuer := newIssuer(t)
	v := newOIDC(t, staticKeys(t, issuer), verifier.Options{Leeway: -1})
	for want, claims := range map[verifier.Reason]changes{
		verifier.ReasonExpired:     {"exp": now().Unix()},
		verifier.ReasonNotYetValid: {"iat": now().Unix() + 1},
	} {
		assertion := idToken(issuer, nil, claims)
		p, err := v.Verify(t.Context(), assertion)
		wantRefusal(t, p, err, want, assertion)
	}
	// go-oidc by itself would allow five minutes.
	assertion := idToken(issuer, nil, changes{"nbf": now().Unix() + 1})
	p, err := v.Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonNotYetValid, assertion)
}

// TestIDTokenEmailVerified: an address that may be somebody else's is nowhere in
// the principal, and the person is still who "sub" says.
func TestIDTokenEmailVerified(t *testing.T) {
	issuer := newIssuer(t)
	for _, tt := range []struct {
		verified any
		keeps    bool
		trust    bool
	}{
		{absent{}, false, false}, {absent{}, true, true}, {true, true, false}, {"true", true, false},
		{false, false, true}, {"false", false, true}, {nil, false, true}, {"TRUE", false, false}, {1, false, true}, {[]bool{true}, false, false}, {"", false, true},
	} {
		v := newOIDC(t, staticKeys(t, issuer), verifier.Options{TrustEmail: tt.trust})
		p, err := v.Verify(t.Context(), idToken(issuer, nil, changes{"email_verified": tt.verified}))
		if err != nil {
			t.Errorf("%v: %v", tt.verified, err)
			continue
		}
		_, claimed := p.Claims["email"]
		if (p.Email != "") != tt.keeps || claimed != tt.keeps || p.Subject == "" {
			t.Errorf("email_verified %v: email %q, among the claims: %t", tt.verified, p.Email, claimed)
		}
	}
}

// TestIDTokenHeader: the way through VerifyHeader and Handler is the same.
func TestIDTokenHeader(t *testing.T) {
	issuer := newIssuer(t)
	v := newOIDC(t, staticKeys(t, issuer), verifier.Options{})
	good := idToken(issuer, nil, nil)
	if _, err := v.VerifyHeader(t.Context(), http.Header{"X-Id-Token": {good}}, "X-Id-Token"); err != nil {
		t.Error(err)
	}
	p, err := v.VerifyHeader(t.Context(), http.Header{"X-Id-Token": {good, good}}, "X-Id-Token")
	wantRefusal(t, p, err, verifier.ReasonDuplicate, good)
}

func TestIDTokenNoKeys(t *testing.T) {
	issuer := newIssuer(t)
	assertion := idToken(issuer, nil, nil)
	p, err := newOIDC(t, verifier.StaticKeys(), verifier.Options{}).Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonKeyUnknown, assertion)
}

// TestPomeriumVerifierRefusesIDTokens and the other way round: what one accepts
// is nothing to the other, even from the same key.
func TestPomeriumVerifierRefusesIDTokens(t *testing.T) {
	issuer := newIssuer(t)
	v := newVerifier(t, issuer, verifier.Options{Issuer: idpURL, Audience: []string{client}})
	assertion := idToken(issuer, nil, nil)
	p, err := v.Verify(t.Context(), assertion)
	wantRefusal(t, p, err, verifier.ReasonMalformed, assertion)
}

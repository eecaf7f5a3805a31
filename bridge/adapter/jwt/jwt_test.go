package jwt

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/verifier"
)

func TestToken(t *testing.T) {
	o := claims(t, map[string]Claim{"email": {From: "email"}})
	a := mustOpen(t, o, serving)
	got := mustRead(t, a, inputOf(ann()))
	jti, _ := got["jti"].(string)
	if len(jti) < 22 { // 128 bits in base64
		t.Errorf("jti %q", jti)
	}
	if again := mustRead(t, a, inputOf(ann()))["jti"]; again == jti {
		t.Error("two tokens have one jti")
	}
	delete(got, "jti")
	want := map[string]any{
		"iss": "ssobridge", "aud": "grafana", "sub": "2f6a", "email": "Ann@example.com",
		"iat": float64(noon.Unix()), "exp": float64(noon.Add(time.Minute).Unix()),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	parsed, err := jose.ParseSignedCompact(token(t, a, inputOf(ann())), algorithms)
	if err != nil {
		t.Fatal(err)
	}
	header := parsed.Signatures[0].Header
	if header.Algorithm != "ES256" || header.KeyID != jwks(t, a).Keys[0].KeyID || header.ExtraHeaders["typ"] != "ssobridge+jwt" || len(header.ExtraHeaders) != 1 {
		t.Errorf("header %+v", header)
	}
}

// TestTokenIsNoAssertion: an app, or whoever reads its logs, brings back the token
// that it was given; even a bridge that trusts the key refuses it.
func TestTokenIsNoAssertion(t *testing.T) {
	keyPEM := newKey(t, "ES256")
	for _, typ := range []string{"", "JWT"} {
		o := Options{
			Header: "X-JWT-Assertion", Type: typ, Keys: []adapter.PrivateKey{keyOf(keyPEM)},
			Claims: map[string]Claim{"email": {From: "email"}, "groups": {From: "groups"}, "sid": {Const: "x"}},
		}
		a := mustOpen(t, o, serving)
		der, err := x509.MarshalPKIXPublicKey(a.(adapter.KeyOwner).PublicKeys()[0])
		if err != nil {
			t.Fatal(err)
		}
		keys, err := verifier.ParsePEM(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		if err != nil {
			t.Fatal(err)
		}
		v, err := verifier.New(anyID(keys[0]), verifier.Options{
			Issuer: serving.Host, Audience: []string{serving.Host}, Algorithms: []string{verifier.ES256}, Now: func() time.Time { return noon },
		})
		if err != nil {
			t.Fatal(err)
		}
		want := verifier.ReasonMalformed // the typ
		if typ == "JWT" {
			want = verifier.ReasonIssuer
		}
		_, err = v.Verify(t.Context(), token(t, a, inputOf(ann())))
		if refused := (*verifier.Error)(nil); !errors.As(err, &refused) || refused.Reason != want {
			t.Errorf("typ %q: %v, want %s", typ, err, want)
		}
	}
}

// anyID is a key under every ID.
type anyID verifier.Key

func (k anyID) Key(context.Context, string) (verifier.Key, error) { return verifier.Key(k), nil }

// TestNeverOutlivesTheAssertion: who loses access loses it in the app too.
func TestNeverOutlivesTheAssertion(t *testing.T) {
	o := claims(t, nil)
	o.Lifetime = 5 * time.Minute
	a := mustOpen(t, o, serving)
	for _, tt := range []struct {
		left time.Duration
		want time.Duration // 0: refused
	}{
		{time.Hour, 5 * time.Minute}, {5 * time.Minute, 5 * time.Minute}, {90 * time.Second, 90 * time.Second},
		{1999 * time.Millisecond, time.Second}, {999 * time.Millisecond, 0}, {0, 0}, {-30 * time.Second, 0}, // within the leeway for clocks
	} {
		in := inputOf(ann())
		in.Principal.ExpiresAt = noon.Add(tt.left)
		if tt.want == 0 {
			if _, err := a.Adapt(t.Context(), in); !errors.Is(err, adapter.ErrUnsendable) {
				t.Errorf("%s left: %v", tt.left, err)
			}
			continue
		}
		if got := mustRead(t, a, in)["exp"]; got != float64(noon.Add(tt.want).Unix()) {
			t.Errorf("%s left: exp %v", tt.left, got)
		}
	}
}

// TestKeysRotate: apps know a key before it signs and for as long as its tokens
// live.
func TestKeysRotate(t *testing.T) {
	before, after := keyOf(newKey(t, "RS256")), keyOf(newKey(t, "EdDSA"))
	open := func(keys ...adapter.PrivateKey) adapter.Adapter {
		return mustOpen(t, Options{Header: "X-Token", Keys: keys}, serving)
	}
	first, announced, swapped := open(before), open(before, after), open(after, before)
	for _, tt := range []struct {
		name     string
		minted   adapter.Adapter
		fetched  adapter.Adapter
		accepted bool
	}{
		{"before", first, first, true},
		{"announced", announced, first, true},
		{"the app is slow to hear of the new key", swapped, announced, true},
		{"the bridge is slow to sign with it", announced, swapped, true},
		{"not announced", swapped, first, false},
	} {
		if _, err := read(token(t, tt.minted, inputOf(ann())), jwks(t, tt.fetched), noon); (err == nil) != tt.accepted {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestShowsNoToken: opened to look at, an adapter has no key, and what people are
// shown is no credential.
func TestShowsNoToken(t *testing.T) {
	unread := adapter.NewPrivateKey(func() ([]byte, error) { return nil, errors.New("is not to be read") })
	o := Options{Header: "Authorization", Prefix: "Bearer ", Keys: []adapter.PrivateKey{unread}, Claims: map[string]Claim{"name": {From: "name"}}}
	a := mustOpen(t, o, adapter.Env{App: "grafana"})
	out, err := a.Adapt(t.Context(), inputOf(ann()))
	if err != nil {
		t.Fatal(err)
	}
	const want = `(token) {"iss":"ssobridge","aud":"grafana","iat":1801396800,"exp":1801396860,"name":"Ann Ex\u00e4mple","sub":"2f6a"}`
	if diff := cmp.Diff(http.Header{"Authorization": {want}}, out.Header); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if a.(adapter.KeyOwner).PublicKeys() != nil || a.(adapter.Publisher).Public() != nil {
		t.Error("it has keys")
	}
	o.Header, o.Cookie, o.Prefix = "", "token", ""
	out, err = mustOpen(t, o, adapter.Env{App: "grafana"}).Adapt(t.Context(), inputOf(ann()))
	if err != nil || out.Cookies[0].Value != "(secret)" || out.Cookies[0].Valid() != nil {
		t.Errorf("shown: %v, %v", out.Cookies, err)
	}

	// One that serves hides the header from whoever prints headers.
	o = claims(t, nil)
	if owned := mustOpen(t, o, serving).Owns(); !cmp.Equal(owned.Secrets, []string{"X-Jwt-Assertion"}) {
		t.Errorf("owned %+v", owned)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(verb, o); strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s prints the key", verb)
		}
	}
}

func TestPublishedKeys(t *testing.T) {
	a := mustOpen(t, claims(t, nil), serving)
	h := a.(adapter.Publisher).Public()["jwks.json"]
	ask := func(method, tag string) *http.Response {
		r := httptest.NewRequest(method, "/.ssobridge/jwks.json", nil)
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	got := ask("GET", "")
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/jwk-set+json" || got.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d, %v", got.StatusCode, got.Header)
	}
	if again := ask("GET", got.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same keys again: %d", again.StatusCode)
	}
	if post := ask("POST", ""); post.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", post.StatusCode)
	}
	// A shared secret is not published in any way.
	o := Options{Header: "X-Token", Secret: secretOf(sharedSecret, nil)}
	if public := mustOpen(t, o, serving).(adapter.Publisher).Public(); public != nil {
		t.Errorf("published: %v", public)
	}
}

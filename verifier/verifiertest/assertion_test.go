package verifiertest_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// alice is the example of a person signed in through Google.
func alice() verifiertest.Claims {
	return verifiertest.Claims{
		Audience:  "grafana.example.com",
		Subject:   "google-oauth2|104583909997507305030",
		Email:     "alice@example.com",
		Name:      "Alice",
		SessionID: "8b05c98c-a488-4e54-88c4-fea3a1365fa7",
		ID:        "0b0a7a5e-6d3c-4c1c-9d57-0e7e1c9b6a54",
		Groups:    []string{"g1", "g2", "GROUP1", "GROUP2"},
		IssuedAt:  issuedAt(),
	}
}

func TestAssertionExactBytes(t *testing.T) {
	const (
		wantHeader  = `{"alg":"ES256","kid":"93c48f25b39b4a7a7e702bc3db066a0d0f56832c3b4f7899a91731d219dd4787","typ":"JWT"}`
		wantPayload = `{"aud":"grafana.example.com","email":"alice@example.com","exp":1686870980,"groups":["g1","g2","GROUP1","GROUP2"],"iat":1686870680,"iss":"grafana.example.com","jti":"0b0a7a5e-6d3c-4c1c-9d57-0e7e1c9b6a54","name":"Alice","sid":"8b05c98c-a488-4e54-88c4-fea3a1365fa7","sub":"google-oauth2|104583909997507305030","user":"google-oauth2|104583909997507305030"}`
	)
	issuer := newIssuer(t, verifiertest.Key(fixedKey(t)))
	assertion := issuer.Assertion(alice())
	header, payload, _ := parts(t, assertion)
	if string(header) != wantHeader {
		t.Errorf("header\n got %s\nwant %s", header, wantHeader)
	}
	if string(payload) != wantPayload {
		t.Errorf("payload\n got %s\nwant %s", payload, wantPayload)
	}
	if !verifies(t, issuer.PublicKey(), assertion) {
		t.Error("the signature does not verify")
	}
}

func TestAssertionClaims(t *testing.T) {
	uri := alice()
	uri.Issuer = "https://grafana.example.com/"
	uri.Expires = issuedAt().Add(time.Hour)

	tests := map[string]struct {
		claims verifiertest.Claims
		want   string
	}{
		"nobody, on a public route": {
			claims: verifiertest.Claims{Audience: "a.example", ID: "1"},
			want:   `{"aud":"a.example","email":"","exp":1686870980,"groups":[],"iat":1686870680,"iss":"a.example","jti":"1","name":"","sid":"","sub":"","user":""}`,
		},
		"issuer in URI form and a longer life": {
			claims: uri,
			want:   `{"aud":"grafana.example.com","email":"alice@example.com","exp":1686874280,"groups":["g1","g2","GROUP1","GROUP2"],"iat":1686870680,"iss":"https://grafana.example.com/","jti":"0b0a7a5e-6d3c-4c1c-9d57-0e7e1c9b6a54","name":"Alice","sid":"8b05c98c-a488-4e54-88c4-fea3a1365fa7","sub":"google-oauth2|104583909997507305030","user":"google-oauth2|104583909997507305030"}`,
		},
		"escaped as encoding/json escapes": {
			claims: verifiertest.Claims{Audience: "a.example", ID: "1", Name: "Ål & <b>\u2028\xff", Groups: []string{"a,b", `"`}},
			want:   `{"aud":"a.example","email":"","exp":1686870980,"groups":["a,b","\""],"iat":1686870680,"iss":"a.example","jti":"1","name":"Ål \u0026 \u003cb\u003e\u2028\ufffd","sid":"","sub":"","user":""}`,
		},
		"extra claims are sorted bytewise, upper case first": {
			claims: verifiertest.Claims{Audience: "a.example", ID: "1", Extra: map[string]any{
				"resource_access.app.roles": "admin,viewer", "Zone": "eu", "email": "x@example.com",
			}},
			want: `{"Zone":"eu","aud":"a.example","email":"x@example.com","exp":1686870980,"groups":[],"iat":1686870680,"iss":"a.example","jti":"1","name":"","resource_access.app.roles":"admin,viewer","sid":"","sub":"","user":""}`,
		},
		"extra claims replace, with any type or spelling": {
			claims: verifiertest.Claims{Audience: "a.example", ID: "1", Groups: []string{"g"}, Extra: map[string]any{
				"aud": []string{"a.example", "b.example"}, "exp": json.RawMessage("1.68687098e+09"), "groups": nil, "user": "other",
			}},
			want: `{"aud":["a.example","b.example"],"email":"","exp":1.68687098e+09,"groups":null,"iat":1686870680,"iss":"a.example","jti":"1","name":"","sid":"","sub":"","user":"other"}`,
		},
		"omit has the last word": {
			claims: verifiertest.Claims{Audience: "a.example", ID: "1", Extra: map[string]any{"exp": 1, "x": 1}, Omit: []string{"exp", "iss", "sub", "x", "unheard-of"}},
			want:   `{"aud":"a.example","email":"","groups":[],"iat":1686870680,"jti":"1","name":"","sid":"","user":""}`,
		},
	}
	issuer := newIssuer(t, verifiertest.Clock(issuedAt))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			assertion := issuer.Assertion(tt.claims)
			if _, payload, _ := parts(t, assertion); string(payload) != tt.want {
				t.Errorf("payload\n got %s\nwant %s", payload, tt.want)
			}
			if !verifies(t, issuer.PublicKey(), assertion) {
				t.Error("the signature does not verify")
			}
		})
	}
}

func TestAssertionDoesNotModifyClaims(t *testing.T) {
	claims := verifiertest.Claims{Audience: "a.example", Extra: map[string]any{"x": 1}, Omit: []string{"x"}}
	newIssuer(t).Assertion(claims)
	if claims.ID != "" || claims.Groups != nil || len(claims.Extra) != 1 {
		t.Errorf("claims became %+v", claims)
	}
}

func TestAssertionRSA(t *testing.T) {
	issuer := newIssuer(t, verifiertest.RSA())
	assertion := issuer.Assertion(alice())
	header, _, signature := parts(t, assertion)
	if want := `{"alg":"RS256","kid":"` + issuer.KeyID() + `","typ":"JWT"}`; string(header) != want {
		t.Errorf("header %s, want %s", header, want)
	}
	if len(signature) != 256 {
		t.Errorf("signature of %d bytes", len(signature))
	}
	if !verifies(t, issuer.PublicKey(), assertion) {
		t.Error("the signature does not verify")
	}
}

// TestSignatureLength: one R or S in 128 begins with a zero byte, which the
// fixed-length form keeps.
func TestSignatureLength(t *testing.T) {
	issuer := newIssuer(t)
	for _, assertion := range issuer.Assertions(500, alice()) {
		if !verifies(t, issuer.PublicKey(), assertion) {
			t.Fatal("the signature does not verify")
		}
	}
}

func TestAssertionsDifferInIDOnly(t *testing.T) {
	const n = 101 // no multiple of any number of processors
	issuer := newIssuer(t, verifiertest.Clock(issuedAt))
	uuid4 := regexp.MustCompile(`"jti":"([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"`)
	ids, rests := map[string]bool{}, map[string]bool{}
	for _, assertion := range issuer.Assertions(n, alice()) {
		_, payload, _ := parts(t, assertion)
		id := uuid4.FindString(string(payload))
		if id == "" {
			t.Fatalf("no UUID of version 4 in %s", payload)
		}
		ids[id] = true
		rests[strings.Replace(string(payload), id, "", 1)] = true
		if !verifies(t, issuer.PublicKey(), assertion) {
			t.Error("a signature does not verify")
		}
	}
	if len(ids) != n || len(rests) != 1 {
		t.Errorf("%d IDs and %d payloads without their ID, want %d and 1", len(ids), len(rests), n)
	}
	if got := issuer.Assertions(0, alice()); len(got) != 0 {
		t.Errorf("asked for none, got %d", len(got))
	}
	if got := issuer.Assertions(1, alice()); len(got) != 1 || got[0] == "" {
		t.Errorf("asked for one, got %q", got)
	}
}

func TestSignAnything(t *testing.T) {
	issuer := newIssuer(t)
	for name, tt := range map[string]struct{ header, payload string }{
		"another algorithm": {`{"alg":"none"}`, `{"sub":"mallory"}`},
		"no JSON at all":    {"\x00", "foo"},
		"nothing":           {"", ""},
		"duplicate members": {`{"alg":"ES256","alg":"HS256"}`, `{"sub":"a","sub":"b"}`},
	} {
		t.Run(name, func(t *testing.T) {
			assertion := issuer.Sign([]byte(tt.header), []byte(tt.payload))
			header, payload, _ := parts(t, assertion)
			if string(header) != tt.header || string(payload) != tt.payload {
				t.Errorf("got %q and %q", header, payload)
			}
			if !verifies(t, issuer.PublicKey(), assertion) {
				t.Error("the signature does not verify")
			}
		})
	}
}

func TestUnencodableClaimsPanicInTheCaller(t *testing.T) {
	issuer := newIssuer(t)
	bad := verifiertest.Claims{Extra: map[string]any{"f": func() {}}}
	for name, mint := range map[string]func(){
		"Assertion":  func() { issuer.Assertion(bad) },
		"Assertions": func() { issuer.Assertions(8, bad) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if message, _ := recover().(string); !strings.Contains(message, "verifiertest: encoding claims") {
					t.Errorf("panic with %q", message)
				}
			}()
			mint()
		})
	}
}

func BenchmarkAssertions(b *testing.B) {
	for name, o := range map[string][]verifiertest.Option{"ES256": nil, "RS256": {verifiertest.RSA()}} {
		b.Run(name, func(b *testing.B) {
			issuer := newIssuer(b, o...)
			b.ReportAllocs()
			b.ResetTimer()
			issuer.Assertions(b.N, alice())
		})
	}
}

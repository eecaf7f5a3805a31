package jwt

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// parts are the claims of a token, without what differs from one to the next.
func parts(path string, claims map[string]any) []adaptertest.Part {
	var all []adaptertest.Part
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		p := adaptertest.Part{Name: path + name}
		switch v := claims[name].(type) {
		case map[string]any:
			all = append(all, parts(p.Name+".", v)...)
			continue
		case []any:
			p.IsList = true
			for _, item := range v {
				p.Values = append(p.Values, fmt.Sprint(item))
			}
		default:
			p.Values = []string{fmt.Sprint(v)}
		}
		if p.Name != "jti" {
			all = append(all, p)
		}
	}
	return all
}

func TestConformance(t *testing.T) {
	key := map[string][]byte{"ES256": newKey(t, "ES256"), "RS256": newKey(t, "RS256"), "EdDSA": newKey(t, "EdDSA")}
	keys := func(algorithm string) []adapter.PrivateKey { return []adapter.PrivateKey{keyOf(key[algorithm])} }
	for name, o := range map[string]Options{
		"Grafana": {
			Header: "X-JWT-Assertion", Keys: keys("ES256"),
			Claims: map[string]Claim{
				"email": {From: "email", Required: true}, "name": {From: "name", Unsendable: "omit"}, "role": {From: "role"}, "groups": {From: "groups"},
			},
			Strip: []string{"Authorization"}, StripCookies: []string{"grafana_session"},
		},
		"Hasura": {
			Header: "Authorization", Prefix: "Bearer ", Keys: keys("RS256"),
			Claims: map[string]Claim{"https://hasura.io/jwt/claims": {Object: map[string]Claim{
				"x-hasura-allowed-roles": {From: "roles"}, "x-hasura-default-role": {From: "role"}, "x-hasura-user-id": {From: "subject", Required: true},
				"x-hasura-dept": {Claim: "department"},
			}}},
			Strip: []string{"X-Hasura-*"},
		},
		"every word": {
			Header: "X-Token", Keys: keys("EdDSA"), Domains: []string{"example.com"},
			Claims: map[string]Claim{
				"sub": {From: "email", Words: value.Words{Lower: true, Allow: "a-z0-9.@-"}}, "login": {From: "email_local", Required: true, Words: value.Words{Replace: map[string]string{"+": "-plus-"}}},
				"roles": {From: "role", Type: "list", Words: value.Words{Prefix: "app:"}}, "admin": {From: "role", Type: "bool", Words: value.Words{Map: map[string]string{"Viewer": "false", "Viewer-2": "true"}}},
				"teams": {Claim: "resource_access.app.roles", Type: "list", Unsendable: "omit"}, "n": {Const: int64(3)},
				"dept": {Claim: "department", Type: "number", Words: value.Words{Unmapped: "omit", Map: map[string]string{"Engineering": "7"}}},
			},
		},
		"a cookie under a shared secret": {Cookie: "app_token", Secret: secretOf(sharedSecret, nil), Claims: map[string]Claim{"email": {From: "email"}}},
	} {
		t.Run(name, func(t *testing.T) {
			readToken := func(a adapter.Adapter, text string) ([]adaptertest.Part, bool) {
				var with any = jwks(t, a)
				if o.Cookie != "" {
					with = []byte(sharedSecret)
				}
				all, err := read(text, with, noon)
				if err != nil {
					t.Errorf("the app refuses %q: %v", text, err)
				}
				return parts("", all), true
			}
			a := mustOpen(t, o, serving)
			adaptertest.Run(t, func(tb testing.TB) adapter.Adapter {
				tb.Helper()
				return mustOpen(tb, o, serving)
			}, adaptertest.Options{
				Read: func(name, value string) ([]adaptertest.Part, bool) {
					if name != a.(*jwtAdapter).header && name != o.Cookie {
						return nil, false
					}
					return readToken(a, value[len(o.Prefix):])
				},
			})
		})
	}
}

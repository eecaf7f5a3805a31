package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/verifier"
)

// Somebody described has the claims that an assertion would have: otherwise a
// policy test passes for somebody whom the rules let in.
func TestDescribe(t *testing.T) {
	app := &App{Host: "wiki.example.com"}
	person := &verifier.Principal{
		Subject: "u1", Email: "ann@example.com", Groups: []string{"staff"},
		Claims: map[string]any{
			"contractor": true, "level": float64(7), "employees": float64(1234567), "name": "Ann",
			"resource_access": map[string]any{"wiki": map[string]any{"roles": []any{"admin", "viewer", map[string]any{}}}},
			"nothing":         nil,
		},
	}
	pomerium := &Issuer{Name: "pomerium", Format: FormatHost}
	want := map[string]any{
		"iss": "wiki.example.com", "aud": "wiki.example.com", "sub": "u1", "user": "u1", "email": "ann@example.com",
		"name": "Ann", "groups": []any{"staff"},
		"contractor": "true", "level": "7", "employees": "1.234567e+06", "resource_access.wiki.roles": "admin,viewer",
	}
	got := app.Describe(pomerium, person)
	if diff := cmp.Diff(want, got.Claims); diff != "" {
		t.Errorf("claims by Pomerium (-want +got):\n%s", diff)
	}
	if got.Name != "Ann" || person.Claims["contractor"] != true {
		t.Errorf("name %q; the person described: %v", got.Name, person.Claims)
	}

	nobody := app.Describe(pomerium, &verifier.Principal{Subject: "u1"})
	want = map[string]any{
		"iss": "wiki.example.com", "aud": "wiki.example.com", "sub": "u1", "user": "u1", "email": "", "name": "", "groups": []any{},
	}
	if diff := cmp.Diff(want, nobody.Claims); diff != "" {
		t.Errorf("claims of somebody without any (-want +got):\n%s", diff)
	}

	provider := &Issuer{Name: "idp", DiscoveryURL: "https://idp.example.com", Audience: "client"}
	for _, tc := range []struct {
		verified any
		email    string
	}{{nil, "ann@example.com"}, {true, "ann@example.com"}, {"true", "ann@example.com"}, {false, ""}, {"no", ""}} {
		p := *person
		p.Claims = map[string]any{"contractor": true}
		if tc.verified != nil {
			p.Claims["email_verified"] = tc.verified
		}
		got := app.Describe(provider, &p)
		email, has := got.Claims["email"].(string)
		if got.Email != tc.email || email != tc.email || has != (tc.email != "") || got.Claims["contractor"] != true ||
			got.Claims["iss"] != "https://idp.example.com" || got.Claims["aud"] != "client" {
			t.Errorf("email_verified %v: email %q, claims %v", tc.verified, got.Email, got.Claims)
		}
	}

	// What an assertion's checks are about is not for people to describe.
	p := *person
	p.Claims = map[string]any{"iss": "https://evil.test", "aud": "x", "user": "u2", "sub": "u3", "groups": []any{"admins"}, "email": "eve@evil.test"}
	for _, i := range []*Issuer{pomerium, provider, {Name: "iap", Foreign: true, Iss: "https://iap.example.com", Audience: "/x"}} {
		got := app.Describe(i, &p)
		if got.Claims["iss"] == "https://evil.test" || got.Claims["aud"] == "x" || got.Claims["sub"] != "u1" ||
			got.Claims["email"] != "ann@example.com" || !cmp.Equal(got.Claims["groups"], []any{"staff"}) {
			t.Errorf("%s: %v", i.Name, got.Claims)
		}
	}
}

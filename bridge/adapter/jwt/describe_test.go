package jwt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

func TestDescribe(t *testing.T) {
	o := &Options{
		Cookie: "session", Issuer: "us", Audience: "them", Type: "JWT", Lifetime: 90 * time.Second,
		Claims: map[string]Claim{
			"https://x.example/claims": {Object: map[string]Claim{"roles": {From: "roles"}, "tier": {Const: int64(1)}}},
			"admin":                    {From: "role", Type: "bool", Words: value.Words{Map: map[string]string{"admin": "true"}}},
			"name":                     {From: "name"},
		},
		Omit: []string{"name"},
	}
	want := []adapter.Sent{
		{In: "cookie", Name: "session", Source: "a signed token", How: []string{"iss us", "aud them", "typ JWT", "good for 1m30s at most"}},
		{In: "claim", Name: "admin", Source: "role", How: []string{"mapped (admin → true)", "as a bool", "required"}, Role: true},
		{In: "claim", Name: "https://x.example/claims.roles", Source: "roles", How: []string{"required"}, Role: true},
		{In: "claim", Name: "https://x.example/claims.tier", Source: "always 1"},
		{In: "claim", Name: "sub", Source: "subject", How: []string{"required"}},
	}
	if diff := cmp.Diff(want, o.Sends()); diff != "" {
		t.Errorf("sends (-want +got):\n%s", diff)
	}
	short := (&Options{Header: "Authorization", Prefix: "Bearer "}).Sends()[0]
	if diff := cmp.Diff([]string{`behind "Bearer "`, "iss ssobridge", "aud the app's name", "good for 1m at most"}, short.How); diff != "" {
		t.Errorf("a token by default (-want +got):\n%s", diff)
	}
}

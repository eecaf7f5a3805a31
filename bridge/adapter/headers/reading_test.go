package headers

import (
	"slices"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/mapping"
)

// TestOneReadingOfAClaim: an app is told the items that rules see, whether the issuer
// writes a list or, as Pomerium does, a text with commas.
func TestOneReadingOfAClaim(t *testing.T) {
	tests := map[string]struct {
		header Header
		want   []string
	}{
		"plain":   {Header{Claim: "roles"}, []string{"admin,dev"}},
		"comma":   {Header{Claim: "roles", Join: ","}, []string{"admin,dev"}},
		"pipe":    {Header{Claim: "roles", Join: "|"}, []string{"admin|dev"}},
		"repeat":  {Header{Claim: "roles", Repeat: true}, []string{"admin", "dev"}},
		"map":     {Header{Claim: "roles", Join: "|", Words: value.Words{Map: map[string]string{"dev": "Developer", "admin": "Boss"}, Unmapped: "omit"}}, []string{"Boss|Developer"}},
		"quote":   {Header{Claim: "roles", Join: ",", Quote: true}, []string{"admin,dev"}},
		"no list": {Header{Claim: "title", Join: "|"}, []string{"admin,dev"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := mustOpen(t, Options{Header: map[string]Header{"x-value": tt.header}})
			p := ann()
			for _, roles := range []any{"admin,dev", []any{"admin", "dev"}} {
				if _, list := roles.([]any); list && name == "plain" {
					continue // several are no single text
				}
				p.Claims = map[string]any{"roles": roles, "title": "admin,dev"}
				in := inputOf(p)
				in.Reading = mapping.Reading{Joined: true}
				out, err := a.Adapt(t.Context(), in)
				if got := out.Header["X-Value"]; err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("%v: %q, %v, want %q", roles, got, err, tt.want)
				}
			}
		})
	}
}

// TestPatternsInMapsAreRefused: what would never be anybody's name is no key.
func TestPatternsInMapsAreRefused(t *testing.T) {
	for _, h := range []Header{
		{From: "groups", Join: ",", Words: value.Words{Map: map[string]string{"wiki-*": "x"}, Unmapped: "omit"}},
		{From: "groups", Join: ",", Words: value.Words{Map: map[string]string{"@sre": "x"}, Unmapped: "omit"}},
		{Claim: "roles", Join: ",", Words: value.Words{Map: map[string]string{"@sre": "x"}, Unmapped: "omit"}},
		{Claim: "roles", Words: value.Words{Map: map[string]string{"a*": "x"}, Unmapped: "omit"}},
	} {
		if errs := optionErrors(t, Options{Header: map[string]Header{"x-value": h}}, adapter.Env{App: "app", Host: "app.example.com"}); len(errs) == 0 {
			t.Errorf("%+v is accepted", h.Map)
		}
	}
}

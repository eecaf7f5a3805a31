package headers

import (
	"errors"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

func TestEmailLocal(t *testing.T) {
	tests := []struct {
		email, want string // empty: refused
	}{
		{"ann@example.com", "ann"},
		{"ann@EXAMPLE.com", "ann"}, // domains have no case
		{"Ann@example.com", "Ann"}, // local parts may have
		{"ann+admin@example.com", "ann+admin"},
		{"ann.lee@kelvin.example", "ann.lee"},

		{"ann@example.org", ""},
		{"ann@mail.example.com", ""},
		{"ann@notexample.com", ""},
		{"ann@example.com.evil.test", ""},
		{"ann@example.com.", ""},
		{"ann@example", ""},
		{"ann@", ""},
		{"ann", ""},
		{"@example.com", ""},
		{"", ""},
		// U+212A, the Kelvin sign, is "k" in lower case to strings.ToLower, and
		// U+0130 is "i" with a dot: both are letters of other domains.
		{"ann@\u212aelvin.example", ""},
		{"ann@kelv\u0130n.example", ""},
		{"ann@kelv\u0131n.example", ""},
		{"ann@\uff45xample.com", ""},
		// No assertion holds two "@"; whatever does is nobody's address.
		{"admin@evil.test@example.com", ""},
		{"ann@example.com@evil.test", ""},
	}
	a := mustOpen(t, Options{
		Header:  map[string]Header{"X-User": {From: "email_local", Required: true, Encode: "utf-8"}},
		Domains: []string{"example.com", "Kelvin.Example"}, OneNamespace: true,
	})
	for _, tt := range tests {
		p := ann()
		p.Email = tt.email
		if tt.want == "" {
			if out, err := a.Adapt(t.Context(), inputOf(p)); !errors.Is(err, adapter.ErrUnsendable) {
				t.Errorf("%q: %v, %v, want a refusal", tt.email, out.Header, err)
			}
			continue
		}
		if got := sent(t, a, inputOf(p))["X-User"]; got != tt.want {
			t.Errorf("%q: %q, want %q", tt.email, got, tt.want)
		}
	}
}

// TestEmailLocalError: the refusal is logged, so it must not quote the address.
func TestEmailLocalError(t *testing.T) {
	a := mustOpen(t, Options{Header: map[string]Header{"X-User": {From: "email_local"}}, Domains: []string{"example.com"}})
	p := ann()
	p.Email = "ann@example.org"
	_, err := a.Adapt(t.Context(), inputOf(p))
	const want = "header X-User: identity cannot be sent to this app: the email's domain is not one of the adapter's domains"
	if err == nil || err.Error() != want {
		t.Errorf("Adapt: %v, want %s", err, want)
	}
}

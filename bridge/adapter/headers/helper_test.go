package headers

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

// ann is a person with something in every field.
func ann() *verifier.Principal {
	return &verifier.Principal{
		Subject: "2f6a", Email: "ann@example.com", Name: "Ann Example", Groups: []string{"sre", "staff"},
		Claims: map[string]any{
			"department": "Engineering", "roles": []any{"reader", "writer"}, "level": 3.0, "mixed": []any{"a", 1.0}, "null": nil,
		},
	}
}

func inputOf(p *verifier.Principal) adapter.Input {
	return adapter.Input{Principal: p, Decision: mapping.Decision{Roles: []string{"Editor"}, Rule: 2}, Time: noon}
}

func mustOpen(tb testing.TB, o Options) adapter.Adapter {
	tb.Helper()
	a, err := o.Open(adapter.Env{App: "app", Host: "app.example.com"})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// sent returns the headers that the app receives.
func sent(tb testing.TB, a adapter.Adapter, in adapter.Input) map[string]string {
	tb.Helper()
	out, err := a.Adapt(tb.Context(), in)
	if err != nil {
		tb.Fatal(err)
	}
	flat := make(map[string]string)
	for name, values := range out.Header {
		if len(values) != 1 {
			tb.Fatalf("header %s has %d values", name, len(values))
		}
		flat[name] = values[0]
	}
	return flat
}

// optionErrors returns Open's error as lines, one for each wrong option.
func optionErrors(tb testing.TB, o Options, env adapter.Env) []string {
	tb.Helper()
	a, err := o.Open(env)
	if err == nil {
		return nil
	}
	if a != nil {
		tb.Error("Open returned an adapter with an error")
	}
	if target := (*adapter.OptionError)(nil); !errors.As(err, &target) {
		tb.Errorf("Open: %T, want *adapter.OptionError", err)
	}
	return strings.Split(err.Error(), "\n")
}

func names(h map[string]string) []string { return slices.Sorted(maps.Keys(h)) }

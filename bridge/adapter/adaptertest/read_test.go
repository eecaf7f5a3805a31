package adaptertest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// sealed sends texts in a form that hides them, under a mark that no two requests
// share.
type sealed struct {
	texts func(in adapter.Input) []string
}

func (sealed) Owns() adapter.Owned { return adapter.Owned{Headers: []string{"X-Sealed"}} }

func (s sealed) Adapt(_ context.Context, in adapter.Input) (adapter.Output, error) {
	text := strings.Join(append(s.texts(in), rand.Text()), "\x00")
	return adapter.Output{Header: http.Header{"X-Sealed": {base64.StdEncoding.EncodeToString([]byte(text))}}}, nil
}

func readSealed(_, value string) ([]Part, bool) {
	text, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		panic(err)
	}
	parts := strings.Split(string(text), "\x00")
	return []Part{{Name: "sealed", Values: parts[:len(parts)-1], IsList: true}}, true
}

// TestReadLooksIntoValues: checks see what is within a value, and only with Read.
func TestReadLooksIntoValues(t *testing.T) {
	subject := func(in adapter.Input) []string { return []string{in.Principal.Subject} }
	for _, tt := range []struct {
		name, check string
		texts       func(in adapter.Input) []string
		read        func(name, value string) ([]Part, bool)
		finds       bool
	}{
		{"what differs is left out", "Deterministic", func(adapter.Input) []string { return []string{"x"} }, readSealed, false},
		{"what differs, unread", "Deterministic", func(adapter.Input) []string { return []string{"x"} }, nil, true},
		{"what differs within", "Deterministic", func(adapter.Input) []string { return []string{rand.Text()} }, readSealed, true},
		{"control characters", "HostileText", subject, readSealed, true},
		{"control characters, unread", "HostileText", subject, nil, false},
		{"nothing", "EmptyFields", subject, readSealed, true},
		{"a group that is split", "ListItems", func(in adapter.Input) []string {
			return strings.Split(strings.Join(in.Principal.Groups, ","), ",")
		}, readSealed, true},
		{"groups", "ListItems", func(in adapter.Input) []string { return in.Principal.Groups }, readSealed, false},
		{"one of two roles", "NoRoleIsDropped", func(in adapter.Input) []string { return in.Decision.Roles[:1] }, readSealed, true},
		{"both roles", "NoRoleIsDropped", func(in adapter.Input) []string { return in.Decision.Roles }, readSealed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := slices.IndexFunc(checks, func(c check) bool { return c.name == tt.check })
			failed := ""
			s := newSuite(t.Context(), func() adapter.Adapter { return sealed{tt.texts} }, Options{Read: tt.read})
			checks[i].run(s, func(format string, args ...any) { failed = fmt.Sprintf(format, args...) })
			if (failed != "") != tt.finds {
				t.Errorf("%s: %q", tt.check, failed)
			}
		})
	}
}

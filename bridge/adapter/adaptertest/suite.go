package adaptertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// suite is one adapter under test.
type suite struct {
	a      adapter.Adapter
	reopen func() adapter.Adapter
	// call asks one of them within the context of the test.
	call func(adapter.Adapter, adapter.Input) (adapter.Output, error)
	o    Options
}

func newSuite(ctx context.Context, open func() adapter.Adapter, o Options) *suite {
	if o.Principal == nil {
		o.Principal = Ann()
	}
	o.Role = cmp.Or(o.Role, "Viewer")
	o.OtherRole = cmp.Or(o.OtherRole, o.Role+"-2")
	if o.Split == nil {
		o.Split = func(string, string) ([]string, bool) { return nil, false }
	}
	if o.Read == nil {
		o.Read = func(string, string) ([]Part, bool) { return nil, false }
	}
	call := func(a adapter.Adapter, in adapter.Input) (adapter.Output, error) { return a.Adapt(ctx, in) }
	return &suite{a: open(), reopen: open, call: call, o: o}
}

// Ann returns a person with nothing strange about her.
func Ann() *verifier.Principal {
	return &verifier.Principal{
		Subject:   "google-oauth2|104583909997507305030",
		Email:     "ann@example.com",
		Name:      "Ann Example",
		Groups:    []string{"3b1f0c9e", "sre@example.com", "staff"},
		SessionID: "8b05c98c-a488-4e54-88c4-fea3a1365fa7",
		IssuedAt:  noon.Add(-time.Minute),
		ExpiresAt: noon.Add(4 * time.Minute),
		Claims: map[string]any{
			"department":                "Engineering",
			"resource_access.app.roles": []any{"reader", "writer"},
		},
	}
}

// noon is when every request of the suite is answered.
var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

// input is a request of the principal in the options. Nothing of it is shared
// with another input.
func (s *suite) input() adapter.Input {
	p := *s.o.Principal
	p.Groups = slices.Clone(p.Groups)
	p.Claims = make(map[string]any, len(s.o.Principal.Claims))
	for name, value := range s.o.Principal.Claims {
		if list, ok := value.([]any); ok {
			value = slices.Clone(list)
		}
		p.Claims[name] = value
	}
	return adapter.Input{
		Principal: &p,
		Decision:  mapping.Decision{Roles: []string{s.o.Role}, Rule: 1, Source: "ssobridge.toml:12"},
		Request: &http.Request{
			Method: http.MethodGet, Host: "app.example.com", URL: &url.URL{Path: "/"},
			// As a client sends them who would like to be somebody else.
			Header: http.Header{"Remote-User": {"mallory"}, "X-Webauth-User": {"mallory"}, "Cookie": {"session=mallory"}},
		},
		Time: noon,
	}
}

func (s *suite) adapt(in adapter.Input) (adapter.Output, error) { return s.call(s.a, in) }

// place is somewhere in an input that a text can stand.
type place struct {
	name string
	put  func(in *adapter.Input, text string)
}

// places are all texts that an identity provider, or whoever writes a policy,
// has a say in.
func (s *suite) places() []place {
	places := []place{
		{"subject", func(in *adapter.Input, text string) { in.Principal.Subject = text }},
		{"email", func(in *adapter.Input, text string) { in.Principal.Email = text }},
		{"name", func(in *adapter.Input, text string) { in.Principal.Name = text }},
		{"session ID", func(in *adapter.Input, text string) { in.Principal.SessionID = text }},
		{"only group", func(in *adapter.Input, text string) { in.Principal.Groups = []string{text} }},
		{"first group", func(in *adapter.Input, text string) {
			in.Principal.Groups = append([]string{text}, in.Principal.Groups...)
		}},
		{"last group", func(in *adapter.Input, text string) {
			in.Principal.Groups = append(in.Principal.Groups, text)
		}},
		{"role", func(in *adapter.Input, text string) { in.Decision.Roles = []string{text} }},
		{"second role", func(in *adapter.Input, text string) { in.Decision.Roles = []string{in.Decision.Roles[0], text} }},
	}
	for _, name := range slices.Sorted(maps.Keys(s.o.Principal.Claims)) {
		places = append(places, place{"claim " + name, func(in *adapter.Input, text string) {
			if list, ok := in.Principal.Claims[name].([]any); ok {
				in.Principal.Claims[name] = append(list, text)
				return
			}
			in.Principal.Claims[name] = text
		}})
	}
	return places
}

// emailPlaces are the parts of an address, which adapters may tell apart.
func (s *suite) emailPlaces() []place {
	local, domain, _ := strings.Cut(s.o.Principal.Email, "@")
	return []place{
		{"local part of the email", func(in *adapter.Input, text string) { in.Principal.Email = text + "@" + domain }},
		{"domain of the email", func(in *adapter.Input, text string) { in.Principal.Email = local + "@" + text }},
	}
}

// values are the values that an app would receive, by what carries them.
func (s *suite) values(out adapter.Output) map[string]string {
	all := make(map[string]string)
	add := func(carrier string, list []string) {
		for i, value := range list {
			all[fmt.Sprintf("%s[%d]", carrier, i+1)] = value
		}
	}
	for name, list := range out.Header {
		add("header "+name, list)
	}
	for _, c := range out.Cookies {
		all["cookie "+c.Name] = c.Value
	}
	for _, p := range s.parts(out) {
		add(p.Name, p.Values)
	}
	return all
}

// parts are what the app reads within values.
func (s *suite) parts(out adapter.Output) []Part {
	var all []Part
	for _, name := range slices.Sorted(maps.Keys(out.Header)) {
		for _, value := range out.Header[name] {
			parts, _ := s.o.Read(name, value)
			all = append(all, parts...)
		}
	}
	for _, c := range out.Cookies {
		parts, _ := s.o.Read(c.Name, c.Value)
		all = append(all, parts...)
	}
	return all
}

// reading is what the app makes of out, in a form that compares: parts stand in
// for the values that they were read in.
type reading struct {
	Output adapter.Output
	Parts  []Part
}

func (s *suite) reading(out adapter.Output) reading {
	r := reading{Output: adapter.Output{Header: make(http.Header)}, Parts: s.parts(out)}
	for name, list := range out.Header {
		for i, value := range list {
			if _, read := s.o.Read(name, value); read {
				value = fmt.Sprintf("(part %d)", i+1)
			}
			r.Output.Header[name] = append(r.Output.Header[name], value)
		}
	}
	for _, c := range out.Cookies {
		copied := *c //nolint:gosec // G124: in requests, cookies have no attributes
		if _, read := s.o.Read(c.Name, c.Value); read {
			copied.Value = "(parts)"
		}
		r.Output.Cookies = append(r.Output.Cookies, &copied)
	}
	return r
}

// refuse checks that an error of Adapt says that it is the person, not the
// bridge, who cannot be sent.
func refuse(r report, what string, err error) {
	if !errors.Is(err, adapter.ErrUnsendable) {
		r("%s: the error does not wrap adapter.ErrUnsendable: %v", what, err)
	}
}

package session

import (
	"cmp"
	"context"
	_ "embed" // of start.toml
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
)

var _ adapter.Describer = (*Options)(nil)

//go:embed start.toml
var start string

// Summary says what the kind is for.
func (*Options) Summary() string {
	return "the app's own session cookie, written by ssobridge with the app's secret, for apps that believe nothing else"
}

// Start returns an adapter to start one's own from.
func (*Options) Start() string { return start }

// Sends lists the cookie, and the fields of the session in it by name.
func (o *Options) Sends() []adapter.Sent {
	cookie := adapter.Sent{In: "cookie", Source: "a session", How: o.Describe()}
	if f := formats[o.Codec]; f != nil {
		cookie.Name, cookie.Source = cmp.Or(o.Cookie, f.cookie, "of your app"), "a session of "+f.framework
	}
	fields := maps.Clone(o.Fields)
	for _, name := range o.Omit {
		delete(fields, name)
	}
	sent := append([]adapter.Sent{cookie}, document.Describe("field", "", fields)...)
	for i := range sent[1:] {
		if s := &sent[i+1]; slices.Contains(o.AppMayChange, s.Name) {
			s.How = append(s.How, "the app may change it")
		}
	}
	return sent
}

func (o *Options) describeCookie(name string) string {
	return fmt.Sprintf("a session of %s in the cookie %s", formats[o.Codec].framework, name)
}

// DescribeSession says what a session of the person would hold. What only the app's
// database knows is not looked up.
func (a *sessionAdapter) DescribeSession(in adapter.Input) ([]string, error) {
	lines := []string{a.summary}
	row := document.Row{}
	if a.lookup != nil {
		if _, err := a.now(nil, &in); err != nil {
			return nil, err
		}
		lines = append(lines, a.lookup.Describe())
		for _, column := range a.fields.Columns() {
			row[column] = document.Shown("(column " + column + ")")
		}
	}
	text, err := a.write(nil, &in, row)
	if err != nil {
		return nil, err
	}
	if err := a.fits(in, text); err != nil {
		return nil, err
	}
	members, err := document.Members(text)
	if err != nil {
		return nil, err
	}
	for _, name := range a.names {
		if v, has := members[name]; has {
			lines = append(lines, fmt.Sprintf("  field %s: %s", name, v))
		}
	}
	return lines, nil
}

// fits says whether a session has room in its cookies. Of one in a store, that is
// for the store to say.
func (a *sessionAdapter) fits(in adapter.Input, text []byte) error {
	if _, stored := a.codec.(codec.Ender); stored {
		return nil
	}
	data, err := readData(text)
	if err != nil {
		return err
	}
	expires := in.Time.Add(a.plan.Lifetime)
	data[markerKey] = mark{expires: expires.Unix()}.String()
	_, err = a.encode(context.Background(), data, codec.Times{Now: in.Time, Expires: expires})
	return err
}

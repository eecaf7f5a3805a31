package sso

import (
	"cmp"
	_ "embed" // of start.toml
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

var _ adapter.Describer = (*Options)(nil)

//go:embed start.toml
var start string

// Summary says what the kind is for.
func (*Options) Summary() string {
	return "a signed answer to apps that send browsers here to ask who somebody is"
}

// Start returns an adapter to start one's own from.
func (*Options) Start() string { return start }

// Sends lists what carries the answer, and the fields in it by name.
func (o *Options) Sends() []adapter.Sent {
	p := protocols[o.Protocol]
	if p == nil {
		return nil
	}
	answer := adapter.Sent{In: "address", Name: cmp.Or(o.ReturnURL, p.returnPath), Source: "a signed answer", How: o.describeAnswer()}
	fields := maps.Clone(o.Fields)
	if fields == nil {
		fields = make(map[string]Field, 1)
	}
	if _, has := fields[p.subject]; !has {
		fields[p.subject] = p.subjectField()
	}
	sent := []adapter.Sent{answer}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if slices.Contains(o.Omit, name) {
			continue
		}
		f := fields[name]
		f.Required = f.Required || name == p.subject || slices.Contains(p.required, name)
		s := adapter.Sent{In: "field", Name: name, Role: f.source().SendsRoles()}
		if f.Const != "" {
			s.Source = fmt.Sprintf("always %q", f.Const)
		} else {
			s.Source, s.How = f.source().Describe(), f.describe()
		}
		sent = append(sent, s)
	}
	return append(sent, o.describeConnections()...)
}

func (o *Options) describeAnswer() []string {
	at := "/.ssobridge/" + o.signInPath()
	switch o.Protocol {
	case "guacamole":
		return []string{"encrypted, to whoever comes to " + at, "good once, and for " + value.DescribeDuration(cmp.Or(o.Lifetime, defaultGuacamoleLifetime))}
	case "discourse":
		return []string{"to questions at " + at, "with the app's nonce"}
	case "zulip":
		return []string{"in a form, to whoever comes to " + at, "good for " + value.DescribeDuration(cmp.Or(o.Lifetime, defaultLifetime)) + " at most"}
	}
	how := []string{"to questions at " + at}
	if o.Send == "form" {
		how = append(how, "in a form")
	}
	return append(how, value.DescribeToken(cmp.Or(o.Issuer, defaultIssuer), o.Audience, "", cmp.Or(o.Lifetime, defaultLifetime))...)
}

func (f *Field) describe() []string {
	return f.DescribeTyped(f.source(), f.Type, f.Required, f.Unsendable == "omit")
}

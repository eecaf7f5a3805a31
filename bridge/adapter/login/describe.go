package login

import (
	"cmp"
	_ "embed" // of start.toml
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

var _ adapter.Describer = (*Options)(nil)

//go:embed start.toml
var start string

// Summary says what the kind is for.
func (*Options) Summary() string {
	return "a session that ssobridge signs in for at the app, for apps that believe only their own cookie"
}

// Start returns an adapter to start one's own from.
func (*Options) Start() string { return start }

// Sends lists the session, and what signs in for it.
func (o *Options) Sends() []adapter.Sent {
	how := o.Describe()
	if o.CSRF.Path != "" {
		how = append(how, "with a token from "+o.CSRF.Path)
	}
	if timeout := cmp.Or(o.Timeout, defaultTimeout); timeout != defaultTimeout {
		how = append(how, "within "+value.DescribeDuration(timeout))
	}
	sent := []adapter.Sent{{
		In: "cookie", Name: strings.Join(o.Cookies, ", "), Source: "signed in for at " + o.method() + " " + o.Request.Path, How: how,
	}}
	for _, t := range o.tables() {
		for _, name := range slices.Sorted(maps.Keys(t.fields)) {
			if f := t.fields[name]; !slices.Contains(o.Omit, name) {
				sent = append(sent, adapter.Sent{
					In: "sign-in " + t.key, Name: name, Source: f.describeSource(), How: f.describe(), Role: f.source().SendsRoles(),
				})
			}
		}
	}
	return sent
}

func (f *Field) describeSource() string {
	switch {
	case f.Const != "":
		return fmt.Sprintf("always %q", f.Const)
	case !f.Secret.IsZero():
		return "a secret"
	case f.Credential != "":
		return fmt.Sprintf("the %s of the person's account", f.Credential)
	case f.CSRF:
		return "the app's CSRF token"
	}
	return f.source().Describe()
}

func (f *Field) describe() []string {
	how := f.DescribeTyped(f.source(), "", f.Required, f.Unsendable == "omit")
	if f.Encode != "" && f.Encode != "ascii" {
		how = append(how, "as "+f.Encode)
	}
	return how
}

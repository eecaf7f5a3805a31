package headers

import (
	_ "embed" // of start.toml
	"fmt"
	"maps"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

var _ adapter.Describer = (*Options)(nil)

//go:embed start.toml
var start string

// Summary says what the kind is for.
func (*Options) Summary() string {
	return "request headers, for apps that trust a proxy to say who somebody is"
}

// Start returns an adapter to start one's own from.
func (*Options) Start() string { return start }

// Sends lists the headers by name.
func (o *Options) Sends() []adapter.Sent {
	omitted := make(map[string]bool, len(o.Omit))
	for _, name := range o.Omit {
		omitted[adapter.FoldName(name)] = true
	}
	var sent []adapter.Sent
	for _, name := range slices.Sorted(maps.Keys(o.Header)) {
		if omitted[adapter.FoldName(name)] {
			continue
		}
		h := o.Header[name]
		sent = append(sent, adapter.Sent{In: "header", Name: name, Source: h.describeSource(o), How: h.describe(o), Role: h.sendsRoles()})
	}
	return sent
}

func (h *Header) describeSource(o *Options) string {
	switch {
	case h.Const != "":
		return fmt.Sprintf("always %q", h.Const)
	case !h.Secret.IsZero():
		return "a secret"
	case h.Needs != "":
		return h.Needs
	}
	return h.from(o).Describe()
}

// describe says what becomes of the value, in the order of the package comment.
func (h *Header) describe(o *Options) []string {
	how := h.words(o).Describe(h.from(o))
	add := func(say bool, format string, args ...any) {
		if say {
			how = append(how, fmt.Sprintf(format, args...))
		}
	}
	add(h.Wrap != "", "each in %s", h.Wrap)
	add(h.Join != "", "joined by %q", h.Join)
	add(h.Repeat, "a header for each")
	add(h.Quote, "quoted where the app would split")
	add(h.Append != "", "ended by a marker that changes with the person, their roles and time")
	add(h.Encode != "" && h.Encode != "ascii", "as %s", h.Encode)
	add(h.Required || h.sendsRoles(), "required")
	add(h.Default != "", "%q if there is none", h.Default)
	add(h.Unsendable == "omit", "what cannot be written is left out")
	return how
}

package headers

import (
	"fmt"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// from is where h's value comes from.
func (h *Header) from(o *Options) *value.Source {
	s := &value.Source{
		From: h.From, Claim: h.Claim, Attribute: h.Attribute, List: h.Join != "" || h.Repeat,
		Domains: o.Domains, OwnFrom: []string{"sync_marker"},
	}
	if h.Const != "" {
		s.Own = append(s.Own, "constant")
	}
	if !h.Secret.IsZero() || h.Needs != "" {
		s.Own = append(s.Own, "secret")
	}
	return s
}

// words are the app's words for it.
func (h *Header) words(o *Options) *value.Words {
	words := h.Words
	words.Groups, words.GroupsUnmapped = o.Groups, o.Unmapped
	return &words
}

// source sets where f's value comes from. It returns the secret, if that is it.
func (h *Header) source(o *Options, env adapter.Env, f *field, bad value.Fail) (secret string) {
	from := h.from(o)
	switch given := from.Given(); {
	case h.Needs != "":
		bad("", "missing: %s; write %s", h.Needs, h.example())
	case given != 1:
		bad("", `has %d sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text" and secret = { file = "..." }`, given)
	case h.Const != "":
		f.single = func(*adapter.Input) (string, error) { return h.Const, nil }
	case !h.Secret.IsZero():
		var err error
		if secret, err = h.Secret.Read(env); err != nil {
			bad(".secret", "%v", err)
		}
		f.single = func(*adapter.Input) (string, error) { return secret, nil }
	case h.From == "sync_marker":
		f.single = func(*adapter.Input) (string, error) { return "", nil }
	default:
		r := from.Open(env, bad)
		f.single, f.list = r.Single, r.List
	}
	return secret
}

// example is what to write for a header that needs a secret.
func (h *Header) example() string {
	if h.Prefix == "" {
		return `{ secret = { file = "..." } }`
	}
	return fmt.Sprintf(`{ secret = { file = "..." }, prefix = %q }`, h.Prefix)
}

func (h *Header) sendsRoles() bool { return h.From == "role" || h.From == "roles" }

// kind is the value of From or, for other sources, their sort.
func (h *Header) kind() string { return h.from(&Options{}).Kind() }

// known reports whether there is such a source; if not, source says so.
func (h *Header) known() bool { return h.from(&Options{}).Known() }

// sourceName is the source as messages name it.
func (h *Header) sourceName() string {
	if h.kind() == "claim" {
		return "a claim without join or repeat"
	}
	return h.from(&Options{}).Name()
}

package headers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// sources are the values of From.
var sources = []string{"email", "email_local", "subject", "name", "role", "roles", "groups", "rule", "sync_marker"}

// source sets where f's value comes from. It returns the secret, if that is it.
func (h *Header) source(o *Options, env adapter.Env, f *field, bad failFunc) (secret string) {
	switch given := h.given(); {
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
	case h.Attribute != "":
		f.single = func(in *adapter.Input) (string, error) { return in.Decision.Attributes[h.Attribute], nil }
		if env.Grants != nil && !slices.Contains(env.Grants.Attributes, h.Attribute) {
			bad(".attribute", "no rule of the app adds %q; write attributes = { %s = \"...\" } in the rules that shall", h.Attribute, h.Attribute)
		}
	case h.Claim != "" && h.Join == "" && !h.Repeat:
		f.single = func(in *adapter.Input) (string, error) { return textClaim(in, h.Claim) }
	case h.Claim != "":
		f.list = func(in *adapter.Input) ([]string, error) { return listClaim(in, h.Claim) }
	default:
		h.from(o, env, f, bad)
	}
	return secret
}

// from sets the sources that have a name of their own.
func (h *Header) from(o *Options, env adapter.Env, f *field, bad failFunc) {
	switch h.From {
	case "email":
		f.single = func(in *adapter.Input) (string, error) { return in.Principal.Email, nil }
	case "email_local":
		f.single = emailLocal(o.Domains)
		if len(o.Domains) == 0 {
			bad(".from", "email_local needs to know whose addresses it may shorten: give the adapter "+
				`domains = ["example.com"]; of two domains, ann@a.example and ann@b.example would become one user`)
		}
	case "subject":
		f.single = func(in *adapter.Input) (string, error) { return in.Principal.Subject, nil }
	case "name":
		f.single = func(in *adapter.Input) (string, error) { return in.Principal.Name, nil }
	case "role":
		f.single = onlyRole
		if env.Grants != nil && env.Grants.SeveralRoles {
			bad(".from", `sends one role, and the app's rules may grant several: write from = "roles" with join or repeat, or let each rule grant one role and match = "first"`)
		}
	case "roles":
		f.list = func(in *adapter.Input) ([]string, error) { return in.Decision.Roles, nil }
	case "rule":
		f.single = func(in *adapter.Input) (string, error) { return in.Decision.RuleName(), nil }
	case "groups":
		f.list = func(in *adapter.Input) ([]string, error) { return in.Principal.Groups, nil }
	case "sync_marker":
		f.single = func(*adapter.Input) (string, error) { return "", nil }
	default:
		bad(".from", "%q is no source; there are %s and sync_marker", h.From, strings.Join(sources[:len(sources)-1], ", "))
	}
}

func (h *Header) sendsRoles() bool { return h.From == "role" || h.From == "roles" }

// kind is the value of From or, for other sources, their sort.
func (h *Header) kind() string {
	switch {
	case h.From != "":
		return h.From
	case h.Claim != "":
		return "claim"
	case h.Attribute != "":
		return "attribute"
	case h.Const != "":
		return "constant"
	default:
		return "secret"
	}
}

// given is how many sources there are.
func (h *Header) given() int {
	n := 0
	for _, is := range []bool{h.From != "", h.Claim != "", h.Attribute != "", h.Const != "", !h.Secret.IsZero()} {
		if is {
			n++
		}
	}
	return n
}

// known reports whether there is such a source; if not, source says so.
func (h *Header) known() bool {
	return h.given() == 1 && (h.From == "" || slices.Contains(sources, h.From))
}

// sourceName is the source as messages name it.
func (h *Header) sourceName() string {
	switch kind := h.kind(); kind {
	case "claim":
		return "a claim without join or repeat"
	case "attribute":
		return "an attribute"
	case "constant", "secret":
		return "a " + kind
	default:
		return kind
	}
}

// onlyRole refuses people with several roles: one of them could be less than
// they have, or more than they need.
func onlyRole(in *adapter.Input) (string, error) {
	role, one := in.Decision.Role()
	if !one {
		return "", fmt.Errorf("the app takes one role, and the person has %d", len(in.Decision.Roles))
	}
	return role, nil
}

func textClaim(in *adapter.Input, name string) (string, error) {
	value, _ := in.Principal.Claim(name)
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("claim %q is not a string", name)
	}
}

func listClaim(in *adapter.Input, name string) ([]string, error) {
	value, _ := in.Principal.Claim(name)
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		list := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("claim %q is not a list of strings", name)
			}
			list[i] = text
		}
		return list, nil
	default:
		return nil, fmt.Errorf("claim %q is not a list of strings", name)
	}
}

func emailLocal(domains []string) func(*adapter.Input) (string, error) {
	folded := make([]string, len(domains))
	for i, d := range domains {
		folded[i] = lowerASCII(d)
	}
	return func(in *adapter.Input) (string, error) {
		if in.Principal.Email == "" {
			return "", nil
		}
		local, domain, _ := strings.Cut(in.Principal.Email, "@")
		if !slices.Contains(folded, lowerASCII(domain)) {
			return "", errors.New("the email's domain is not one of the adapter's domains")
		}
		return local, nil
	}
}

// lowerASCII lower-cases A to Z only: strings.ToLower makes the Kelvin sign an
// ASCII "k", and with it one domain into another.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

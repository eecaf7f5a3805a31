package headers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// sources lists the values of From, for messages.
const sources = "email, email_local, subject, name, role, groups, rule and sync_marker"

// source sets where f's value comes from.
func (h Header) source(o *Options, f *field, fail func(key, format string, args ...any)) {
	given := 0
	for _, s := range []string{h.From, h.Claim, h.Const} {
		if s != "" {
			given++
		}
	}
	if given != 1 {
		fail("", `has %d sources; give exactly one of from = "email", claim = "department" and const = "text"`, given)
		return
	}
	switch {
	case h.Const != "":
		f.single = func(*adapter.Input) (string, error) { return h.Const, nil }
		return
	case h.Claim != "" && h.Join == "":
		f.single = func(in *adapter.Input) (string, error) { return textClaim(in, h.Claim) }
		return
	case h.Claim != "":
		f.list = func(in *adapter.Input) ([]string, error) { return listClaim(in, h.Claim) }
		return
	}
	switch h.From {
	case "email":
		f.single = func(in *adapter.Input) (string, error) { return in.Principal.Email, nil }
	case "email_local":
		f.single = emailLocal(o.Domains)
		if len(o.Domains) == 0 {
			fail(".from", "email_local needs to know whose addresses it may shorten: give the adapter "+
				`domains = ["example.com"]; of two domains, ann@a.example and ann@b.example would become one user`)
		}
	case "subject":
		f.single = func(in *adapter.Input) (string, error) { return in.Principal.Subject, nil }
	case "name":
		f.single = func(in *adapter.Input) (string, error) { return in.Principal.Name, nil }
	case "role":
		f.single = func(in *adapter.Input) (string, error) { return in.Decision.Role, nil }
	case "rule":
		f.single = func(in *adapter.Input) (string, error) { return in.Decision.RuleName(), nil }
	case "groups":
		f.list = func(in *adapter.Input) ([]string, error) { return in.Principal.Groups, nil }
	case "sync_marker":
		f.marker = true
		f.single = func(*adapter.Input) (string, error) { return "", nil }
	default:
		fail(".from", "%q is no source; there are %s", h.From, sources)
	}
}

func textClaim(in *adapter.Input, name string) (string, error) {
	switch v := in.Principal.Claims[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("claim %q is not a string", name)
	}
}

func listClaim(in *adapter.Input, name string) ([]string, error) {
	switch v := in.Principal.Claims[name].(type) {
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

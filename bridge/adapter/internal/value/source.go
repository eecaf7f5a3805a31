// Package value is what kinds have in common: where a value comes from, and the
// app's words for what it says. In which form the app then reads it is the
// kind's own.
package value

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/mapping"
)

// Fail reports that the option at key is wrong. A key that begins with a dot is
// below the value's own.
type Fail func(key, format string, args ...any)

// Sources are the values of From that every kind has.
var Sources = []string{"email", "email_local", "subject", "name", "role", "roles", "groups", "rule"}

// Source says where a value comes from: exactly one of From, Claim, Attribute and
// Own.
type Source struct {
	// From is one of Sources or of OwnFrom.
	From string
	// Claim is the name of a claim of the assertion, Attribute of an attribute
	// that rules add to decisions.
	Claim     string
	Attribute string
	// Own are the sources given that only the kind has, such as "constant", and
	// OwnFrom the values of From that only it has.
	Own, OwnFrom []string
	// List: the claim is a list of strings, rather than one.
	List bool
	// Domains are the email domains whose addresses email_local may shorten.
	Domains []string
}

// Reader reads a source; one of the two is set.
type Reader struct {
	Single func(in *adapter.Input) (string, error)
	List   func(in *adapter.Input) ([]string, error)
}

// Open returns what reads the source, or neither if it is one that only the kind
// has.
func (s *Source) Open(env adapter.Env, bad Fail) Reader {
	switch {
	case s.Attribute != "":
		if env.Grants != nil && !slices.Contains(env.Grants.Attributes, s.Attribute) {
			bad(".attribute", "no rule of the app adds %q; write attributes = { %s = \"...\" } in the rules that shall", s.Attribute, s.Attribute)
		}
		return Reader{Single: func(in *adapter.Input) (string, error) { return in.Decision.Attributes[s.Attribute], nil }}
	case s.Claim != "" && !s.List:
		return Reader{Single: func(in *adapter.Input) (string, error) { return textClaim(in, s.Claim) }}
	case s.Claim != "":
		return Reader{List: func(in *adapter.Input) ([]string, error) { return listClaim(in, s.Claim) }}
	default:
		return s.from(env, bad)
	}
}

// from opens the sources that have a name of their own.
func (s *Source) from(env adapter.Env, bad Fail) (r Reader) {
	switch s.From {
	case "email":
		r.Single = func(in *adapter.Input) (string, error) { return in.Principal.Email, nil }
	case "email_local":
		r.Single = emailLocal(s.Domains)
		if len(s.Domains) == 0 {
			bad(".from", "email_local needs to know whose addresses it may shorten: give the adapter "+
				`domains = ["example.com"]; of two domains, ann@a.example and ann@b.example would become one user`)
		}
	case "subject":
		r.Single = func(in *adapter.Input) (string, error) { return in.Principal.Subject, nil }
	case "name":
		r.Single = func(in *adapter.Input) (string, error) { return in.Principal.Name, nil }
	case "role":
		r.Single = onlyRole
		if env.Grants != nil && env.Grants.SeveralRoles {
			bad(".from", `sends one role, and the app's rules may grant several: write from = "roles", or let each rule grant one role and match = "first"`)
		}
	case "roles":
		r.List = func(in *adapter.Input) ([]string, error) { return in.Decision.Roles, nil }
	case "rule":
		r.Single = func(in *adapter.Input) (string, error) { return in.Decision.RuleName(), nil }
	case "groups":
		r.List = func(in *adapter.Input) ([]string, error) { return in.Principal.Groups, nil }
	default:
		if !slices.Contains(s.OwnFrom, s.From) {
			all := slices.Concat(Sources, s.OwnFrom)
			bad(".from", "%q is no source; there are %s and %s", s.From, strings.Join(all[:len(all)-1], ", "), all[len(all)-1])
		}
	}
	return r
}

// SendsRoles reports whether the value is what the person may do.
func (s *Source) SendsRoles() bool { return s.From == "role" || s.From == "roles" }

// Kind is the value of From or, for other sources, their sort.
func (s *Source) Kind() string {
	switch {
	case s.From != "":
		return s.From
	case s.Claim != "":
		return "claim"
	case s.Attribute != "":
		return "attribute"
	case len(s.Own) > 0:
		return s.Own[0]
	}
	return ""
}

// Given is how many sources there are.
func (s *Source) Given() int {
	n := len(s.Own)
	for _, text := range []string{s.From, s.Claim, s.Attribute} {
		if text != "" {
			n++
		}
	}
	return n
}

// Told says of the field called name, whose option is key, what it is told from.
func (s *Source) Told(name, key string) adapter.Told {
	t := adapter.Told{Name: name, Key: key, Source: s.Kind(), Of: s.Claim + s.Attribute, List: s.List}
	if !s.Known() {
		t.Source = ""
	}
	return t
}

// Known reports whether there is exactly one source, and such a source.
func (s *Source) Known() bool {
	return s.Given() == 1 && (s.From == "" || slices.Contains(Sources, s.From) || slices.Contains(s.OwnFrom, s.From))
}

// Name is the source as messages name it.
func (s *Source) Name() string {
	switch kind := s.Kind(); kind {
	case "attribute":
		return "an attribute"
	case "claim", "constant", "secret":
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

// textClaim reads a claim as one text: a text as it is, even if it is a list with commas.
func textClaim(in *adapter.Input, name string) (string, error) {
	v, _ := in.Principal.Claim(name)
	text, ok := v.(string)
	if !ok && v != nil {
		return "", fmt.Errorf("claim %q is not a string", name)
	}
	return text, nil
}

// listClaim reads a claim as rules do, but that it holds numbers for nobody's name.
func listClaim(in *adapter.Input, name string) ([]string, error) {
	v, _ := in.Principal.Claim(name)
	list, isList := v.([]any)
	notText := func(item any) bool { _, ok := item.(string); return !ok }
	if isList && slices.ContainsFunc(list, notText) || !isList && v != nil && notText(v) {
		return nil, fmt.Errorf("claim %q is not a list of strings", name)
	}
	return in.Reading.Items(name, v)
}

func emailLocal(domains []string) func(*adapter.Input) (string, error) {
	folded := make([]string, len(domains))
	for i, d := range domains {
		folded[i] = mapping.LowerASCII(d)
	}
	return func(in *adapter.Input) (string, error) {
		if in.Principal.Email == "" {
			return "", nil
		}
		local, domain, _ := strings.Cut(in.Principal.Email, "@")
		if !slices.Contains(folded, mapping.LowerASCII(domain)) {
			return "", errors.New("the email's domain is not one of the adapter's domains")
		}
		return local, nil
	}
}

// CheckDomains keeps people from taking domains for what it is not: a list of
// who may enter. Of several domains, ann@a.example and ann@b.example would be one user:
// one says that they are one person. Used says that something has
// from = "email_local"; what is what could have.
func CheckDomains(domains []string, one, used bool, what string, fail Fail) {
	if len(domains) > 0 && !used {
		fail("domains", `are for %s with from = "email_local", and there is none; whom the app lets in is for rules to say`, what)
	}
	var distinct []string
	for _, d := range domains {
		if strings.Trim(d, ".") != d || d == "" || strings.ContainsAny(d, "@* ,") {
			fail("domains", `%q is no domain; write what stands behind the "@", such as "example.com"`, d)
			continue
		}
		if folded := mapping.LowerASCII(d); !slices.Contains(distinct, folded) {
			distinct = append(distinct, folded)
		}
	}
	switch {
	case one && len(domains) < 2:
		fail("one_namespace", "is for several domains; remove it")
	case !one && len(distinct) > 1:
		fail("domains", `ann@%s and ann@%s would become one user; keep one domain, or send from = "email". `+
			`Only if a name belongs to the same person in all of the domains, add one_namespace = true`, distinct[0], distinct[1])
	}
}

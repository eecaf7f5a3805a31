package policydiff

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Person is somebody to decide about.
type Person struct {
	Email, Subject, Name string
	Groups               []string
	// Claims are others than those; values in the types of JSON.
	Claims map[string]any

	principal *verifier.Principal
	facts     []fact // if made up
	// whom is who somebody made up is but for the facts, if that is known.
	whom string
}

// somebody names whom no email is known of.
const somebody = "somebody"

// given is the person as a file describes them, who is still to be described as
// an issuer would: see [config.App.Describe]. A subject that is not known is not
// taken from the email: a rule may deny one and grant to the other.
func (p *Person) given() *verifier.Principal {
	return &verifier.Principal{
		Subject: cmp.Or(p.Subject, config.UnknownSubject), Email: p.Email, Name: p.Name, Groups: p.Groups, Claims: p.Claims,
	}
}

// prepare makes the principal that the rules are asked about, with the claims
// that an assertion of somebody made up would hold.
func (p *Person) prepare() {
	v := p.given()
	v.Claims = make(map[string]any, len(p.Claims)+4)
	maps.Copy(v.Claims, p.Claims)
	v.Claims["sub"] = v.Subject
	if p.Email != "" {
		v.Claims["email"] = p.Email
	}
	if p.Name != "" {
		v.Claims["name"] = p.Name
	}
	if p.Groups != nil {
		groups := make([]any, len(p.Groups))
		for i, g := range p.Groups {
			groups[i] = g
		}
		v.Claims["groups"] = groups
	}
	p.principal = v
}

// mostGroups is how many groups are named of somebody who is known by nothing
// else.
const mostGroups = 3

// Who names the person, in one line that is safe to print.
func (p *Person) Who() string {
	switch {
	case p.facts != nil:
		return describe(cmp.Or(p.whom, somebody), p.facts)
	case p.Email != "":
		return visible(p.Email)
	case p.Subject != "":
		return "subject " + quote(p.Subject)
	}
	groups := quoted(p.Groups[:min(len(p.Groups), mostGroups)])
	if more := len(p.Groups) - mostGroups; more > 0 {
		groups = append(groups, fmt.Sprintf("%d more groups", more))
	}
	return "somebody in " + wording.Listed(groups)
}

// describe says in words what somebody made up is like.
func describe(who string, facts []fact) string {
	var groups, rest []string
	for _, f := range facts {
		switch f.kind {
		case isEmail:
			who = visible(f.text)
		case inGroup:
			groups = append(groups, quote(f.text))
		case isSubject:
			rest = append(rest, "with the subject "+quote(f.text))
		case isNamed:
			rest = append(rest, "with the name "+quote(f.text))
		case hasClaim:
			rest = append(rest, fmt.Sprintf("with the claim %s = %s", wording.Visible(f.claim), quote(f.text)))
		}
	}
	if groups != nil {
		who += " in " + wording.Listed(groups)
	}
	if rest != nil {
		who += " " + wording.Listed(rest)
	}
	return who
}

func quoted(texts []string) []string {
	list := make([]string, len(texts))
	for i, text := range texts {
		list[i] = quote(text)
	}
	return list
}

func quote(s string) string { return `"` + visible(s) + `"` }

// visible is a text as people can read it, without letters that they take for others.
func visible(s string) string {
	if mapping.Confusable(s) {
		escaped := strconv.QuoteToASCII(s)
		return escaped[1 : len(escaped)-1]
	}
	return wording.Visible(s)
}

// fact is one thing that is true of somebody made up.
type fact struct {
	kind  factKind
	claim string // the claim's name, of hasClaim
	text  string
}

type factKind byte

const (
	isEmail factKind = iota // of this and the next two, a person has at most one
	isSubject
	isNamed
	inGroup
	hasClaim
)

func (f fact) compare(g fact) int {
	return cmp.Or(cmp.Compare(f.kind, g.kind), cmp.Compare(f.claim, g.claim), cmp.Compare(f.text, g.text))
}

// with returns facts, which are sorted, with one more; the only one of its kind
// replaces another.
func with(facts []fact, f fact) []fact {
	if f.kind <= isNamed {
		facts = slices.DeleteFunc(slices.Clone(facts), func(g fact) bool { return g.kind == f.kind })
	}
	i, found := slices.BinarySearchFunc(facts, f, fact.compare)
	if found {
		return facts
	}
	return slices.Insert(slices.Clip(facts), i, f)
}

// subset reports whether all of facts are among wide; both are sorted.
func subset(facts, wide []fact) bool {
	for _, f := range facts {
		i, found := slices.BinarySearchFunc(wide, f, fact.compare)
		if !found {
			return false
		}
		wide = wide[i+1:]
	}
	return true
}

// key tells sets of facts apart.
func key(facts []fact) string {
	var b []byte
	for _, f := range facts {
		b = append(b, byte(f.kind))
		for _, text := range []string{f.claim, f.text} {
			b = binary.AppendUvarint(b, uint64(len(text)))
			b = append(b, text...)
		}
	}
	return string(b)
}

// personOf makes the person of whom facts are true, and nothing else is.
func personOf(facts []fact) *Person {
	p := &Person{facts: facts}
	if facts == nil {
		p.facts = []fact{}
	}
	values := make(map[string][]any)
	for _, f := range facts {
		switch f.kind {
		case isEmail:
			p.Email = f.text
		case isSubject:
			p.Subject = f.text
		case isNamed:
			p.Name = f.text
		case inGroup:
			p.Groups = append(p.Groups, f.text)
		case hasClaim:
			values[f.claim] = append(values[f.claim], f.text)
		}
	}
	for claim, list := range values {
		if p.Claims == nil {
			p.Claims = make(map[string]any)
		}
		if p.Claims[claim] = list[0]; len(list) > 1 {
			p.Claims[claim] = list
		}
	}
	p.prepare()
	return p
}

package jwt

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// Claim says what one claim holds: exactly one of From, Claim, Attribute, Const
// and Object, and how.
type Claim struct {
	// From is a source: email, email_local, subject, name, role, roles, groups or
	// rule.
	From string `toml:"from"`
	// Claim is the name of a claim of the assertion.
	Claim string `toml:"claim"`
	// Attribute is the name of an attribute that rules add to decisions.
	Attribute string `toml:"attribute"`
	// Const is a fixed text, number or boolean, or a list of them.
	Const any `toml:"const"`
	// Object holds claims within the claim, by name.
	Object map[string]Claim `toml:"object"`

	// Type is what the app reads: "string", "list" of strings, "number" or
	// "bool"; empty: a list of what is one, and of the rest a string. A claim of
	// the assertion must have the type, or be a string that reads as one. One
	// value can be a list of one.
	Type string `toml:"type"`
	// Required refuses people for whom the claim would be empty. Otherwise it is
	// left out, and of a list the app gets [].
	Required bool `toml:"required"`
	// Unsendable says what becomes of a value that cannot be written without
	// changing what it means: "refuse" the person (default), or "omit" the claim,
	// or of a list the item.
	Unsendable string `toml:"unsendable"`

	// The app's words, as in package headers.
	Map       map[string]string `toml:"map"`
	Unmapped  string            `toml:"unmapped"`
	Lower     bool              `toml:"lower"`
	Replace   map[string]string `toml:"replace"`
	Allow     string            `toml:"allow"`
	MaxLength int               `toml:"max_length"`
	Forbid    []string          `toml:"forbid"`
	Prefix    string            `toml:"prefix"`
}

// standing are the claims that the kind itself sets.
var standing = []string{"iss", "aud", "iat", "exp", "nbf", "jti"}

// member is a compiled Claim: appendTo appends its value. If there is none,
// sent is false, and what it has appended does not count.
type member struct {
	name     []byte // in JSON, with the colon
	appendTo func(b []byte, in *adapter.Input) (_ []byte, sent bool, err error)
}

func (m *member) append(b []byte, in *adapter.Input) ([]byte, bool, error) { return m.appendTo(b, in) }

// compiler gathers what Open needs of claims.
type compiler struct {
	options    *Options
	env        adapter.Env
	fail       value.Fail
	attributes []string
}

// openClaims compiles the claims.
func (o *Options) openClaims(a *jwtAdapter, env adapter.Env, fail value.Fail) {
	issuer, audience := o.Issuer, o.Audience
	if issuer == "" {
		issuer = defaultIssuer
	}
	if audience == "" {
		audience = env.App
	}
	a.start = appendString([]byte(`{"iss":`), issuer)
	a.start = appendString(append(a.start, `,"aud":`...), audience)

	for _, name := range o.Omit {
		if _, known := o.Claims[name]; !known || name == "sub" {
			fail("omit", "%q is no claim of this adapter that can be left out; it has %s", name, strings.Join(slices.Sorted(maps.Keys(o.Claims)), ", "))
		}
	}
	claims := maps.Clone(o.Claims)
	if claims == nil {
		claims = make(map[string]Claim, 1)
	}
	sub, has := claims["sub"]
	if !has {
		sub.From = "subject"
	}
	sub.Required = true
	claims["sub"] = sub
	c := &compiler{options: o, env: env, fail: fail}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		key := "claims." + name
		claim := claims[name]
		switch {
		case slices.Contains(standing, name):
			fail(key, "%q is for the bridge to set; issuer, audience and lifetime say how", name)
			continue
		case slices.Contains(o.Omit, name):
			continue
		case name == "sub" && (claim.Type != "" && claim.Type != "string" || claim.Object != nil || claim.sendsList()):
			fail(key, "a subject is one text (RFC 7519 §4.1.2)")
		}
		a.members = append(a.members, c.member(key, name, &claim))
	}
	a.attributes = c.attributes
}

func (c *Claim) sendsList() bool { return c.From == "roles" || c.From == "groups" || c.Type == "list" }

func usesEmailLocal(claims map[string]Claim) bool {
	for _, claim := range claims {
		if claim.From == "email_local" || usesEmailLocal(claim.Object) {
			return true
		}
	}
	return false
}

// member compiles the claim at key.
func (c *compiler) member(key, name string, claim *Claim) member {
	m := member{name: append(appendString(nil, name), ':'), appendTo: nothing}
	if value.HasControl(name) || name == "" {
		c.fail(key, "the name is empty or has control characters")
		return m
	}
	src := claim.source()
	switch given := src.Given(); {
	case given != 1:
		c.fail(key, `has %d sources; give exactly one of from = "email", claim = "department", attribute = "org_id", const = "text" and object = { ... }`, given)
	case claim.Object != nil:
		m.appendTo = c.object(key, claim)
	case claim.Const != nil:
		m.appendTo = c.constant(key, claim)
	default:
		m.appendTo = c.field(key, src, claim)
	}
	return m
}

func nothing(b []byte, _ *adapter.Input) ([]byte, bool, error) { return b, false, nil }

// source is where the claim's value comes from.
func (c *Claim) source() *value.Source {
	s := &value.Source{From: c.From, Claim: c.Claim, Attribute: c.Attribute, List: c.Type == "list"}
	if c.Const != nil {
		s.Own = append(s.Own, "constant")
	}
	if c.Object != nil {
		s.Own = append(s.Own, "object")
	}
	return s
}

// plain reports whether the claim says nothing but what it holds.
func (c *Claim) plain() bool {
	return c.Type == "" && !c.Required && c.Unsendable == "" && c.Map == nil && c.Unmapped == "" && !c.Lower && c.Replace == nil &&
		c.Allow == "" && c.MaxLength == 0 && c.Forbid == nil && c.Prefix == ""
}

// object compiles claims within a claim. One that is left with none is left out
// too.
func (c *compiler) object(key string, claim *Claim) func([]byte, *adapter.Input) ([]byte, bool, error) {
	if !claim.plain() {
		c.fail(key, "beside object, nothing else has an effect; write it in the claims within")
	}
	if len(claim.Object) == 0 {
		c.fail(key+".object", "has no claim")
	}
	var members []member
	for _, name := range slices.Sorted(maps.Keys(claim.Object)) {
		inner := claim.Object[name]
		members = append(members, c.member(key+".object."+name, name, &inner))
	}
	return func(b []byte, in *adapter.Input) ([]byte, bool, error) {
		b = append(b, '{')
		first := true
		for i := range members {
			before := len(b)
			if !first {
				b = append(b, ',')
			}
			var (
				sent bool
				err  error
			)
			if b, sent, err = members[i].append(append(b, members[i].name...), in); err != nil {
				return b, false, err
			}
			if !sent {
				b = b[:before]
				continue
			}
			first = false
		}
		return append(b, '}'), !first, nil
	}
}

// constant compiles a fixed value.
func (c *compiler) constant(key string, claim *Claim) func([]byte, *adapter.Input) ([]byte, bool, error) {
	if !claim.plain() {
		c.fail(key, "beside const, nothing else has an effect; write what the app shall read")
	}
	if problem := constProblem(claim.Const, true); problem != "" {
		c.fail(key+".const", "%s", problem)
		return nothing
	}
	text, err := json.Marshal(claim.Const)
	if err != nil {
		c.fail(key+".const", "cannot be written as JSON")
		return nothing
	}
	return func(b []byte, _ *adapter.Input) ([]byte, bool, error) { return append(b, text...), true, nil }
}

func constProblem(v any, list bool) string {
	switch v := v.(type) {
	case string:
		if value.HasControl(v) {
			return "has control characters"
		}
		return ""
	case bool, int64:
		return ""
	case float64:
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			return ""
		}
		return "is no number that JSON has"
	case []any:
		if !list {
			break
		}
		for _, item := range v {
			if problem := constProblem(item, false); problem != "" {
				return problem
			}
		}
		return ""
	}
	return "want a text, a number, true or false, or a list of these; claims within a claim are object = { ... }"
}

// words are the app's words for what the source says.
func (c *Claim) words() *value.Words {
	return &value.Words{
		Map: c.Map, Unmapped: c.Unmapped, Lower: c.Lower, Replace: c.Replace, Allow: c.Allow,
		MaxLength: c.MaxLength, Forbid: c.Forbid, Prefix: c.Prefix,
	}
}

// field compiles a claim that depends on the person.
func (c *compiler) field(key string, src *value.Source, claim *Claim) func([]byte, *adapter.Input) ([]byte, bool, error) {
	ok := true
	bad := func(k, format string, args ...any) {
		ok = false
		if k == "" || strings.HasPrefix(k, ".") { // below the claim
			k = key + k
		}
		c.fail(k, format, args...)
	}
	src.Domains = c.options.Domains
	f := &field{key: key, claim: src.Claim, typ: claim.Type, required: claim.Required || src.SendsRoles(), omit: claim.Unsendable == "omit"}
	f.Reader = src.Open(c.env, bad)
	f.shape = claim.words().Shape(src, c.env, bad)
	switch claim.Unsendable {
	case "", "refuse":
	case "omit":
		if src.SendsRoles() {
			bad(".unsendable", "a role cannot be left out: somebody without it may be allowed more")
		}
	default:
		bad(".unsendable", `%q; choose "refuse" or "omit"`, claim.Unsendable)
	}
	f.checkType(src, claim, bad)
	if src.Attribute != "" {
		c.attributes = append(c.attributes, src.Attribute)
	}
	if !ok {
		return nothing
	}
	f.tryFixed(claim, bad)
	return f.append
}

// checkType checks that the source can have the type.
func (f *field) checkType(src *value.Source, claim *Claim, bad value.Fail) {
	if !src.Known() {
		return
	}
	switch claim.Type {
	case "":
		f.typ = "string"
		if f.List != nil {
			f.typ = "list"
		}
	case "list":
	case "string", "number", "bool":
		if f.List != nil {
			bad(".type", `%q, but %s is a list; leave type out`, claim.Type, src.Name())
		}
		if claim.Type != "string" && claim.Map == nil && !slices.Contains([]string{"claim", "attribute"}, src.Kind()) {
			bad(".type", "%s is no %s; with map, say what it is for each", src.Name(), claim.Type)
		}
	default:
		bad(".type", `%q; choose "string", "list", "number" or "bool"`, claim.Type)
	}
}

// tryFixed writes the texts that do not depend on a person, so that those that
// cannot be sent are found when the adapter is opened.
func (f *field) tryFixed(claim *Claim, bad value.Fail) {
	if value.HasControl(claim.Prefix) {
		bad(".prefix", "%v", errControl)
	}
	for _, from := range slices.Sorted(maps.Keys(claim.Map)) {
		to, err := f.shape.Finish(claim.Map[from])
		if err == nil {
			_, err = f.write(nil, to)
		}
		if err != nil {
			bad(fmt.Sprintf(".map.%s", from), "%v", err)
		}
	}
}

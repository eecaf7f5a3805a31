package headers

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// shape turns what the source says into the app's words.
//
// Two people must never become one user, so nothing here forgets what tells them
// apart. What the app's names cannot have is refused, not dropped, cut or folded;
// with replace, a name is sent only if the way back leads to the same person.
// Where people become one all the same, somebody has written so: a map says it
// name by name, lower that case means nothing, domains whose local parts are one
// set of names.
type shape struct {
	names        map[string]string // nil: the source's own
	omitUnmapped bool
	lower        bool
	forth, back  *strings.Replacer // nil: nothing is replaced
	allowed      *[utf8.RuneSelf]bool
	most         int
	forbidden    map[string]bool // in lower case
	prefix       string
}

var (
	errUnmapped  = errors.New("map has no word for what the person has")
	errAmbiguous = errors.New("value reads like another one after replace, so that two people could become one")
	errAllowed   = errors.New("value has characters that allow does not list")
	errMost      = errors.New("value is longer than max_length")
	errForbidden = errors.New("value is one of those in forbid")
)

func (s *shape) apply(text string) (string, error) {
	if s.names != nil {
		name, known := s.names[text]
		switch {
		case known:
			text = name
		case s.omitUnmapped:
			return "", nil
		default:
			return "", errUnmapped
		}
	}
	return s.finish(text)
}

// finish does what is left to do for a text after the map.
func (s *shape) finish(text string) (string, error) {
	if s.lower {
		text = lowerASCII(text)
	}
	if s.forth != nil {
		written := s.forth.Replace(text)
		if s.back.Replace(written) != text {
			return "", errAmbiguous
		}
		text = written
	}
	switch {
	case s.allowed != nil && strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || !s.allowed[r] }):
		return "", errAllowed
	case s.most > 0 && utf8.RuneCountInString(text) > s.most:
		return "", errMost
	case s.forbidden != nil && s.forbidden[lowerASCII(text)]:
		return "", errForbidden
	}
	return s.prefix + text, nil
}

// shape compiles what h says of words; nil: nothing.
func (h *Header) shape(o *Options, env adapter.Env, bad failFunc) *shape {
	names, _ := h.names(o)
	s := &shape{names: names, omitUnmapped: h.Unmapped == "omit", lower: h.Lower, most: h.MaxLength, prefix: h.Prefix}
	if h.Map == nil && names != nil {
		s.omitUnmapped = o.Unmapped == "omit"
	}
	h.checkMap(o, env, bad)
	h.checkShape(bad)
	if h.Allow != "" {
		s.allowed = allowed(h.Allow)
		if s.allowed == nil {
			bad(".allow", `%q; write ASCII characters and ranges of them, such as "a-z0-9._-"`, h.Allow)
		}
	}
	h.replacers(s, bad)
	for _, name := range h.Forbid {
		if s.forbidden == nil {
			s.forbidden = make(map[string]bool, len(h.Forbid))
		}
		s.forbidden[lowerASCII(name)] = true
	}
	if names == nil && !s.lower && s.forth == nil && s.allowed == nil && s.most == 0 && s.forbidden == nil && s.prefix == "" {
		return nil
	}
	return s
}

// names returns the map that h's words are looked up in, and its key.
func (h *Header) names(o *Options) (names map[string]string, key string) {
	if h.Map == nil && h.From == "groups" {
		return o.Groups, "groups"
	}
	return h.Map, ".map"
}

// checkShape keeps options from what they cannot be safe for.
func (h *Header) checkShape(bad failFunc) {
	if !h.known() {
		return
	}
	kind := h.kind()
	isName := slices.Contains([]string{"email", "email_local", "subject", "name", "claim", "attribute", "groups"}, kind)
	for _, option := range []struct {
		key   string
		given bool
	}{{"replace", h.Replace != nil}, {"allow", h.Allow != ""}, {"max_length", h.MaxLength != 0}, {"forbid", h.Forbid != nil}} {
		if option.given && !isName {
			bad("."+option.key, "is not for %s, whose words somebody here chose: write the right ones there", h.sourceName())
		}
	}
	switch {
	case h.Lower && kind == "subject":
		bad(".lower", "is not for subject: two that differ in case only are two people")
	case h.Lower && (!slices.Contains([]string{"email", "email_local", "claim"}, kind) || h.Join != "" || h.Repeat):
		bad(".lower", "is for email, email_local and a claim without join or repeat")
	}
	if h.Map != nil && (h.Lower || h.Replace != nil) {
		bad(".map", "beside lower or replace: it says the app's words already; keep one of them")
	}
	if h.MaxLength < 0 {
		bad(".max_length", "negative; write how many characters the app's names have at most")
	}
	if h.Prefix != "" && (kind == "constant" || kind == "sync_marker") {
		bad(".prefix", "is not for %s", h.sourceName())
	}
	if slices.Contains(h.Forbid, "") {
		bad(".forbid", "has an empty name; nobody has it")
	}
}

func (h *Header) checkMap(o *Options, env adapter.Env, bad failFunc) {
	names, key := h.names(o)
	for _, from := range slices.Sorted(maps.Keys(names)) {
		switch {
		case names[from] == "":
			bad(key+"."+from, `empty; remove it, and unmapped = "omit" leaves out what the map lacks`)
		case h.From == "groups" && strings.HasPrefix(from, "@"):
			bad(key+"."+from, "is a list for rules, which adapters do not know; write the groups that are in it")
		}
	}
	switch {
	case h.Map == nil && h.Unmapped != "":
		bad(".unmapped", "has no effect without map; remove it")
	case h.Map == nil || !h.known():
	case h.sendsRoles():
		if h.Unmapped != "" {
			bad(".unmapped", "is not for roles: each that the app may be sent needs its word in map")
		}
		h.checkRoleMap(env, bad)
	case !slices.Contains([]string{"email", "email_local", "subject", "claim", "attribute", "groups"}, h.kind()):
		// Of a display name, people choose every letter.
		bad(".map", "is for roles, groups, claims, attributes, email, email_local and subject; not for %s", h.sourceName())
	default:
		checkUnmapped(".unmapped", "map", h.Unmapped, bad)
	}
}

// checkRoleMap wants a word for every role: what an app makes of one that it
// does not know is nobody's intention.
func (h *Header) checkRoleMap(env adapter.Env, bad failFunc) {
	need, whose := env.Roles, "the adapter's roles have"
	if need == nil && env.Grants != nil {
		need, whose = env.Grants.Roles, "the app's rules grant"
	}
	for _, role := range need {
		if _, has := h.Map[role]; !has {
			bad(".map", "has no word for %q, which %s; add %q = \"...\"", role, whose, role)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(h.Map)) {
		if env.Roles != nil && !slices.Contains(env.Roles, role) {
			bad(".map."+role, "is none of the adapter's roles, which are %s", strings.Join(env.Roles, ", "))
		}
	}
}

// replacers compiles Replace. Whatever back is, two values that both read back
// are different values, so it need not be clever.
func (h *Header) replacers(s *shape, bad failFunc) {
	var forth, back []string
	for _, from := range slices.Sorted(maps.Keys(h.Replace)) {
		to := h.Replace[from]
		switch {
		case utf8.RuneCountInString(from) != 1:
			bad(".replace."+from, "is not one character")
		case to == "":
			bad(".replace."+from, "empty; a character cannot be left out, or two people could become one")
		case s.allowed != nil && strings.ContainsFunc(to, func(r rune) bool { return r >= utf8.RuneSelf || !s.allowed[r] }):
			bad(".replace."+from, "%q has characters that allow does not list", to)
		}
		forth = append(forth, from, to)
		back = append(back, to, from)
	}
	if forth != nil {
		s.forth, s.back = strings.NewReplacer(forth...), strings.NewReplacer(back...)
	}
}

// allowed reads a set of characters such as "a-z0-9._-", in which a hyphen that
// stands first or last is itself; nil: it cannot be read.
func allowed(text string) *[utf8.RuneSelf]bool {
	var set [utf8.RuneSelf]bool
	for i := 0; i < len(text); i++ {
		first, last := text[i], text[i]
		if i+2 < len(text) && text[i+1] == '-' {
			last = text[i+2]
			i += 2
		}
		if first < ' ' || last > '~' || first != last && (class(first) != class(last) || class(first) == 0 || first > last) {
			return nil // "A-z" has six characters that nobody means
		}
		for c := first; c <= last; c++ {
			set[c] = true
		}
	}
	return &set
}

// class is which of the three rows of characters that have an order c is in.
func class(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z':
		return 'a'
	case 'A' <= c && c <= 'Z':
		return 'A'
	case '0' <= c && c <= '9':
		return '0'
	}
	return 0
}

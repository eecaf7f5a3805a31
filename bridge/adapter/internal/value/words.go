package value

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/mapping"
)

// Shape turns what the source says into the app's words.
//
// Two people must never become one user, so nothing here forgets what tells them
// apart. What the app's names cannot have is refused, not dropped, cut or folded;
// with replace, a name is sent only if the way back leads to the same person.
// Where people become one all the same, somebody has written so: a map says it
// name by name, lower that case means nothing, domains whose local parts are one
// set of names.
type Shape struct {
	names        map[string]string // nil: the source's own
	omitUnmapped bool
	lower        bool
	forth, back  *strings.Replacer // nil: nothing is replaced
	allowed      *[utf8.RuneSelf]bool
	pattern      *regexp.Regexp
	most         int
	forbidden    map[string]bool // in lower case
	prefix       string
}

// Why a text is not sent.
var (
	ErrUnmapped  = errors.New("map has no word for what the person has")
	ErrAmbiguous = errors.New("value reads like another one after replace, so that two people could become one")
	ErrAllowed   = errors.New("value has characters that allow does not list")
	ErrPattern   = errors.New("value is no name of the app: it does not match pattern")
	ErrMost      = errors.New("value is longer than max_length")
	ErrForbidden = errors.New("value is one of those in forbid")
)

// Apply returns the app's words for text; "" if they have none and the value is
// to be left out.
func (s *Shape) Apply(text string) (string, error) {
	if s.names != nil {
		name, known := s.names[text]
		switch {
		case known:
			text = name
		case s.omitUnmapped:
			return "", nil
		default:
			return "", ErrUnmapped
		}
	}
	return s.Finish(text)
}

// Finish does what is left to do for a text after the map.
func (s *Shape) Finish(text string) (string, error) {
	if s.lower {
		text = mapping.LowerASCII(text)
	}
	if s.forth != nil {
		written := s.forth.Replace(text)
		if s.back.Replace(written) != text {
			return "", ErrAmbiguous
		}
		text = written
	}
	switch {
	case s.allowed != nil && strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf || !s.allowed[r] }):
		return "", ErrAllowed
	case s.pattern != nil && !s.pattern.MatchString(text):
		return "", ErrPattern
	case s.most > 0 && utf8.RuneCountInString(text) > s.most:
		return "", ErrMost
	case s.forbidden != nil && s.forbidden[mapping.LowerASCII(text)]:
		return "", ErrForbidden
	}
	return s.prefix + text, nil
}

// Words say what to make of what a source says. They are for the fields of every kind to
// embed, so that all have the same keys.
type Words struct {
	// Map holds the app's words for what the source says, each item of a list by
	// itself. Of roles, it has every one that the app may be sent.
	Map map[string]string `toml:"map"`
	// Unmapped says what becomes of what Map lacks: "omit" it, or "refuse" the
	// person. Required beside Map, but for roles: those are always refused.
	Unmapped string `toml:"unmapped"`
	// Lower writes the letters A to Z in lower case, where case means nothing: in
	// emails, or a claim of which you know it.
	Lower bool `toml:"lower"`
	// Replace says what to write in place of characters that the app's names
	// cannot have. A value that has such a text already is refused, as its way
	// back would lead to somebody else.
	Replace map[string]string `toml:"replace"`
	// Allow are the only characters that the app's names have, such as
	// "a-z0-9._-". Others are refused.
	Allow string `toml:"allow"`
	// Pattern is a regular expression (RE2) that the app's names match from beginning to
	// end. Others are refused.
	Pattern string `toml:"pattern"`
	// MaxLength is how many characters the app's names have at most; 0: any. A
	// longer one is refused, not cut: the rest told two people apart.
	MaxLength int `toml:"max_length"`
	// Forbid are names that nobody may have, in any case, such as the account
	// that the app was installed with.
	Forbid []string `toml:"forbid"`
	// Prefix stands before the value, or before each item of a list.
	Prefix string `toml:"prefix"`
	// Unique says that no two people have the same value, and that nobody can change
	// theirs. It is for whoever knows so of a claim, an attribute or a name.
	Unique bool `toml:"unique"`

	// Groups and GroupsUnmapped are the adapter's Map and Unmapped of groups
	// where there is no Map.
	Groups         map[string]string
	GroupsUnmapped string
}

// Shape compiles the words for what src says; nil: as it is.
func (w *Words) Shape(src *Source, env adapter.Env, bad Fail) *Shape {
	names, _ := w.Names(src)
	s := &Shape{names: names, omitUnmapped: w.Unmapped == "omit", lower: w.Lower, most: w.MaxLength, prefix: w.Prefix}
	if w.Map == nil && names != nil {
		s.omitUnmapped = w.GroupsUnmapped == "omit"
	}
	w.checkMap(src, env, bad)
	w.checkShape(src, bad)
	if w.Allow != "" {
		s.allowed = allowed(w.Allow)
		if s.allowed == nil {
			bad(".allow", `%q; write ASCII characters and ranges of them, such as "a-z0-9._-"`, w.Allow)
		}
	}
	w.compilePattern(s, bad)
	w.replacers(s, bad)
	for _, name := range w.Forbid {
		if s.forbidden == nil {
			s.forbidden = make(map[string]bool, len(w.Forbid))
		}
		s.forbidden[mapping.LowerASCII(name)] = true
	}
	if names == nil && !s.lower && s.forth == nil && s.allowed == nil && s.pattern == nil && s.most == 0 && s.forbidden == nil && s.prefix == "" {
		return nil
	}
	return s
}

// Names returns the map that words for src are looked up in, and its key.
func (w *Words) Names(src *Source) (names map[string]string, key string) {
	if w.Map == nil && src.From == "groups" {
		return w.Groups, "groups"
	}
	return w.Map, ".map"
}

// Mapped reports whether the words come from a map, in which two of them may be
// one.
func (s *Shape) Mapped() bool { return s != nil && s.names != nil }

// checkShape keeps options from what they cannot be safe for.
func (w *Words) checkShape(src *Source, bad Fail) {
	if !src.Known() {
		return
	}
	kind := src.Kind()
	isName := slices.Contains([]string{"email", "email_local", "subject", "name", "claim", "attribute", "groups"}, kind)
	for _, option := range []struct {
		key   string
		given bool
	}{{"replace", w.Replace != nil}, {"allow", w.Allow != ""}, {"pattern", w.Pattern != ""}, {"max_length", w.MaxLength != 0}, {"forbid", w.Forbid != nil}} {
		if option.given && !isName {
			bad("."+option.key, "is not for %s, whose words somebody here chose: write the right ones there", src.Name())
		}
	}
	switch {
	case w.Lower && kind == "subject":
		bad(".lower", "is not for subject: two that differ in case only are two people")
	case w.Lower && (!slices.Contains([]string{"email", "email_local", "claim"}, kind) || src.List):
		bad(".lower", "is for email, email_local and a claim that is one text")
	}
	if w.Map != nil && (w.Lower || w.Replace != nil) {
		bad(".map", "beside lower or replace: it says the app's words already; keep one of them")
	}
	if w.MaxLength < 0 {
		bad(".max_length", "negative; write how many characters the app's names have at most")
	}
	if w.Prefix != "" && (kind == "constant" || kind == "sync_marker") {
		bad(".prefix", "is not for %s", src.Name())
	}
	if slices.Contains(w.Forbid, "") {
		bad(".forbid", "has an empty name; nobody has it")
	}
}

func (w *Words) checkMap(src *Source, env adapter.Env, bad Fail) {
	names, key := w.Names(src)
	for _, from := range slices.Sorted(maps.Keys(names)) {
		switch {
		case names[from] == "":
			bad(key+"."+from, `empty; remove it, and unmapped = "omit" leaves out what the map lacks`)
		case src.From == "groups" && strings.HasPrefix(from, "@"):
			bad(key+"."+from, "is a list for rules, which adapters do not know; write the groups that are in it")
		case src.Claim != "" && strings.HasPrefix(from, "@"):
			bad(key+"."+from, "is a list for rules, which adapters do not know; write the values that are in it")
		case !src.SendsRoles() && strings.Contains(from, "*"):
			bad(key+"."+from, "is a pattern for rules, and here each name stands for itself; write the names out, one for each")
		}
	}
	switch {
	case w.Map == nil && w.Unmapped != "":
		bad(".unmapped", "has no effect without map; remove it")
	case w.Map == nil || !src.Known():
	case src.SendsRoles():
		if w.Unmapped != "" {
			bad(".unmapped", "is not for roles: each that the app may be sent needs its word in map")
		}
		w.checkRoleMap(env, bad)
	case !slices.Contains([]string{"email", "email_local", "subject", "claim", "attribute", "groups"}, src.Kind()):
		// Of a display name, people choose every letter.
		bad(".map", "is for roles, groups, claims, attributes, email, email_local and subject; not for %s", src.Name())
	default:
		CheckUnmapped(".unmapped", "map", w.Unmapped, bad)
	}
}

// checkRoleMap wants a word for every role: what an app makes of one that it
// does not know is nobody's intention.
func (w *Words) checkRoleMap(env adapter.Env, bad Fail) {
	need, whose := env.Roles, "the adapter's roles have"
	if need == nil && env.Grants != nil {
		need, whose = env.Grants.Roles, "the app's rules grant"
	}
	for _, role := range need {
		if _, has := w.Map[role]; !has {
			bad(".map", "has no word for %q, which %s; add %q = \"...\"", role, whose, role)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(w.Map)) {
		if env.Roles != nil && !slices.Contains(env.Roles, role) {
			bad(".map."+role, "is none of the adapter's roles, which are %s", strings.Join(env.Roles, ", "))
		}
	}
}

// replacers compiles Replace. Whatever back is, two values that both read back
// are different values, so it need not be clever.
func (w *Words) replacers(s *Shape, bad Fail) {
	var forth, back []string
	for _, from := range slices.Sorted(maps.Keys(w.Replace)) {
		to := w.Replace[from]
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

// compilePattern compiles Pattern. RE2 takes time in proportion to a value's length.
func (w *Words) compilePattern(s *Shape, bad Fail) {
	if w.Pattern == "" {
		return
	}
	_, err := regexp.Compile(w.Pattern) // "a)|(b" is none, and would match more than a whole name
	var pattern *regexp.Regexp
	if err == nil {
		pattern, err = regexp.Compile(`\A(?:` + w.Pattern + `)\z`)
	}
	if err != nil {
		bad(".pattern", `%q is no regular expression (RE2) for a whole name; write such as "[a-z0-9]([-._]?[a-z0-9])*"`, w.Pattern)
		return
	}
	s.pattern = pattern
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

// CheckUnmapped checks what is to become of names that a table lacks.
func CheckUnmapped(key, table, unmapped string, fail Fail) {
	switch unmapped {
	case "omit", "refuse":
	case "":
		fail(key, `missing: say what becomes of names that %s lacks: "omit" them, or "refuse" the person`, table)
	default:
		fail(key, `%q; choose "omit" or "refuse"`, unmapped)
	}
}

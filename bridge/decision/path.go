package decision

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/request"
)

// PathVerdict is what a request's path means by itself.
type PathVerdict int

// The verdicts.
const (
	PathOrdinary PathVerdict = iota // it needs an identity
	PathPublic                      // it is open to everybody
	PathDenied                      // it is closed to everybody
	PathRefused                     // it has no one meaning
)

// PathRules are an app's rules about paths. Query strings, fragments and headers never
// take part (oauth2-proxy CVE-2025-54576, CVE-2026-41059, CVE-2026-34457).
type PathRules struct {
	deny, public         []pathRule
	strict, encodedSlash bool
	byMethod             bool // a deny rule is about some methods only
	preflight            bool // preflights need no identity
}

type pathRule struct {
	methods      []string // nil stands for all methods
	path, prefix string   // plain, in a deny rule
	*config.PathRule
}

// NewPathRules returns the rules of an app, with those of its adapter.
func NewPathRules(a *config.App) PathRules {
	p := &a.Paths
	rules := PathRules{strict: p.Strict, encodedSlash: p.EncodedSlash, preflight: p.CORSPreflight}
	for i := range p.Public {
		r := &p.Public[i]
		rules.public = append(rules.public, pathRule{r.Methods, r.Path, r.Prefix, r})
	}
	for _, list := range [][]config.PathRule{p.Deny, a.AdapterDeny} {
		for i := range list {
			r := &list[i]
			rules.deny = append(rules.deny, pathRule{r.Methods, request.PlainPath(r.Path), request.PlainPath(r.Prefix), r})
			rules.byMethod = rules.byMethod || r.Methods != nil
		}
	}
	return rules
}

// AboutMethods reports whether the method of a request decides, and AboutPaths whether
// its path does.
func (p *PathRules) AboutMethods() bool { return p.byMethod }

// AboutPaths reports whether the path of a request decides.
func (p *PathRules) AboutPaths() bool { return p.deny != nil || p.public != nil }

// Verdict says what a path means, and by which rule. The rule is nil where none decided.
func (p *PathRules) Verdict(method string, path request.Path) (PathVerdict, *config.PathRule) {
	switch {
	case path.Broken,
		path.Ambiguous && p.strict,
		path.EncodedSlash && p.strict && !p.encodedSlash:
		return PathRefused, nil
	}
	if r := p.denies(method, path.Decoded); r != nil {
		return PathDenied, r
	}
	if path.Ambiguous || path.EncodedSlash || path.OverEncoded {
		return PathOrdinary, nil
	}
	if r := p.lets(method, path.Decoded); r != nil {
		return PathPublic, r
	}
	return PathOrdinary, nil
}

// anyMethod stands for a method that is not known. It is denied whatever some method is
// denied.
const anyMethod = ""

// denies is generous: it compares methods without case, and paths as any server may read
// them. "/admin" and "/admin/" are the same path.
func (p *PathRules) denies(method, path string) *config.PathRule {
	if p.deny == nil {
		return nil
	}
	path = strings.TrimSuffix(request.PlainPath(path), "/") + "/"
	for i := range p.deny {
		if r := &p.deny[i]; r.isAbout(method) && r.reaches(path) {
			return r.PathRule
		}
	}
	return nil
}

// isAbout reports whether a deny rule is about a method. A rule about GET is also about
// HEAD.
func (r *pathRule) isAbout(method string) bool {
	return r.methods == nil || method == anyMethod || slices.ContainsFunc(r.methods, func(m string) bool {
		return strings.EqualFold(m, method) || m == http.MethodGet && strings.EqualFold(method, http.MethodHead)
	})
}

// reaches reports whether a deny rule is about a plain path that ends with a slash. A rule
// of an adapter is also about that path below any other, where the app may be served.
func (r *pathRule) reaches(path string) bool {
	whole := r.path != ""
	text := r.prefix
	if whole {
		text = strings.TrimSuffix(r.path, "/") + "/"
	}
	switch {
	case r.Adapter == "" && whole:
		return path == text
	case r.Adapter == "":
		return strings.HasPrefix(path, text)
	case whole:
		return strings.HasSuffix(path, text)
	default:
		return strings.Contains(path, text)
	}
}

// lets is exact: what it lets through must be spelt as the rule spells it.
func (p *PathRules) lets(method, path string) *config.PathRule {
	if path == "" {
		path = "/" // RFC 9112 §3.2.2
	}
	for i := range p.public {
		r := &p.public[i]
		applies := r.methods == nil || slices.Contains(r.methods, method) || method == http.MethodHead && slices.Contains(r.methods, http.MethodGet)
		if applies && (r.prefix != "" && strings.HasPrefix(path, r.prefix) || r.path != "" && r.path == path) {
			return r.PathRule
		}
	}
	return nil
}

// destination says what the paths mean that COPY and MOVE write to (RFC 4918 §10.3). Such
// a path is denied if any method is denied there, because what is written takes the place
// of what was there.
func (p *PathRules) destination(h http.Header) PathVerdict {
	if p.deny == nil {
		return PathOrdinary
	}
	for _, text := range h["Destination"] {
		u, err := url.ParseRequestURI(text)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return PathRefused
		}
		if verdict, _ := p.Verdict(anyMethod, request.ReadPath(u)); verdict == PathRefused || verdict == PathDenied {
			return verdict
		}
	}
	return PathOrdinary
}

// admit says what a request comes to by its target alone: a refusal, a public path, or
// neither, which needs an identity. A valid assertion and sessions change nothing about
// a public path.
func (a *App) admit(r *Request) (public bool, ref *Refusal) {
	if !a.Upstream.Reaches(r.In.URL) {
		return false, &Refusal{Reason: ReasonTarget}
	}
	if r.SignIn {
		return false, nil
	}
	verdict, _ := a.Paths.Verdict(r.In.Method, r.Path)
	if verdict == PathOrdinary {
		verdict = a.Paths.destination(r.In.Header)
	}
	switch verdict {
	case PathOrdinary:
		return a.Paths.preflight && request.IsPreflight(r.In), nil
	case PathPublic:
		return true, nil
	case PathDenied:
		return false, &Refusal{Reason: ReasonPathDenied}
	default:
		return false, &Refusal{Reason: ReasonTarget}
	}
}

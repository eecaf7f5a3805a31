package config

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/request"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// The paths that never reach an app: the bridge's own, and Pomerium's.
var reservedPrefixes = []string{request.OwnPath, "/.pomerium/"}

// validPaths returns what an app's paths mean by themselves.
func (l *loader) validPaths(at place, t appTable) Paths {
	p := Paths{Strict: t.Paths == pathsStrict, EncodedSlash: t.EncodedSlash, CORSPreflight: t.CORSPreflight}
	p.Deny = validPathRules(l.report, at.key("deny"), t.Deny, nil)
	p.Public = validPathRules(l.report, at.key("public"), t.Public, []string{http.MethodGet})
	key := at.key("paths")
	switch known := []string{pathsLenient, pathsStrict}; {
	case t.Paths == "" && at.doc.has(key.path), t.Paths != "" && !slices.Contains(known, t.Paths):
		l.report.add(key, "%q is not known%s", t.Paths, wording.Instead(t.Paths, known))
	case t.Paths == pathsLenient && len(t.Deny) > 0:
		l.report.add(key, "an app with deny is strict: it could read a path of two meanings as a denied one; encoded_slash = true lets %%2F pass")
	case t.Paths == "":
		p.Strict = len(t.Deny) > 0 || len(t.Public) > 0
	}
	if at.doc.has(at.key("encoded_slash").path) && !p.Strict {
		l.report.add(at.key("encoded_slash"), "has no effect without public, deny or paths = %q: remove it", pathsStrict)
	}
	for i := range p.Deny {
		if r := &p.Deny[i]; r.Prefix == "/" && r.Methods == nil {
			l.report.add(r.at.key("prefix"), "denies every request: name methods, or remove the app")
		}
	}
	for i := range p.Public {
		l.checkPublic(&p.Public[i])
	}
	return p
}

func validPathRules(report *reporter, at place, tables []pathTable, defaultMethods []string) []PathRule {
	var rules []PathRule
	for i, t := range tables {
		r := PathRule{Path: t.Path, Prefix: t.Prefix, at: at.index(i + 1), Methods: defaultMethods}
		r.Source = r.at.source()
		if key := r.at.key("methods"); at.doc.has(key.path) {
			r.Methods = validMethods(report, key, t.Methods)
		}
		key, text := r.at.key("path"), t.Path
		hasPath, hasPrefix := at.doc.has(r.at.key("path").path), at.doc.has(r.at.key("prefix").path)
		switch {
		case hasPath && hasPrefix:
			report.add(r.at.key("prefix"), "beside path: write one of them, and another [[%s]] for the other", at.path)
		case !hasPath && !hasPrefix:
			report.add(r.at, `missing: write path = "/health" for one path, or prefix = "/static/" for all below`)
		case hasPrefix:
			key, text = r.at.key("prefix"), t.Prefix
		}
		if hasPath != hasPrefix {
			if problem := pathProblem(text, hasPrefix); problem != "" {
				report.add(key, "%s", problem)
			} else if n := slices.IndexFunc(rules, r.same); n >= 0 {
				report.add(key, "%q is listed twice, also in %s: remove one", text, rules[n].at.path)
			}
		}
		rules = append(rules, r)
	}
	return rules
}

// same reports whether another rule is about the same path, for methods that are
// listed in the same order.
func (r *PathRule) same(o PathRule) bool {
	return r.Path == o.Path && r.Prefix == o.Prefix && slices.Equal(r.Methods, o.Methods)
}

func validMethods(report *reporter, at place, written []string) []string {
	if len(written) == 0 {
		report.add(at, `empty: write such as ["GET"], or leave the key out`)
	}
	for i, m := range written {
		switch key := at.index(i + 1); {
		case slices.Contains(written[:i], m):
			report.add(key, "%q is listed twice: remove one", m)
		case m == http.MethodConnect || m == http.MethodTrace:
			report.add(key, "%s is never served: remove it", m)
		case request.KnowsMethod(m):
		case request.KnowsMethod(strings.ToUpper(m)):
			report.add(key, "methods are written in capitals: write %q", strings.ToUpper(m))
		case m == "*":
			report.add(key, `no patterns: name the methods`)
		default:
			report.add(key, "%q is not known%s", m, wording.Instead(m, request.KnownMethods()))
		}
	}
	return written
}

// pathProblem says why a path cannot be matched by, or would match something else
// than it seems.
func pathProblem(text string, prefix bool) string {
	segments := strings.Split(strings.TrimSuffix(text, "/"), "/")
	switch {
	case text == "":
		return `empty: write such as "/health"`
	case text[0] != '/':
		return fmt.Sprintf("%q does not begin with a slash: write %q", text, "/"+text)
	case strings.ContainsRune(text, '*'):
		return fmt.Sprintf(`%q: no patterns; write prefix = "/static/" for all that is below a path`, text)
	case strings.ContainsAny(text, "?#"):
		return fmt.Sprintf("%q has a query or fragment, which do not take part: write the path alone", text)
	case strings.ContainsRune(text, '%'):
		return fmt.Sprintf("%q is encoded: write the characters themselves", text)
	case strings.ContainsAny(text, `\;`), strings.ContainsFunc(text, unicode.IsControl), !utf8.ValidString(text):
		return fmt.Sprintf(`%q has a backslash, a ";" or a control character: such requests are refused in any case`, text)
	case strings.Contains(text, "//"), slices.Contains(segments, "."), slices.Contains(segments, ".."):
		return fmt.Sprintf(`%q has an empty, "." or ".." segment: such requests are refused in any case`, text)
	case prefix && !strings.HasSuffix(text, "/"):
		return fmt.Sprintf("%q would also be the beginning of %q: write %q, and path = %q for itself", text, text+"-other", text+"/", text)
	}
	return ""
}

// checkPublic refuses what would hand everything, or what is the bridge's own, to
// everybody.
func (l *loader) checkPublic(r *PathRule) {
	if r.Prefix == "/" && slices.Equal(r.Methods, []string{http.MethodOptions}) {
		l.report.add(r.at, "makes the whole app public for OPTIONS: remove it, and write cors_preflight = true in the app, which lets true preflights pass and nothing else")
		return
	}
	if r.Prefix == "/" {
		l.report.add(r.at.key("prefix"), "makes the whole app public: name what is; an app for everybody needs no bridge in front of it")
		return
	}
	for _, reserved := range reservedPrefixes {
		for key, text := range map[string]string{"path": r.Path, "prefix": r.Prefix} {
			if strings.HasPrefix(strings.ToLower(text), reserved) {
				l.report.add(r.at.key(key), "nothing below %q reaches the app: remove it", reserved)
			}
		}
	}
}

// checkPublicLogout: whoever signs out is somebody.
func (l *loader) checkPublicLogout(a *App) {
	s, ok := a.Adapter.(adapter.SignsOut)
	if !ok {
		return
	}
	logout := s.Logout().Path
	for i := range a.Paths.Public {
		r := &a.Paths.Public[i]
		if logout != "" && r.Prefix != "/" && (r.Path == logout || r.Prefix != "" && strings.HasPrefix(logout, r.Prefix)) {
			l.report.add(r.at, "%q, where the app signs people out, cannot be public: name what else is below by itself", logout)
		}
	}
}

// validRequestLimits returns the limits of an app.
func (l *loader) validRequestLimits(at place, t appTable) RequestLimits {
	limits := RequestLimits{MaxConcurrent: t.MaxConcurrent, MaxPerPerson: t.MaxPerPerson, MaxBody: t.MaxBodyBytes, Burst: t.Burst}
	if t.MaxConcurrent < 0 {
		l.report.add(at.key("max_concurrent"), "%d is less than 0: write a number of requests, or 0 for no limit", t.MaxConcurrent)
	}
	switch key := at.key("max_concurrent_per_person"); {
	case !at.doc.has(key.path):
		limits.MaxPerPerson = personsShare(t.MaxConcurrent)
	case t.MaxPerPerson < 0:
		l.report.add(key, "%d is less than 0: write a number of requests, or 0 for no limit", t.MaxPerPerson)
	case t.MaxConcurrent > 0 && t.MaxPerPerson > t.MaxConcurrent:
		l.report.add(key, "%d is more than max_concurrent, which is %d: write less, or 0 for no limit", t.MaxPerPerson, t.MaxConcurrent)
	}
	if t.MaxBodyBytes < 0 || t.MaxBodyBytes == 0 && at.doc.has(at.key("max_body_bytes").path) {
		l.report.add(at.key("max_body_bytes"), "%d is no size: write a number of bytes, such as 10485760, or leave the key out for no limit", t.MaxBodyBytes)
	}
	burst := at.key("burst")
	if !at.doc.has(at.key("rate").path) {
		if at.doc.has(burst.path) {
			l.report.add(burst, `has no effect without rate: write such as rate = "50/s", or remove it`)
		}
		return limits
	}
	rate, problem := parseRate(t.Rate)
	if problem != "" {
		l.report.add(at.key("rate"), "%s", problem)
		return limits
	}
	limits.Rate = rate
	if !at.doc.has(burst.path) {
		limits.Burst = max(1, int(math.Ceil(2*rate)))
	} else if t.Burst < 1 || t.Burst > maxRate {
		l.report.add(burst, "%d is not between 1 and %d: write how many requests may come at once", t.Burst, maxRate)
	}
	return limits
}

const maxRate = 1_000_000

// parseRate reads "50/s", "100/m" or "1000/h" as requests in a second.
func parseRate(text string) (perSecond float64, problem string) {
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[strings.TrimSpace(unit)]
	if err != nil || per == 0 || n < 1 || n > maxRate {
		return 0, fmt.Sprintf(`%q is no rate: write a number of requests in a second, minute or hour, such as "50/s", "100/m" or "1000/h"`, text)
	}
	return float64(n) / per.Seconds(), ""
}

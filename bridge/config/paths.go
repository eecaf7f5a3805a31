package config

import "strings"

// Paths are what an app's paths mean by themselves, whoever asks for them. Query
// strings never take part.
type Paths struct {
	// Deny are served to nobody; they outweigh Public.
	Deny []PathRule
	// Public are served without identity.
	Public []PathRule
	// Strict refuses every path that some server reads otherwise than another: with
	// empty segments, an encoded "/", "\" or "%", a ";", or what is no UTF-8.
	Strict bool
	// EncodedSlash lets %2F pass nevertheless.
	EncodedSlash bool
	// CORSPreflight lets preflights of the Fetch standard pass without identity, on every
	// path that is not denied.
	CORSPreflight bool
}

// PathRule names requests by method and path. Exactly one of Path and Prefix is set;
// both are written decoded.
type PathRule struct {
	// Methods are those that it is about, GET without HEAD being said; nil: all.
	Methods []string
	// Path is one path.
	Path string
	// Prefix is all below; it ends with "/".
	Prefix string
	// Source is where the rule stands, as "file:line", or the preset that it is from.
	Source string
	// Adapter names the preset or [adapter.NAME] that denies the path. It is empty for a
	// rule of the app. An adapter does not know below which path its app is served, so its
	// rules hold below every path: "/api/user" is also "/grafana/api/user".
	Adapter string

	at place
}

// RequestLimits keep an app, and one person in it, from what is too much.
type RequestLimits struct {
	// MaxConcurrent are the requests at the same time, open WebSockets included; 0: no
	// limit.
	MaxConcurrent int
	// MaxPerPerson are those of one person. 0 stands for no limit.
	MaxPerPerson int
	// MaxBody is the size of a request's body in bytes; 0: no limit.
	MaxBody int
	// Rate is how many requests one person may send in a second, in the long run; 0:
	// no limit. Burst is how many at once.
	Rate  float64
	Burst int
}

type pathTable struct {
	Methods []string `toml:"methods"`
	Path    string   `toml:"path"`
	Prefix  string   `toml:"prefix"`
}

// The values of paths.
const (
	pathsStrict  = "strict"
	pathsLenient = "lenient"
)

// defaultMaxConcurrent is half of max_connections, so that one app that does not
// answer leaves room for the others.
const defaultMaxConcurrent = 5000

// personsShare is how many requests at the same time one person may have of an app that
// bears so many: a tenth, but at least as many as a browser with some tabs sends. An app
// that bears few has no such limit by default.
func personsShare(maxConcurrent int) int {
	const browser = 64
	if maxConcurrent <= 2*browser {
		return 0
	}
	return max(browser, maxConcurrent/10)
}

// String says what a rule is about: "GET /health", "all methods below /admin/".
func (r *PathRule) String() string {
	what := "all methods"
	if r.Methods != nil {
		what = strings.Join(r.Methods, ", ")
	}
	if r.Prefix != "" {
		return what + " below " + r.Prefix
	}
	return what + " " + r.Path
}

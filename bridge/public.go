package bridge

import (
	"net/http"
	"slices"
	"strings"
)

// judge decides by a request's path alone, if that is enough. What is public goes on
// with a grant to nobody: whatever the request brings of an identity is removed, a
// valid assertion and sessions too.
func (a *App) judge(r *http.Request) (*grant, *refusal) {
	if a.signsIn(r) {
		return nil, nil //nolint:nilnil // it takes identity
	}
	verdict, _ := a.paths.judge(r.Method, r.URL)
	if verdict == pathOrdinary {
		verdict, _ = a.paths.judgeDestination(r.Header)
	}
	switch verdict {
	case pathOrdinary:
		return nil, nil //nolint:nilnil // it takes identity
	case pathPublic:
		return &grant{public: true}, nil
	case pathDenied:
		return nil, &refusal{reason: reasonPathDenied}
	default:
		return nil, &refusal{reason: reasonTarget}
	}
}

// anonymous edits the answer to a public request: a session of the app is somebody's,
// and one that begins here would take the place of the browser's own.
func (a *App) anonymous(answer *http.Response) {
	lines := answer.Header["Set-Cookie"]
	if lines == nil {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		name, _, _ := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		return a.owned.stripsCookie(name) || a.owned.session != nil && a.owned.session(name)
	})
	if len(kept) == 0 {
		answer.Header.Del("Set-Cookie")
		return
	}
	answer.Header["Set-Cookie"] = kept
}

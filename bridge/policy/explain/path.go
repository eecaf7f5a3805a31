package explain

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/bridge/request"
)

// PathAnswer is what an app's paths make of a request, whoever sends it. Its JSON form
// is an interface: fields are added, never renamed.
type PathAnswer struct {
	App string `json:"app"`
	// Answer is "public", "denied", "refused", "own" (of ssobridge) or "identity": then
	// rules about people decide.
	Answer string `json:"answer"`
	// Rule is what decided, as in "GET /health", and Source where it stands.
	Rule    string `json:"rule,omitempty"`
	Source  string `json:"source,omitempty"`
	Summary string `json:"summary"`
}

// Served reports whether anybody may get an answer of the app.
func (a *PathAnswer) Served() bool { return a.Answer == "public" || a.Answer == "identity" }

// Path says what a request for a target, a path as it stands in a request line,
// comes to in each app, by the same code that answers requests.
func Path(apps []*config.App, method, target string) ([]PathAnswer, error) {
	if !strings.HasPrefix(target, "/") {
		return nil, errors.New(`write a path, which begins with "/"`)
	}
	if !request.IsMethod(method) || method == "" {
		return nil, errors.New("the method is no word")
	}
	var answers []PathAnswer
	for _, a := range apps {
		answers = append(answers, explainPath(a, method, target))
	}
	return answers, nil
}

func explainPath(a *config.App, method, target string) PathAnswer {
	e := PathAnswer{App: a.Name, Answer: "refused"}
	what := method + " " + target
	u, err := url.ParseRequestURI(target)
	switch {
	case err != nil:
		e.Summary = what + " is refused: it is no valid path"
		return e
	case slices.Contains([]string{http.MethodConnect, http.MethodTrace}, method):
		e.Summary = what + " is refused: the method is never served"
		return e
	case strings.HasPrefix(u.Path, request.OwnPath):
		e.Answer = "own"
		e.Summary = what + " is answered by ssobridge itself: nothing below " + request.OwnPath + " reaches an app"
		return e
	}
	rules := decision.NewPathRules(a)
	verdict, rule := rules.Verdict(method, request.ReadPath(u))
	if rule != nil {
		e.Rule, e.Source = rule.String(), rule.Source
	}
	switch verdict {
	case decision.PathPublic:
		e.Answer = "public"
		e.Summary = fmt.Sprintf("%s is public: everybody gets it, and the app learns of nobody", what)
	case decision.PathDenied:
		e.Answer = "denied"
		e.Summary = what + " is denied to everybody"
	case decision.PathOrdinary:
		e.Answer = "identity"
		if method == http.MethodOptions && a.Paths.CORSPreflight {
			e.Summary = what + " takes identity, unless it is a CORS preflight of a browser (cors_preflight): then everybody gets the app's answer"
			return e
		}
		e.Summary = what + " takes identity: the rules decide about the person"
	default:
		e.Summary = what + " is refused: servers read this path in different ways"
	}
	return e
}

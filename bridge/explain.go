package bridge

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Explanation is what a request of one person to one app would come to, and why.
// Its JSON form is an interface: fields are added, never renamed.
type Explanation struct {
	App      string `json:"app"`
	Host     string `json:"host"`
	Upstream string `json:"upstream"`
	// Decision is "allow" or "deny".
	Decision string   `json:"decision"`
	Roles    []string `json:"roles"`
	// Rule is the deciding rule, "rule[2]", or "none"; Source is its place.
	Rule   string `json:"rule"`
	Source string `json:"source,omitempty"`
	// Reason says why in a sentence.
	Reason string `json:"reason"`
	Steps  []Step `json:"steps"`
	// Header is what the upstream receives, Cookies likewise.
	Header  map[string]string `json:"headers"`
	Cookies []string          `json:"cookies"`
	// Strip names what clients may not send, in any spelling.
	Strip []string `json:"strip"`
}

// Step is what one rule said.
type Step struct {
	Rule      string          `json:"rule"`
	Role      string          `json:"role"`
	Verdict   mapping.Verdict `json:"verdict"`
	Condition string          `json:"condition,omitempty"`
	Detail    string          `json:"detail"`
	Source    string          `json:"source"`
}

// Allowed reports whether the person would get in.
func (e *Explanation) Allowed() bool { return e.Decision == "allow" }

// Explain says what a's rules and adapter make of p at a time, by the same code
// that answers requests.
func Explain(ctx context.Context, a *config.App, p *verifier.Principal, at time.Time) Explanation {
	decision, steps := a.Mapper.Explain(p, at)
	e := Explanation{
		App: a.Name, Host: a.Host, Upstream: a.Upstream.String(),
		Decision: "deny", Roles: []string{}, Rule: decision.RuleName(), Source: decision.Source,
		Reason:  "no rule matches",
		Steps:   make([]Step, len(steps)),
		Header:  map[string]string{},
		Cookies: []string{},
	}
	for i, s := range steps {
		e.Steps[i] = Step{mapping.Decision{Rule: s.Rule}.RuleName(), s.Role, s.Verdict, s.Condition, s.Detail, s.Source}
	}
	app := &App{adapter: a.Adapter, owned: ownedNames(a)}
	e.Strip = append(assertionHeaders(a), a.Adapter.Owns().Headers...)
	slices.Sort(e.Strip)
	if !decision.Allowed() {
		return e
	}
	e.Reason = fmt.Sprintf("%s matches: %s", e.Rule, steps[decision.Rule-1].Detail)
	e.Roles = []string{decision.Role}
	request := &http.Request{Method: http.MethodGet, Host: a.Host, Header: http.Header{}}
	out, err := app.adapt(ctx, adapter.Input{Principal: p, Decision: decision, Request: request, Time: at})
	if err != nil {
		e.Reason = fmt.Sprintf("%s grants %s, but the person would be refused: %v", e.Rule, decision.Role, err)
		return e
	}
	e.Decision = "allow"
	for name, values := range out.Header {
		e.Header[name] = values[0]
	}
	for _, c := range out.Cookies {
		e.Cookies = append(e.Cookies, c.Name)
	}
	return e
}

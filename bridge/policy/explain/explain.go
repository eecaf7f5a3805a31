package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

// Explanation is what a request of one person to one app would come to, and why.
// Its JSON form is an interface: fields are added, never renamed.
type Explanation struct {
	App      string `json:"app"`
	Host     string `json:"host"`
	Upstream string `json:"upstream"`
	// Issuer is whose assertion the person brings.
	Issuer string `json:"issuer"`
	// Match says which of the rules that match decide: the first, or all.
	Match mapping.Match `json:"match"`
	// Decision is "allow" or "deny".
	Decision string `json:"decision"`
	// Roles and Attributes are what the app is told.
	Roles      []string          `json:"roles"`
	Attributes map[string]string `json:"attributes"`
	// Rule is what decided: "rule[2]", "rule[2]+rule[5]", "default", or "none".
	// Source is the place of the first rule of it.
	Rule   string `json:"rule"`
	Source string `json:"source,omitempty"`
	// Reason says why, Summary the decision and why in a sentence.
	Reason  string `json:"reason"`
	Summary string `json:"summary"`
	Steps   []Step `json:"steps"`
	// Header is what the upstream receives, Cookies likewise.
	Header  map[string]HeaderValue `json:"headers"`
	Cookies []string               `json:"cookies"`
	// SignIn is what the app is told when it asks by way of the browser; null: it
	// never does.
	SignIn map[string]HeaderValue `json:"sign_in,omitempty"`
	// Session says, a line each, how a session of the app is begun for the person who
	// has none; null: the app is told otherwise.
	Session []string `json:"session,omitempty"`
	// NotSent are headers that the upstream does not receive for this person,
	// with the reason.
	NotSent map[string]string `json:"not_sent"`
	// Strip names the headers that clients may not send, in any spelling,
	// StripCookies the cookies and StripQuery the parameters of addresses; "X-Extra-*"
	// is every header that begins so.
	Strip        []string `json:"strip"`
	StripCookies []string `json:"strip_cookies,omitempty"`
	StripQuery   []string `json:"strip_query,omitempty"`
	// OtherIssuers are the app's issuers besides Issuer, and DefaultRole is its
	// default_role.
	OtherIssuers []string `json:"other_issuers,omitempty"`
	DefaultRole  string   `json:"default_role,omitempty"`

	refused error // by the adapter
}

// HeaderValue is the value of a header; several only where the app takes a
// header once for each item of a list. In JSON it is a string, or of several an
// array.
type HeaderValue []string

// MarshalJSON implements [json.Marshaler].
func (v HeaderValue) MarshalJSON() ([]byte, error) {
	if len(v) == 1 {
		return json.Marshal(v[0])
	}
	return json.Marshal([]string(v))
}

// Step is what one rule said.
type Step struct {
	Rule      string          `json:"rule"`
	Roles     []string        `json:"roles,omitempty"`
	Deny      bool            `json:"deny,omitempty"`
	Verdict   mapping.Verdict `json:"verdict"`
	Condition string          `json:"condition,omitempty"`
	Detail    string          `json:"detail"`
	Source    string          `json:"source"`

	number int
}

func stepOf(s mapping.Step) Step {
	return Step{ruleName(s.Rule), s.Roles, s.Deny, s.Verdict, s.Condition, s.Detail, s.Source, s.Rule}
}

// defaultRole is how explanations call the default role among the rules.
const defaultRole = "default_role"

func ruleName(number int) string { return mapping.Decision{Rule: number}.RuleName() }

// Allowed reports whether the person would get in.
func (e *Explanation) Allowed() bool { return e.Decision == "allow" }

// decider decides about described people. It limits nobody.
var decider = decision.Decider{Log: slog.New(slog.DiscardHandler)}

// Explain says what a's rules and adapter make of p, who brings an assertion of i, at a
// time. The decision that answers requests decides here too.
func Explain(ctx context.Context, a *config.App, i *config.Issuer, p *verifier.Principal, at time.Time) Explanation {
	mapped, steps := a.MapperOf(i).Explain(p, at)
	e := newExplanation(a, i)
	e.Rule, e.Source = mapped.RuleName(), mapped.Source
	e.Reason = reasonOf(a, mapped, steps)
	for _, s := range steps {
		e.Steps = append(e.Steps, stepOf(s))
	}
	app := decision.Describe(a)
	r := &decision.Request{
		In:   &http.Request{Method: http.MethodGet, Host: a.Host, URL: &url.URL{Path: "/"}, Header: http.Header{}},
		Host: a.Host, At: at, As: &decision.Identity{Principal: p, Issuer: i.Name},
	}
	g, ref := decider.DecidePerson(ctx, app, r)
	switch {
	case ref == nil:
		in := adapter.Input{Principal: p, Decision: g.Decision, Reading: app.Reading(i.Name), Request: r.In, Time: at}
		e.tell(ctx, a, app, in, g.Output)
	case ref.Reason == decision.ReasonDeniedByRule:
		e.Summary = fmt.Sprintf("denied by %s", e.Reason)
	case ref.Reason == decision.ReasonNoRole:
		e.Summary = "denied, because " + e.Reason
	default:
		e.refuse(mapped, ref.Err)
	}
	return e
}

func newExplanation(a *config.App, i *config.Issuer) Explanation {
	e := Explanation{
		App: a.Name, Host: a.Host, Upstream: a.Upstream.String(), Issuer: i.Name, Match: a.Policy.Match, DefaultRole: a.Policy.DefaultRole,
		Decision: "deny", Roles: []string{}, Attributes: map[string]string{}, Rule: "none", Steps: []Step{},
		Header: map[string]HeaderValue{}, Cookies: []string{}, NotSent: map[string]string{},
	}
	for _, other := range a.Issuers {
		if other != i {
			e.OtherIssuers = append(e.OtherIssuers, other.Name)
		}
	}
	owned := a.Adapter.Owns()
	e.Strip = append(decision.AssertionHeaders(a), owned.Headers...)
	for _, prefix := range owned.Prefixes {
		e.Strip = append(e.Strip, prefix+"*")
	}
	slices.Sort(e.Strip)
	e.Strip = slices.Compact(e.Strip)
	e.StripCookies = slices.Clone(owned.Cookies)
	for _, prefix := range owned.CookiePrefixes {
		e.StripCookies = append(e.StripCookies, prefix+"*")
	}
	slices.Sort(e.StripCookies)
	e.StripQuery = slices.Sorted(slices.Values(owned.Query))
	return e
}

// refuse says why somebody whom the rules let in would be refused all the same.
func (e *Explanation) refuse(mapped mapping.Decision, err error) {
	if adapting, ok := errors.AsType[*decision.AdaptError](err); ok {
		err = adapting.Err
	}
	if err == nil {
		err = errors.New("the adapter failed")
	}
	by := e.Rule
	if mapped.Rule == 0 {
		by = defaultRole
	}
	e.refused = err
	e.Reason = fmt.Sprintf("%s grants %s, but the person would be refused: %v", by, strings.Join(mapped.Roles, ", "), err)
	e.Summary = "denied: " + e.Reason
}

// tell says what the app would be told of somebody who gets in.
func (e *Explanation) tell(ctx context.Context, a *config.App, app *decision.App, in adapter.Input, out adapter.Output) {
	signs, asks := a.Adapter.(adapter.SignIn)
	var fields map[string][]string
	var err error
	if asks {
		fields, err = signs.SignedFields(in)
	}
	starts, hasSessions := a.Adapter.(adapter.SessionStarter)
	if err == nil && hasSessions {
		e.Session, err = starts.DescribeSession(in)
	}
	if err != nil {
		e.refuse(in.Decision, err)
		return
	}
	e.Decision, e.Roles = "allow", in.Decision.Roles
	e.Summary = fmt.Sprintf("allowed as %s, because %s", strings.Join(e.Roles, ", "), e.Reason)
	maps.Copy(e.Attributes, in.Decision.Attributes)
	for name, values := range out.Header {
		e.Header[name] = app.Names.Shown(name, values)
	}
	for _, c := range out.Cookies {
		e.Cookies = append(e.Cookies, c.Name)
	}
	if hasSessions {
		e.Cookies = append(e.Cookies, starts.SessionPlan().Cookies...)
	}
	if asks {
		e.SignIn = make(map[string]HeaderValue, len(fields))
		for name, values := range fields {
			e.SignIn[name] = values
		}
	}
	if o, ok := a.Adapter.(adapter.Omitter); ok {
		maps.Copy(e.NotSent, o.Omitted(ctx, in))
	}
}

// reasonOf says in words why the rules decide as they do.
func reasonOf(a *config.App, d mapping.Decision, steps []mapping.Step) string {
	switch {
	case d.Rule > 0 && !d.Allowed():
		return fmt.Sprintf("%s: %s%s", ruleName(d.Rule), steps[d.Rule-1].Detail, outweighed(steps))
	case d.Rule > 0 && len(d.Also) > 0:
		return addingUp(d, steps)
	case d.Rule > 0:
		return fmt.Sprintf("%s matches: %s", ruleName(d.Rule), steps[d.Rule-1].Detail)
	}
	nothing := "no rule matches"
	if slices.ContainsFunc(steps, func(s mapping.Step) bool { return s.Verdict == mapping.Matched }) {
		nothing = "no rule that grants a role matches"
	}
	if d.Allowed() {
		nothing += ", and the default_role is " + a.Policy.DefaultRole
	}
	return nothing
}

// addingUp says which rules add up to a decision, and to what.
func addingUp(d mapping.Decision, steps []mapping.Step) string {
	numbers := append([]int{d.Rule}, d.Also...)
	slices.Sort(numbers)
	parts := make([]string, len(numbers))
	for i, n := range numbers {
		parts[i] = giving(steps[n-1])
	}
	return fmt.Sprintf("%d rules match and add up: %s", len(numbers), strings.Join(parts, ", "))
}

// outweighed names the rules that would have given something to somebody whom
// another rule denies.
func outweighed(steps []mapping.Step) string {
	var parts []string
	for _, s := range steps {
		if s.Verdict == mapping.Matched && !s.Deny {
			parts = append(parts, giving(s))
		}
	}
	if parts == nil {
		return ""
	}
	return "; a denial outweighs " + strings.Join(parts, ", ")
}

// giving names a rule with what it gives: "rule[2] (Editor)".
func giving(s mapping.Step) string {
	what := strings.Join(s.Roles, ", ")
	if what == "" {
		what = "attributes only"
	}
	return fmt.Sprintf("%s (%s)", ruleName(s.Rule), what)
}

package explain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier"
)

// Person is somebody to explain decisions about. Unlike a principal they may be
// made up: nobody has signed for them.
type Person struct {
	Email   string   `json:"email,omitempty"`
	Subject string   `json:"subject,omitempty"`
	Name    string   `json:"name,omitempty"`
	Groups  []string `json:"groups"`
	// Claims are the other claims.
	Claims map[string]any `json:"claims,omitempty"`
}

// PersonOf describes a principal, without their other claims.
func PersonOf(p *verifier.Principal) Person {
	return Person{Email: p.Email, Subject: p.Subject, Name: p.Name, Groups: p.Groups}
}

// MarshalJSON implements [json.Marshaler].
func (p Person) MarshalJSON() ([]byte, error) {
	type plain Person // without this method
	if p.Groups == nil {
		p.Groups = []string{}
	}
	return json.Marshal(plain(p))
}

// String is what to call the person.
func (p *Person) String() string {
	switch {
	case p.Email != "":
		return p.Email
	case p.Subject != "":
		return fmt.Sprintf("subject %q", p.Subject)
	case p.Name != "":
		return fmt.Sprintf("%q", p.Name)
	case len(p.Groups) > 0:
		return fmt.Sprintf("somebody in %q", p.Groups[0])
	}
	return "this person"
}

// Check says why no assertion can describe the person, if that is so.
func (p *Person) Check() error {
	if p.Email != "" {
		if err := verifier.CheckEmail(p.Email); err != nil {
			return fmt.Errorf("the email %q %w, so no assertion can hold it", p.Email, err)
		}
	}
	if strings.ContainsFunc(p.Subject, unicode.IsControl) {
		return fmt.Errorf("the subject %q has control characters, so no assertion can hold it", p.Subject)
	}
	if slices.Contains(p.Groups, "") {
		return errors.New("a group with an empty name, which no group has")
	}
	return nil
}

// CheckLists says which of the person's groups is called like a list of the
// rules of apps, if one is: people are never in lists.
func (p *Person) CheckLists(apps []*config.App) error {
	for _, group := range p.Groups {
		list, isList := strings.CutPrefix(group, "@")
		for _, a := range apps {
			if _, known := a.Policy.Lists[list]; !isList || !known {
				continue
			}
			such := ""
			for _, member := range a.Policy.Members(list) {
				if !strings.Contains(member, "*") {
					such = fmt.Sprintf(", such as %q", member)
					break
				}
			}
			return fmt.Errorf("%q is a list, and people are in groups: name one of its groups%s", group, such)
		}
	}
	return nil
}

// claimFlags are the flags of claims that are not for AddClaim: the person's own
// facts, what comes of the issuer, and times.
var claimFlags = map[string]string{
	"email": "--email", "groups": "--group", "sub": "--subject", "user": "--subject", "name": "--name",
	"iss": "--issuer", "aud": "--app", "exp": "--at", "iat": "--at", "nbf": "--at",
}

// AddClaim adds a claim written as NAME=VALUE. The value is JSON, or else, as for
// NAME=support, a text.
func (p *Person) AddClaim(written string) error {
	name, text, ok := strings.Cut(written, "=")
	if !ok || name == "" {
		return fmt.Errorf("the claim %q is not of the form NAME=VALUE, such as department=support", written)
	}
	if flag, other := claimFlags[strings.ToLower(name)]; other {
		return fmt.Errorf("the claim %q has a flag of its own; write %s", name, flag)
	}
	if _, twice := p.Claims[name]; twice {
		return fmt.Errorf("the claim %q is there twice; write a list as JSON, such as '%s=[\"a\", \"b\"]'", name, name)
	}
	if p.Claims == nil {
		p.Claims = make(map[string]any)
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil || value == nil {
		value = text
	}
	p.Claims[name] = value
	return nil
}

// Case is a person at one app: the app, whose assertion they bring, and what it
// says.
type Case struct {
	App       *config.App
	Issuer    *config.Issuer
	Principal *verifier.Principal
}

// Cases sends the person to apps with assertions from an issuer; nil: from the
// first that each app accepts.
func (p *Person) Cases(apps []*config.App, from *config.Issuer) []Case {
	q := verifier.Principal{
		Subject: cmp.Or(p.Subject, config.UnknownSubject), Email: p.Email, Name: p.Name, Groups: p.Groups, Claims: p.Claims,
	}
	cases := make([]Case, len(apps))
	for n, a := range apps {
		i := from
		if i == nil {
			i = a.Issuers[0]
		}
		cases[n] = Case{a, i, a.Describe(i, &q)}
	}
	return cases
}

// accepted reports whether the app accepts the issuer's assertions at all.
func (v Case) accepted() bool { return slices.Contains(v.App.Issuers, v.Issuer) }

func (v Case) explain(ctx context.Context, at time.Time) Explanation {
	if v.accepted() {
		return Explain(ctx, v.App, v.Issuer, v.Principal, at)
	}
	e := newExplanation(v.App, v.Issuer)
	e.Reason = fmt.Sprintf("the app does not accept assertions from issuer %q", v.Issuer.Name)
	e.Summary = "denied, because " + e.Reason
	return e
}

// Reach is what one person can reach: the explanations of several apps.
type Reach struct {
	Person Person        `json:"person"`
	Apps   []Explanation `json:"apps"`
}

// ReachOf explains a person's cases.
func ReachOf(ctx context.Context, p Person, cases []Case, at time.Time) *Reach {
	r := &Reach{Person: p, Apps: make([]Explanation, len(cases))}
	for i, v := range cases {
		r.Apps[i] = v.explain(ctx, at)
	}
	return r
}

// Reached returns how many of the apps let the person in.
func (r *Reach) Reached() int {
	n := 0
	for i := range r.Apps {
		if r.Apps[i].Allowed() {
			n++
		}
	}
	return n
}

// Summary says it in a sentence.
func (r *Reach) Summary() string {
	return fmt.Sprintf("%s can enter %s.", &r.Person, ofApps(r.Reached(), len(r.Apps)))
}

// ofApps counts apps: "2 of 3 apps".
func ofApps(n, all int) string {
	switch {
	case n == 0:
		return fmt.Sprintf("none of %d apps", all)
	case n == all && all == 2:
		return "both apps"
	case n == all:
		return fmt.Sprintf("all %d apps", all)
	}
	return fmt.Sprintf("%d of %d apps", n, all)
}

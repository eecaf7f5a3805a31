package explain

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/mapping"
)

// RoleOfPerson says whether one person gets a role, and what they lack. Its JSON
// form is an interface: fields are added, never renamed.
type RoleOfPerson struct {
	Person Person `json:"person"`
	Role   string `json:"role"`
	// Has says that they get the role in one of Apps at least.
	Has bool `json:"has"`
	// Apps are those whose rules grant the role, Of is how many were looked at.
	Apps []RoleOfPersonInApp `json:"apps"`
	Of   int                 `json:"-"`
	// OtherCase are the roles that differ from Role in upper and lower case only.
	OtherCase []OtherCase `json:"other_case,omitempty"`
}

// RoleOfPersonInApp says it of one app.
type RoleOfPersonInApp struct {
	App  string `json:"app"`
	Host string `json:"host"`
	Has  bool   `json:"has"`
	// Decision, Roles and Summary are those of the [Explanation].
	Decision string   `json:"decision"`
	Roles    []string `json:"roles"`
	Summary  string   `json:"summary"`
	// Lacks are the rules that grant the role, with the first condition that
	// fails, if the person does not get it.
	Lacks []Step `json:"lacks"`
}

// RoleOf says whether a person gets a role by one of their cases. The
// error says that nobody could, and which roles there are.
func RoleOf(ctx context.Context, p Person, cases []Case, role string, at time.Time) (*RoleOfPerson, error) {
	apps := make([]*config.App, len(cases))
	for i, v := range cases {
		apps[i] = v.App
	}
	grant, err := granting(apps, role)
	if err != nil {
		return nil, err
	}
	r := &RoleOfPerson{Person: p, Role: role, Of: len(apps), Apps: make([]RoleOfPersonInApp, len(grant)), OtherCase: otherCases(apps, role)}
	for i, n := range grant {
		r.Apps[i] = roleOf(ctx, cases[n], role, at)
		r.Has = r.Has || r.Apps[i].Has
	}
	return r, nil
}

func roleOf(ctx context.Context, v Case, role string, at time.Time) RoleOfPersonInApp {
	e := v.explain(ctx, at)
	in := RoleOfPersonInApp{
		App: e.App, Host: e.Host, Has: slices.Contains(e.Roles, role),
		Decision: e.Decision, Roles: e.Roles, Summary: e.Summary, Lacks: []Step{},
	}
	if in.Has || !v.accepted() {
		return in
	}
	lacks := []Step{}
	for _, s := range e.Steps {
		if slices.Contains(s.Roles, role) {
			lacks = append(lacks, s)
		}
	}
	// Rules that an earlier one has kept from being asked lack something, too.
	for n := range lacks {
		s := &lacks[n]
		if s.Verdict != mapping.NotReached {
			continue
		}
		if alone := v.App.MapperOf(v.Issuer).Ask(s.number, v.Principal, at); alone.Verdict == mapping.NotMatched {
			s.Verdict, s.Condition, s.Detail = alone.Verdict, alone.Condition, alone.Detail
		}
	}
	for n := range lacks {
		if s := &lacks[n]; s.Verdict != mapping.NotMatched {
			s.Condition, s.Detail = "", "matches, but "+e.obstacle()
		}
	}
	if v.App.Policy.DefaultRole == role {
		lacks = append(lacks, Step{
			Rule: defaultRole, Roles: []string{role}, Verdict: mapping.NotReached, Source: v.App.Source,
			Detail: "it is for whoever no rule decides about, but " + e.obstacle(),
		})
	}
	in.Lacks = lacks
	return in
}

// obstacle is what keeps somebody whom a rule matches from what it grants.
func (e *Explanation) obstacle() string {
	switch {
	case e.refused != nil:
		return fmt.Sprintf("the person would be refused: %v", e.refused)
	case e.Allowed():
		return e.Rule + " has decided"
	}
	return e.Rule + " denies"
}

// Summary says it in a sentence.
func (r *RoleOfPerson) Summary() string {
	n := 0
	for i := range r.Apps {
		if r.Apps[i].Has {
			n++
		}
	}
	verb := "gets"
	if n == 0 {
		verb = "does not get"
	}
	where := r.Apps[0].App
	switch {
	case len(r.Apps) > 1 && n == 0:
		where = fmt.Sprintf("any of the %d apps that grant it", len(r.Apps))
	case len(r.Apps) > 1:
		where = ofApps(n, len(r.Apps)) + " that grant it"
	case r.Of > 1:
		where += fmt.Sprintf(", the only one of %d apps that grants it", r.Of)
	}
	return fmt.Sprintf("%s %s %s in %s.", &r.Person, verb, r.Role, where)
}

package policydiff

import (
	"encoding/json"
	"io"
	"time"
)

// The JSON form of a result is an interface: members are added, never renamed.

type resultJSON struct {
	Changed bool   `json:"changed"`
	Old     string `json:"old"`
	New     string `json:"new"`
	// At is when decisions were compared first.
	At       time.Time `json:"at"`
	Derived  bool      `json:"derived"`
	Repeated int       `json:"repeated"`
	Nobody   int       `json:"nobody"`
	Apps     []appJSON `json:"apps"`
}

type appJSON struct {
	App     string   `json:"app"`
	Issuers []string `json:"issuers,omitempty"` // absent: all
	Status  Status   `json:"status"`
	// RulesDiffer: old and new do not say the same, whoever shows it.
	RulesDiffer bool          `json:"rules_differ"`
	Host        string        `json:"host"`
	Source      string        `json:"source"`
	Roles       []string      `json:"roles"`
	Settings    []settingJSON `json:"settings"`
	// Opened are paths that everybody gains.
	Opened  []string     `json:"opened,omitempty"`
	Changes []changeJSON `json:"changes"`
	// Unlisted are how many changes are not in Changes.
	Unlisted int        `json:"unlisted"`
	Counts   countsJSON `json:"counts"`
	Notes    []string   `json:"notes"`
}

type settingJSON struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}

type countsJSON struct {
	People  int `json:"people"`
	Gains   int `json:"gains"`
	Loses   int `json:"loses"`
	Changes int `json:"changes"`
	Same    int `json:"same"`
}

type changeJSON struct {
	Kind    Kind       `json:"kind"`
	Person  personJSON `json:"person"`
	Derived bool       `json:"derived"`
	// From and Until are null for from now on and for ever.
	From  *time.Time  `json:"from"`
	Until *time.Time  `json:"until"`
	Old   outcomeJSON `json:"old"`
	New   outcomeJSON `json:"new"`
}

type personJSON struct {
	Who     string         `json:"who"` // in words
	Email   string         `json:"email,omitempty"`
	Subject string         `json:"subject,omitempty"`
	Name    string         `json:"name,omitempty"`
	Groups  []string       `json:"groups"`
	Claims  map[string]any `json:"claims,omitempty"`
}

type outcomeJSON struct {
	Decision   string            `json:"decision"`
	Roles      []string          `json:"roles"`
	Attributes map[string]string `json:"attributes"`
	Rule       string            `json:"rule"`
	Source     string            `json:"source,omitempty"`
}

// WriteJSON writes a result for programs, with every person that it lists.
func (r *Result) WriteJSON(w io.Writer) error {
	out := resultJSON{
		Changed: r.Changed(), Old: r.Old, New: r.New, At: r.At.UTC(), Derived: r.Derived,
		Repeated: r.Repeated, Nobody: r.Nobody, Apps: []appJSON{},
	}
	for _, a := range r.Apps {
		out.Apps = append(out.Apps, a.json(r.Derived))
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func (a *App) json(derived bool) appJSON {
	out := appJSON{
		App: a.Name, Issuers: a.Issuers, Status: a.Status, RulesDiffer: a.RulesDiffer, Host: a.Host, Source: a.Source,
		Roles: nonNil(a.Roles), Settings: []settingJSON{}, Opened: a.Opened, Changes: []changeJSON{},
		Unlisted: a.Unlisted, Counts: countsJSON(a.Counts), Notes: []string{},
	}
	for _, note := range a.Notes {
		out.Notes = append(out.Notes, note.String())
	}
	for _, s := range a.Settings {
		out.Settings = append(out.Settings, settingJSON(s))
	}
	for _, g := range a.Groups {
		out.Unlisted += g.More
		for _, e := range g.Entries {
			out.Changes = append(out.Changes, changeJSON{
				Kind: g.Kind, Person: e.Person.json(), Derived: derived, From: orNull(g.From), Until: orNull(g.Until),
				Old: e.Old.json(), New: e.New.json(),
			})
		}
	}
	return out
}

func (p *Person) json() personJSON {
	return personJSON{p.Who(), p.Email, p.Subject, p.Name, nonNil(p.Groups), p.Claims}
}

func (o *Outcome) json() outcomeJSON {
	out := outcomeJSON{Decision: "deny", Roles: nonNil(o.Roles), Attributes: o.Attributes, Rule: o.Rule}
	if o.Allowed {
		out.Decision = "allow"
	}
	if out.Attributes == nil {
		out.Attributes = map[string]string{}
	}
	if o.Sources != nil {
		out.Source = o.Sources[0]
	}
	return out
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

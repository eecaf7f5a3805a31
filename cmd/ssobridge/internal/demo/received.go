package demo

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// received is what an app was told: nothing else is known to it.
type received struct {
	AppName  string   `json:"app"`
	User     string   `json:"user"`
	Email    string   `json:"email,omitempty"`
	Name     string   `json:"name,omitempty"`
	Role     string   `json:"role"`
	Groups   []string `json:"groups,omitempty"`
	Rule     string   `json:"rule"`
	RuleText string   `json:"rule_text"`
	// Identity are the headers that ssobridge set, Others what came with the
	// request.
	Identity []headerLine `json:"identity_headers"`
	Others   []headerLine `json:"other_headers"`
	// Marker is in place of a group: see the comment in the grafana preset.
	Marker string `json:"-"`
}

type headerLine struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// markerPrefix begins what ssobridge appends to Grafana's groups.
const markerPrefix = "ssobridge-sync-"

func (h *appHandler) receive(r *http.Request) received {
	a := h.app
	in := received{
		AppName: a.Name,
		User:    r.Header.Get(a.user),
		Email:   r.Header.Get(a.email),
		Name:    r.Header.Get(a.name),
		Role:    r.Header.Get(a.role),
		Rule:    r.Header.Get(ruleHeader),
	}
	in.RuleText = h.config.rule(a.Name, in.Rule)
	if a.groups != "" {
		in.Groups = splitGroups(r.Header.Get(a.groups))
	}
	in.Groups = slices.DeleteFunc(in.Groups, func(g string) bool {
		if strings.HasPrefix(g, markerPrefix) {
			in.Marker = g
		}
		return g == in.Marker
	})
	in.Others = []headerLine{{"Host", r.Host}}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			line := headerLine{name, value}
			if a.sets(name) {
				in.Identity = append(in.Identity, line)
			} else {
				in.Others = append(in.Others, line)
			}
		}
	}
	return in
}

// sets reports whether a header is one that ssobridge sets for the app.
func (a sampleApp) sets(name string) bool {
	return strings.HasPrefix(name, a.prefix) || name == ruleHeader || name == a.role
}

// splitGroups reads a list as the apps do: at commas, except between quotes.
func splitGroups(value string) []string {
	r := csv.NewReader(strings.NewReader(value))
	r.LazyQuotes = true
	groups, err := r.Read()
	if err != nil {
		return nil
	}
	return groups
}

// writeText is for people at a terminal.
func (in received) writeText(w io.Writer, a sampleApp) {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("%s, a sample app behind ssobridge\n\n", a.Title)
	p("  user    %s\n", in.User)
	if in.Name != "" {
		p("  name    %s\n", in.Name)
	}
	p("  role    %s\n", in.Role)
	p("  groups  %s\n", in.groupList(a))
	p("  why     %s of app.%s:\n\n", in.Rule, in.AppName)
	for line := range strings.Lines(in.RuleText) {
		p("            %s", line)
	}
	width := 0
	for _, h := range slices.Concat(in.Identity, in.Others) {
		width = max(width, len(h.Name))
	}
	p("\nSet by ssobridge\n\n")
	for _, h := range in.Identity {
		p("  %-*s  %s\n", width, h.Name, h.Value)
	}
	p("\nThe rest of the request's header\n\n")
	for _, h := range in.Others {
		p("  %-*s  %s\n", width, h.Name, h.Value)
	}
	_, _ = io.WriteString(w, b.String()) // the client may have gone
}

func (in received) groupList(a sampleApp) string {
	switch {
	case a.groups == "":
		return "(not sent to this app)"
	case len(in.Groups) == 0:
		return "(none)"
	}
	quoted := make([]string, len(in.Groups))
	for i, g := range in.Groups {
		quoted[i] = g
		if strings.ContainsAny(g, ", ") {
			quoted[i] = `"` + g + `"`
		}
	}
	return strings.Join(quoted, ", ")
}

// ReadsGroups reports whether the app is sent any.
func (a sampleApp) ReadsGroups() bool { return a.groups != "" }

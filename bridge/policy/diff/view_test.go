package policydiff

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestApps: how apps and issuers are paired.
func TestApps(t *testing.T) {
	const rules = "[[rule]]\nrole = \"A\"\ngroups = [\"Staff\"]"
	x := app("x", "", rules)
	tests := []struct {
		name, old, new string
		want           []string
	}{
		{"the same", x, x, []string{"x same"}},
		{"only places differ", x, "\n\n" + x, []string{"x same"}},
		{"added", x, x + app("y", "", rules), []string{"x same", "y added +1"}},
		{"removed", x + app("y", "", rules), x, []string{"x same", "y removed -1"}},
		{"order", x + app("y", "", rules), app("z", "", rules) + x, []string{"z added +1", "x same", "y removed -1"}},
		{"host", x, strings.Replace(x, "x.example.com", "y.example.com", 1), []string{"x changed host: x.example.com → y.example.com"}},
		{"another name", x, strings.Replace(app("y", "", rules), "y.example.com", "x.example.com", 1),
			[]string{"y changed name: x → y"}},
		{"another name and other rules", x, strings.NewReplacer("y.example.com", "x.example.com", "Staff", "STAFF").Replace(app("y", "", rules)),
			[]string{"y changed name: x → y +1 -1"}},
		{"another name and host", x, app("y", "", rules), []string{"y added +1", "x removed -1"}},
		{"the host of one that is still there", x + app("y", "", rules),
			strings.Replace(app("y", "", rules), "y.example.com", "x.example.com", 1),
			[]string{"y changed host: y.example.com → x.example.com", "x removed -1"}},
		{"upstream", x, strings.Replace(x, ":3000", ":3001", 1), []string{"x changed upstream: http://127.0.0.1:3000 → http://127.0.0.1:3001"}},
		{"adapter", x, app("x", `adapter = "remote-user"`, rules), []string{"x changed adapter: x → remote-user"}},
		{"audience", x, app("x", `audience = "a"`, rules), []string{"x changed audience: (not set) → a"}},
		{"an issuer comes", x, app("x", `issuers = ["pomerium", "okta"]`, rules),
			[]string{"x for people of pomerium changed issuers: pomerium → pomerium, okta", "x for people of okta changed issuers: pomerium → pomerium, okta +1"}},
		{"an issuer goes", app("x", `issuers = ["pomerium", "okta"]`, rules), x,
			[]string{"x for people of pomerium changed issuers: pomerium, okta → pomerium", "x for people of okta changed issuers: pomerium, okta → pomerium -1"}},
		{"an issuer is replaced", x, app("x", `issuers = ["okta"]`, rules), []string{"x changed issuers: pomerium → okta"}},
		{"two issuers that are alike", app("x", `issuers = ["pomerium", "okta"]`, rules), app("x", `issuers = ["pomerium", "okta"]`, rules), []string{"x same"}},
		{"an issuer that ignores case is added", app("x", `issuers = ["pomerium", "okta"]`, rules), app("x", `issuers = ["pomerium", "okta", "entra"]`, rules),
			[]string{"x for people of pomerium and okta changed issuers: pomerium, okta → pomerium, okta, entra",
				"x for people of entra changed issuers: pomerium, okta → pomerium, okta, entra +2"}},
		{"an issuer that ignores case instead", app("x", `issuers = ["okta"]`, rules), app("x", `issuers = ["entra"]`, rules),
			[]string{"x changed issuers: okta → entra +1"}},
		{"an app for two kinds of issuers", x, x + app("y", `issuers = ["pomerium", "entra"]`, rules),
			[]string{"x same", "y for people of pomerium added +1", "y for people of entra added +2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := compare(t, tt.old, tt.new, "email,groups\nann@example.com,Staff\nbob@example.com,STAFF\n")
			var got []string
			for _, a := range r.Apps {
				line := a.title() + " " + string(a.Status)
				for _, s := range a.Settings {
					if strings.HasPrefix(s.Key, "issuer ") {
						continue // see TestSettings
					}
					line += " " + s.Key + ": " + setting(s.Old) + " → " + setting(s.New)
				}
				for _, c := range []struct {
					sign string
					n    int
				}{{" +", a.Counts.Gains}, {" -", a.Counts.Loses}, {" ~", a.Counts.Changes}} {
					if c.n > 0 {
						line += c.sign + string(rune('0'+c.n))
					}
				}
				for _, note := range a.Notes {
					line += " (" + note.String() + ")"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLoadNamesTheFile: what is wrong with both is said at once, with which of
// them it is wrong.
func TestLoadNamesTheFile(t *testing.T) {
	_, _, err := Load("testdata/old.toml", "testdata/new.toml")
	if err == nil || !strings.Contains(err.Error(), "the old configuration: ") || !strings.Contains(err.Error(), "the new configuration: ") {
		t.Errorf("%v", err)
	}
}

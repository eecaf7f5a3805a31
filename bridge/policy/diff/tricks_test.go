package policydiff

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/mapping"
)

// Tricks by which a change was to pass for none. What is said of it must name it.

// texts are the text, the Markdown and the JSON of a result.
func texts(t *testing.T, r *Result) (text, markdown, json string) {
	t.Helper()
	var buffers [3]bytes.Buffer
	if err := r.WriteText(&buffers[0], 0); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteMarkdown(&buffers[1], 0); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJSON(&buffers[2]); err != nil {
		t.Fatal(err)
	}
	return buffers[0].String(), buffers[1].String(), buffers[2].String()
}

// says checks that a result is a change, and that every form but JSON says so in
// these words.
func says(t *testing.T, r *Result, words ...string) {
	t.Helper()
	text, markdown, json := texts(t, r)
	if !r.Changed() || !strings.Contains(json, `"changed": true`) {
		t.Errorf("Changed is false:\n%s", text)
	}
	markdown = strings.ReplaceAll(strings.ToLower(markdown), "`", "")
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("the text does not say %q:\n%s", w, text)
		}
		if !strings.Contains(markdown, strings.ToLower(w)) {
			t.Errorf("the Markdown does not say %q:\n%s", w, markdown)
		}
	}
	if strings.Contains(text, "nothing changed") {
		t.Errorf("%s", text)
	}
}

const unseen = "rules differ; no made-up person shows how"

// TestListBehindAnEscapedMember: \u0040 is an "@" to the expression.
func TestListBehindAnEscapedMember(t *testing.T) {
	for _, when := range []string{`member("\u0040sre")`, `member("\x40sre")`, `member("\100\163re")`, "member(\n//\n'@sre')", `member(r"@sre")`, `member("""@sre""")`} {
		rules := app("x", "", "[[rule]]\nrole = \"A\"\nwhen = '''"+when+"'''")
		before, after := "[groups]\nsre = [\"a\"]\n"+rules, "[groups]\nsre = [\"a\", \"b\"]\n"+rules
		says(t, compare(t, before, after, ""), "gains", `somebody in "b"`)
		r := compare(t, before, after, "email,groups\nbob@x.test,b\n")
		if diff := cmp.Diff([]string{"gains: deny → A: bob@x.test"}, lines(r.Apps[0])); diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
}

// TestGrantThatMadeUpPeopleDoNotMeet: the conditions keep out every name that
// fills a pattern, and nobody else.
func TestGrantThatMadeUpPeopleDoNotMeet(t *testing.T) {
	const rule = "[[rule]]\nrole = \"Viewer\"\nemails = [\"*@example.com\"]\n"
	const trick = "[[rule]]\nrole = \"Admin\"\ngroups = [\"*-staff*\"]\nnot_groups = [\"*any*\", \"*q7*\", \"-staff\"]\n"
	r := compare(t, app("x", "", rule), app("x", "", rule+trick), "")
	says(t, r, unseen, "the rules of 1 of 1 app differ, and no made-up person shows how", "rule[2] at ", "decides about nobody made up")
	if r.Apps[0].Status != RulesDiffer {
		t.Errorf("status is %s", r.Apps[0].Status)
	}
	t.Run("behind a change that shows", func(t *testing.T) {
		r := compare(t, app("x", "", rule), app("x", "", strings.ReplaceAll(rule, "Viewer", "Editor")+trick), "")
		says(t, r, "changes", "rule[2] at ", "decides about nobody made up")
	})
	t.Run("in another app", func(t *testing.T) {
		y := strings.ReplaceAll(rule, "Viewer", "Editor")
		r := compare(t, app("x", "", rule)+app("y", "", rule), app("x", "", rule+trick)+app("y", "", y), "")
		says(t, r, unseen, "1 of 2 apps changed", "the rules of 1 other app differ, and nobody shows how")
	})
	t.Run("for the people of a file", func(t *testing.T) {
		r := compare(t, app("x", "", rule), app("x", "", rule+trick), person)
		if text, _, _ := texts(t, r); r.Changed() || text != "nothing changed in 1 app for 1 person, but the rules of 1 app differ.\n" {
			t.Errorf("Changed is %v: %s", r.Changed(), text)
		}
	})
}

// TestExpressionThatNobodyMadeUpMeets is said, although nobody shows a change.
func TestExpressionThatNobodyMadeUpMeets(t *testing.T) {
	const rule = "[[rule]]\nrole = \"Viewer\"\nemails = [\"*@example.com\"]\n"
	r := compare(t, app("x", "", rule), app("x", "", rule+"[[rule]]\nrole = \"Admin\"\nwhen = 'size(groups) > 3 && size(name) == 77'"), "")
	says(t, r, unseen, "rule[2] at ", "has an expression, so people for it are guesses")
}

// TestPeopleAreDescribedAsExplainDoes: with the claims of each issuer's
// assertions, and no subject that nobody has given.
func TestPeopleAreDescribedAsExplainDoes(t *testing.T) {
	const rule = "[[rule]]\nrole = \"Viewer\"\nemails = [\"*@example.com\"]\n"
	const both = "issuers = [\"pomerium\", \"okta\"]"
	const eve = "email\neve@x.test\n"
	for _, tt := range []struct {
		name, more string
		want       []string
		people     string
	}{
		{"iss", "[[rule]]\nrole = \"Admin\"\nclaims = { iss = [\"https://okta.example.com\"] }", []string{"x for people of okta: gains: deny → Admin: eve@x.test"}, ""},
		{"aud", "[[rule]]\nrole = \"Admin\"\nclaims = { aud = [\"x.example.com\"] }", []string{"x for people of pomerium: gains: deny → Admin: eve@x.test"}, ""},
		{"aud of both", "[[rule]]\nrole = \"Admin\"\nclaims = { aud = [\"*\"] }", []string{"x: gains: deny → Admin: eve@x.test"}, ""},
		{"user", "[[rule]]\nrole = \"Admin\"\nwhen = 'has(claims.user)'", []string{"x for people of pomerium: gains: deny → Admin: eve@x.test"}, ""},
		{"a deny by subjects that are no emails", "[[rule]]\ndeny = true\nsubjects = [\"eve@x.test\"]\n[[rule]]\nrole = \"Admin\"\nemails = [\"eve@x.test\"]",
			[]string{"x: gains: deny → Admin: eve@x.test"}, ""},
		{"a list in a text, which Pomerium alone writes", "[[rule]]\nrole = \"Admin\"\nclaims = { roles = [\"a\"] }",
			[]string{"x for people of pomerium: gains: deny → Admin: eve@x.test"}, "email,claim.roles\neve@x.test,\"a,b\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			people := eve
			if tt.people != "" {
				people = tt.people
			}
			r := compare(t, app("x", both, rule), app("x", both, rule+tt.more), people)
			var got []string
			for _, a := range r.Apps {
				for _, line := range lines(a) {
					got = append(got, a.title()+": "+line)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("people made up have no email for a subject", func(t *testing.T) {
		r := compare(t, app("x", "", rule), app("x", "", rule+"[[rule]]\ndeny = true\nsubjects = [\"eve@x.test\"]\n[[rule]]\nrole = \"Admin\"\nemails = [\"eve@x.test\"]"), "")
		if diff := cmp.Diff([]string{"gains: deny → Admin: eve@x.test"}, lines(r.Apps[0])); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("an issuer that says otherwise", func(t *testing.T) {
		rules := "[[rule]]\nrole = \"A\"\nclaims = { iss = [\"x.example.com\"] }"
		r := compare(t, app("x", "", rules), strings.Replace(app("x", "", rules), "host = \"x.", "host = \"y.", 1), eve)
		if diff := cmp.Diff([]string{"loses: A → deny: eve@x.test"}, lines(r.Apps[0])); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTimesThatAreNotWritten: a rule may begin years from now without a time that
// anybody compares at.
func TestTimesThatAreNotWritten(t *testing.T) {
	const rule = "[[rule]]\nrole = \"Viewer\"\nemails = [\"*@example.com\"]\n"
	const note = `compares "now" otherwise than with a written time`
	after := func(when string) string {
		return app("x", "", rule+"[[rule]]\nrole = \"Admin\"\nwhen = '''"+when+"'''")
	}
	for _, when := range []string{
		`now > timestamp("2026-01-01T00:00:00Z") + duration("87600h")`,
		`now - duration("87600h") > timestamp("2026-01-01T00:00:00Z")`,
		`timestamp("2026-01-01T00:00:00Z") + duration("87600h") < now`,
		`timestamp("2026-01-01T00:00:00Z") < now - duration("87600h")`,
		`duration("-87600h") + //(` + "\n" + `now > timestamp("2026-01-01T00:00:00Z")`,
		`now > timestamp("2026-01-01T00:00:00Z") //)` + "\n" + `+ duration("87600h")`,
		`now.getFullYear() > 2030`,
		`now > timestamp("\u0032030-01-01T00:00:00Z")`,
		`now > timestamp(r"2030-01-01T00:00:00Z")`,
		`now > timestamp("""2030-01-01T00:00:00Z""")`,
		`now > timestamp(1900000000)`,
		`now > (timestamp("2030-01-01T00:00:00Z"))`,
		`string(now) > "2030"`,
		`[now].exists(t, t > timestamp("2030-01-01T00:00:00Z"))`,
		`now > timestamp("2030-01-01T00:00:00Z") || now > timestamp("2026-01-01T00:00:00Z") + duration("87600h")`,
	} {
		t.Run(when, func(t *testing.T) {
			says(t, compare(t, app("x", "", rule), after(when), person), "rule[2] at ", note)
			says(t, compare(t, app("x", "", rule), after(when), ""), "rule[2] at ", note)
		})
	}
	for _, when := range []string{
		`now > timestamp("2030-01-01T00:00:00Z") && now<timestamp('2031-01-01T00:00:00+02:00')`,
		`!(timestamp("2030-01-01T00:00:00Z") <= now) || (email == "a@x" ? now == timestamp("2031-01-01T00:00:00Z") : false)`,
		`name == "somebody who knows"`,
	} {
		if unclearNow(when) {
			t.Errorf("%s is clear", when)
		}
	}
	t.Run("what comes before or after it", func(t *testing.T) {
		const other = "[[rule]]\nrole = \"B\"\ngroups = [\"b\"]\n"
		unclear := "[[rule]]\nrole = \"Admin\"\nwhen = 'now.getFullYear() > 2030'\n"
		if r := compare(t, app("x", "", unclear), "\n\n"+app("x", "", unclear), person); r.Changed() {
			t.Errorf("the same: %v", r.Apps[0].Notes)
		}
		says(t, compare(t, app("x", "", unclear), app("x", "", unclear+other), person), note)
		says(t, compare(t, app("x", "", unclear+other), app("x", "", other+unclear), person), note)
	})
}

// TestTimesOnceAroundTheClock: nanoseconds since 1970 are the same after 2^64 of
// them.
func TestTimesOnceAroundTheClock(t *testing.T) {
	const until = "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]\nuntil = "
	r := compare(t, app("x", "", until+"2027-01-31T00:00:00Z"), app("x", "", until+"2611-08-21T23:34:33.709551616Z"), person)
	if diff := cmp.Diff([]string{"gains: deny → A, from 2027-01-31T00:00:00Z, until 2611-08-21T23:34:33Z: ann@example.com"}, lines(r.Apps[0])); diff != "" {
		t.Error(diff)
	}
}

// TestSettings: whose assertions count, by which keys, and what the app is told.
func TestSettings(t *testing.T) {
	const x = "issuers = [\"pomerium\", \"okta\"]"
	rules := "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]"
	config := issuers + adapters + app("x", x, rules)
	for _, tt := range []struct{ name, from, to, want string }{
		{"keys", `jwks_url = "https://a.example.com/`, `jwks_url = "https://evil.test/`,
			"issuer pomerium keys: jwks_url https://a.example.com/.well-known/pomerium/jwks.json → jwks_url https://evil.test/.well-known/pomerium/jwks.json"},
		{"keys of a file", `jwks_url = "https://a.example.com/.well-known/pomerium/jwks.json"`, `jwks_file = "keys/evil.json"`,
			"issuer pomerium keys: jwks_url https://a.example.com/.well-known/pomerium/jwks.json → jwks_file keys/evil.json"},
		{"discovery_url", "https://okta.example.com", "https://evil.test", "issuer okta keys: discovery_url https://okta.example.com → discovery_url https://evil.test"},
		{"iss", "[issuer.okta]", "iss = \"evil\"\n[issuer.okta]", "issuer pomerium iss: the app's host → evil"},
		{"issuer_format", "[issuer.okta]", "issuer_format = \"uri\"\n[issuer.okta]", "issuer pomerium iss: the app's host → https://HOST/"},
		{"audience of the issuer", `audience = "okta"`, `audience = "other"`, "issuer okta audience: okta → other"},
		{"audience of the app", x, x + "\naudience = \"other\"", "audience: (not set) → other"},
		{"header", "X-Okta", "X-Evil", "issuer okta header: X-Okta → X-Evil"},
		{"bearer", `header = "X-Okta"`, "header = \"Authorization\"\nbearer = true", "issuer okta bearer: (not set) → true"},
		{"algorithms", "[issuer.okta]", "algorithms = [\"RS256\"]\n[issuer.okta]", "issuer pomerium algorithms: ES256 → RS256"},
		{"trust_email", "trust_email = true\n[issuer.entra]", "[issuer.entra]", "issuer okta trust_email: true → (not set)"},
		{"ignore_case", "[issuer.okta]", "ignore_case = true\n[issuer.okta]", "issuer pomerium ignore_case: (not set) → true"},
		{"leeway", "[issuer.okta]", "leeway = \"4m\"\n[issuer.okta]", "issuer pomerium leeway: 1m0s → 4m0s"},
		{"ca_file", "[issuer.okta]", "ca_file = \"evil.pem\"\n[issuer.okta]", "issuer pomerium ca_file: (not set) → evil.pem"},
		{"upstream", "127.0.0.1:3000", "10.6.6.6:80", "upstream: http://127.0.0.1:3000 → http://10.6.6.6:80"},
		{"preserve_host", x, x + "\npreserve_host = false", "preserve_host: true → false"},
		{"timeout", x, x + "\ntimeout = \"2s\"", "timeout: 1m0s → 2s"},
		{"the adapter's roles", `{ from = "roles", join = "," }`, `{ from = "roles", join = ",", map = { A = "admin" } }`,
			`adapter.header.X-Roles: {"from":"roles","join":","} → {"from":"roles","join":",","map":{"A":"admin"}}`},
		{"another adapter", "[adapter.orgs.header]", "[adapter.orgs.header]\nX-More = { from = \"email\" }", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(config, tt.from) {
				t.Fatalf("no %s", tt.from)
			}
			after := strings.Replace(config, tt.from, tt.to, 1)
			for _, people := range []string{"", person} {
				options := Options{At: noon}
				if people != "" {
					options.People = NewPeople("people", strings.NewReader(people))
				}
				r, err := Compare(loadAll(t, "old.toml", config), loadAll(t, "new.toml", after), options)
				if err != nil {
					t.Fatal(err)
				}
				if tt.want == "" {
					if r.Changed() {
						t.Errorf("%+v", r.Apps[0].Settings)
					}
					continue
				}
				key, values, _ := strings.Cut(tt.want, ": ")
				says(t, r, key, values)
				if got := settingLines(r.Apps[0]); !slices.Contains(got, tt.want) {
					t.Errorf("got\n%s", strings.Join(got, "\n"))
				}
			}
		})
	}
}

func settingLines(a *App) []string {
	var got []string
	for _, s := range a.Settings {
		got = append(got, s.Key+": "+setting(s.Old)+" → "+setting(s.New))
	}
	return got
}

// TestOptionsOfAdaptersThatExtend: an entry replaces that of the adapter below as
// a whole, so each table counts for itself.
func TestOptionsOfAdaptersThatExtend(t *testing.T) {
	config := func(base, top string) string {
		return issuers + "[adapter.base]\nkind = \"headers\"\n[adapter.base.header]\nX-User = { from = \"subject\", required = true }\nX-Role = { from = \"roles\", join = \",\" }\n" + base +
			"[adapter.x]\nextends = \"base\"\n[adapter.x.header]\nX-User = " + top + "\n" + app("x", "", "[[rule]]\nrole = \"A\"\ngroups = [\"a\"]")
	}
	const subject = `{ from = "subject" }`
	for _, tt := range []struct{ name, base, top, want string }{
		{"the top", "", `{ from = "subject", required = true }`, `adapter.header.X-User: {"from":"subject"} → {"from":"subject","required":true}`},
		{"the base", "X-Extra = { from = \"email\" }\n", subject, `adapter.[base].header.X-Extra: (not set) → {"from":"email"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Compare(loadAll(t, "old.toml", config("", subject)), loadAll(t, "new.toml", config(tt.base, tt.top)), Options{At: noon})
			if err != nil {
				t.Fatal(err)
			}
			key, values, _ := strings.Cut(tt.want, ": ")
			says(t, r, key, values)
		})
	}
}

// TestLongOptionsStayDifferent although only their beginning is shown.
func TestLongOptionsStayDifferent(t *testing.T) {
	long := strings.Repeat("é", mostBrief)
	a, b := brief(long+"a"), brief(long+"b")
	if a == b || len(a) > mostBrief+100 || !strings.HasPrefix(a, "éé") || strings.ContainsRune(a, '\ufffd') {
		t.Errorf("%s and %s", a, b)
	}
}

// TestManyNotesAreCounted: a file of rules that nobody meets is not a page.
func TestManyNotesAreCounted(t *testing.T) {
	var rules strings.Builder
	for i := range mostNotes + 5 {
		fmt.Fprintf(&rules, "[[rule]]\nrole = \"A\"\nclaims = { c%d = [\"*-s*\"] }\nwhen = 'false'\n", i)
	}
	r := compare(t, app("x", "", "[[rule]]\nrole = \"B\"\ngroups = [\"b\"]"), app("x", "", "[[rule]]\nrole = \"B\"\ngroups = [\"b\"]\n"+rules.String()), "")
	if n := r.Apps[0].Notes; len(n) != mostNotes+1 || n[mostNotes].Text != "the same of 5 more such rules" {
		t.Errorf("%d notes: %v", len(n), n)
	}
}

// TestGrantThatLastsLongerForSome: a grant to everybody until some day is not everybody's
// where another rule gives some people the same for longer.
func TestGrantThatLastsLongerForSome(t *testing.T) {
	until := start.Add(61 * 24 * time.Hour)
	o, oldMapper, _ := compiled(mapping.Policy{Rules: []mapping.Rule{{Role: "Viewer"}}})
	n, newMapper, ok := compiled(mapping.Policy{Rules: []mapping.Rule{
		{Role: "Editor", Until: until}, {Role: "Editor", Groups: []string{"staff"}}, {Role: "Viewer"},
	}})
	if !ok {
		t.Fatal("the policies are not valid")
	}
	v := testView(o, n, oldMapper, newMapper)
	newDeriver(v, leastMadeUp).run()
	app := v.result()
	if len(app.Groups) != 2 {
		t.Fatalf("%d kinds of change, want one until then and one for ever", len(app.Groups))
	}
	for _, g := range app.Groups {
		if who := g.Entries[0].Person.Who(); who == "everybody" {
			t.Errorf("%q until %v", who, g.Until)
		}
	}
}

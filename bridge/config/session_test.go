package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

const sessionApp = `
[issuer.pomerium]
jwks_url = "https://notes.example.com/jwks.json"
[app.notes]
host = "notes.example.com"
upstream = "http://127.0.0.1:1"
adapter = "notes"
rule = [{ role = "user", groups = ["g"] }]
[adapter.notes]
`

// TestSessionSecrets: an app's secret that anybody could guess is named where it is
// written, and never shown.
func TestSessionSecrets(t *testing.T) {
	long := strings.Repeat("s3cret", 8)
	for _, tt := range []struct {
		name, options string
		want          []string
	}{
		{"good", "kind = \"session\"\ncodec = \"flask\"\nsecrets = [{ file = \"long\" }, { file = \"other\" }]\nfields = { user = { from = \"email\", required = true } }", nil},
		{"a short one", "extends = \"flask\"\nsecrets = [{ file = \"long\" },\n{ file = \"short\" }]", []string{
			"config.toml:12: adapter.notes.secrets[2]: shorter than 32 bytes, so it could be guessed by anybody who has a cookie; give the app a longer one",
		}},
		{"short once decoded", "extends = \"flask\"\nsecret_encoding = \"hex\"\nsecrets = [{ file = \"hex\" }]", []string{
			"config.toml:12: adapter.notes.secrets[1]: shorter than 32 bytes, so it could be guessed by anybody who has a cookie; give the app a longer one",
		}},
		{"twice", "extends = \"flask\"\nsecrets = [{ file = \"long\" }, { file = \"long\" }]", []string{
			"config.toml:11: adapter.notes.secrets[2]: is the same secret as secrets[1]; remove one of them",
		}},
		{"an address that is none", "extends = \"rails\"\ncookie = \"_notes\"\nsecrets = [{ file = \"long\" }]\nlookup.dsn = { file = \"other\" }", []string{
			"config.toml:13: adapter.notes.lookup.dsn: is no address of a PostgreSQL database; write one such as postgres://user:password@host:5432/app?sslmode=verify-full",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, map[string]string{
				"config.toml": sessionApp + tt.options, "long": long, "other": strings.Repeat("another", 8) + "\n",
				"short": "s3cret-s3cret-s3cret", "hex": strings.Repeat("ab", 31),
			})
			c, err := Load(path)
			var problems Problems
			errors.As(err, &problems)
			var got []string
			for _, p := range problems {
				got = append(got, strings.TrimPrefix(p.String(), strings.TrimSuffix(path, "config.toml")))
				if strings.Contains(p.String(), "s3cret") {
					t.Errorf("%s quotes a secret", p)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if c == nil {
				return
			}
			if _, is := c.Apps[0].Adapter.(adapter.SessionReader); !is {
				t.Errorf("%T is no adapter that reads sessions", c.Apps[0].Adapter)
			}
		})
	}
}

// TestLookupByIsReplaced: whoever looks people up by something else than a preset
// says so, and does not add to it.
func TestLookupByIsReplaced(t *testing.T) {
	_, err := ParsePolicy("config.toml", []byte(sessionApp+`
extends = "rails"
cookie = "_notes"
secrets = [{ file = "notes.secret" }]
[adapter.notes.lookup]
dsn = { file = "notes.dsn" }
query = "SELECT id FROM users WHERE employee_id = $1"
by = { claim = "employee_id", unique = true }
match = ""
`))
	if err != nil {
		t.Error(err)
	}
}

// TestEmbeddedOptions: the keys of a struct that others embed are theirs, and it is
// known which there are.
func TestEmbeddedOptions(t *testing.T) {
	type below struct {
		Deep string `toml:"deep"`
	}
	type inner struct {
		below
		Inner string `toml:"inner"`
	}
	var outer struct {
		inner
		Named inner  `toml:"named"`
		Own   string `toml:"own"`
		Not   inner
	}
	doc, problem := parseDocument("x.toml", []byte("own = \"a\"\ninner = \"b\"\ndeep = \"c\"\nnamed = { deep = \"d\" }\niner = \"e\"\n"))
	if problem != nil {
		t.Fatal(problem)
	}
	report := newReporter()
	d := decoder{doc: doc, report: report}
	d.table("", doc.table, &outer)
	if outer.Own != "a" || outer.Inner != "b" || outer.Deep != "c" || outer.Named.Deep != "d" || outer.Named.Inner != "" || outer.Not.Deep != "" {
		t.Errorf("%+v", outer)
	}
	if problems := report.sorted(); len(problems) != 1 || problems[0].String() != `x.toml:5: iner: unknown key: did you mean "inner"?` {
		t.Errorf("%v", problems)
	}
}

// TestSessionCookiesThatAreNone would guard nothing, in silence.
func TestSessionCookiesThatAreNone(t *testing.T) {
	for _, tt := range []struct{ cookies, bad string }{
		{`["grafana_session"]`, ""},
		{`["sid", ""]`, `""`},
		{`["sid; other"]`, `"sid; other"`},
		{`["sid*=x"]`, `"sid*=x"`},
		{`["__Host-ssobridge-session"]`, `"__Host-ssobridge-session"`},
	} {
		path := write(t, map[string]string{"config.toml": sessionApp + "kind = \"headers\"\nheader.X-User = { from = \"email\", required = true }\nsession_cookies = " + tt.cookies})
		_, err := Load(path)
		want := "config.toml:12: adapter.notes.session_cookies: " + tt.bad + " is no name of an app's cookie"
		if tt.bad == "" && err != nil || tt.bad != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", tt.cookies, err)
		}
	}
}

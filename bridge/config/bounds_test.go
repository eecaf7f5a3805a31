package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// containedMain has the apps of two teams: the forum is another team's, with a secret in
// its own adapter. What team a may name stands in the second entry.
const containedMain = `include = ["forum.toml", { files = "teams/a/*.toml", apps = ["a-*"], hosts = ["*.a.example.com"], upstreams = ["http://10.1.*"], secrets = "teams/a", env = ["TEAM_A_*"], adapters = ["a-*", "shared"], lists = ["a-*"], roles = ["reader", "Viewer"] }]
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[adapter.shared]
extends = "remote-user"
`

const forumFile = `
[groups]
moderators = ["mods@example.com"]
[adapter.forum]
kind = "headers"
[adapter.forum.header]
X-User   = { from = "email", required = true }
X-Secret = { secret = { file = "forum.secret" } }
[app.forum]
host     = "forum.example.com"
upstream = "http://10.9.0.1:3000"
adapter  = "forum"
[[app.forum.rule]]
role   = "admin"
groups = ["@moderators"]
`

// teamFile is a file of team a that is right, and holds a secret of its own.
const teamFile = `
[groups]
a-staff = ["staff@example.com"]
[adapter.a-own]
kind = "headers"
[adapter.a-own.header]
X-User   = { from = "email", required = true }
X-Secret = { secret = { file = "wiki.secret" } }
X-Other  = { secret = { env = "TEAM_A_SECRET" } }
[app.a-wiki]
host     = "wiki.a.example.com"
upstream = "http://10.1.0.1:3000"
adapter  = "a-own"
[[app.a-wiki.rule]]
role   = "reader"
groups = ["@a-staff", "@moderators"]
[app.a-notes]
host     = "notes.a.example.com"
upstream = "http://10.1.0.2"
adapter  = "shared"
default_role = "reader"
`

// contained writes the files of both teams, with text as the file of team a.
func contained(t *testing.T, text string) string {
	t.Helper()
	t.Setenv("TEAM_A_SECRET", "a secret of team a, long enough")
	t.Setenv("FORUM_SECRET", "a secret of the forum, long enough")
	return write(t, map[string]string{
		"config.toml":         containedMain,
		"forum.toml":          forumFile,
		"forum.secret":        "a secret of the forum, long enough",
		"teams/a/apps.toml":   text,
		"teams/a/wiki.secret": "a secret of team a, long enough",
		"teams/b/b.secret":    "a secret of team b, long enough",
	})
}

func TestIncludeWithinBounds(t *testing.T) {
	c, err := Load(contained(t, teamFile))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Apps) != 3 {
		t.Errorf("%d apps", len(c.Apps))
	}
	var codes []string
	for _, w := range c.Warnings(time.Now()) {
		codes = append(codes, w.Code+" "+w.Key)
	}
	if got := strings.Join(codes, ", "); got != "trusted-include include[1]" {
		t.Errorf("warnings %q, want one of the plain string", got)
	}
}

// TestIncludeIsContained: each attack of a team's file on what is not its own is an error
// at its line, which says what the main file would have to say.
func TestIncludeIsContained(t *testing.T) {
	for _, test := range []struct{ name, from, to, want string }{
		{
			"another team's secret in an own header", `file = "wiki.secret"`, `file = "../../forum.secret"`,
			`teams/a/apps.toml:8: adapter.a-own.header.X-Secret.secret: this file may not name files outside of DIR/teams/a`,
		},
		{
			"a neighbour's secret", `file = "wiki.secret"`, `file = "../b/b.secret"`,
			`teams/a/apps.toml:8: adapter.a-own.header.X-Secret.secret: this file may not name files outside of DIR/teams/a`,
		},
		{
			"a secret by its whole path", `file = "wiki.secret"`, `file = "DIR/teams/a/../../forum.secret"`,
			`teams/a/apps.toml:8: adapter.a-own.header.X-Secret.secret: this file may not name files outside of`,
		},
		{
			"a file that is not there", `file = "wiki.secret"`, `file = "/nowhere/secret"`,
			`teams/a/apps.toml:8: adapter.a-own.header.X-Secret.secret: this file may not name files outside of`,
		},
		{
			"another team's variable", "TEAM_A_SECRET", "FORUM_SECRET",
			`teams/a/apps.toml:9: adapter.a-own.header.X-Other.secret: this file may not name the environment variable "FORUM_SECRET": to allow it, the owner of DIR/config.toml writes "FORUM_SECRET" in env at include[2] (line 1)`,
		},
		{
			"another app's upstream", "http://10.1.0.1:3000", "http://10.9.0.1:3000",
			`teams/a/apps.toml:12: app.a-wiki.upstream: this file may not name the upstream "http://10.9.0.1:3000": to allow it, the owner of DIR/config.toml writes "http://10.9.0.1:3000" in upstreams at include[2] (line 1)`,
		},
		{
			"a name that begins like an address", "http://10.1.0.1:3000", "http://10.1.evil.example.com:3000",
			`teams/a/apps.toml:12: app.a-wiki.upstream: this file may not name the upstream`,
		},
		{
			"another app's upstream as the second", `upstream = "http://10.1.0.1:3000"`, `upstreams = ["http://10.1.0.1:3000", "http://10.9.0.1:3000"]`,
			`teams/a/apps.toml:12: app.a-wiki.upstreams[2]: this file may not name the upstream "http://10.9.0.1:3000"`,
		},
		{
			"a Unix socket", "http://10.1.0.1:3000", "unix:/run/forum.sock",
			`teams/a/apps.toml:12: app.a-wiki.upstream: this file may not name the upstream "unix:/run/forum.sock"`,
		},
		{
			"a host of somebody else", "wiki.a.example.com", "wiki.example.com",
			`teams/a/apps.toml:11: app.a-wiki.host: this file may not name the host "wiki.example.com"`,
		},
		{
			"a host of somebody else as the second", `host     = "wiki.a.example.com"`, `hosts = ["wiki.a.example.com", "files.example.com"]`,
			`teams/a/apps.toml:11: app.a-wiki.hosts[2]: this file may not name the host "files.example.com"`,
		},
		{
			"a host two labels below", "wiki.a.example.com", "x.wiki.a.example.com",
			`teams/a/apps.toml:11: app.a-wiki.host: this file may not name the host`,
		},
		{
			"an app of another name", "app.a-wiki", "app.wiki",
			`teams/a/apps.toml:10: app.wiki: this file may not name the app "wiki": to allow it, the owner of DIR/config.toml writes "wiki" in apps at include[2] (line 1)`,
		},
		{
			"another team's adapter", `adapter  = "a-own"`, `adapter = "forum"`,
			`teams/a/apps.toml:13: app.a-wiki.adapter: this file may not name the adapter "forum"`,
		},
		{
			"another team's adapter, extended", "kind = \"headers\"\n[adapter.a-own.header]\nX-User   = { from = \"email\", required = true }", "extends = \"forum\"\n[adapter.a-own.header]",
			`teams/a/apps.toml:5: adapter.a-own.extends: this file may not name the adapter "forum"`,
		},
		{
			"an adapter of another name", "adapter.a-own", "adapter.own",
			`teams/a/apps.toml:4: adapter.own: this file may not name the adapter "own"`,
		},
		{
			"a list of another name", "a-staff = [", "everybody = [",
			`teams/a/apps.toml:3: groups.everybody: this file may not name the list of groups "everybody"`,
		},
		{
			"another team's list anew", "a-staff = [", "moderators = [\"eve\"]\na-staff = [",
			`teams/a/apps.toml:3: groups.moderators: already defined at DIR/forum.toml:3`,
		},
		{
			"an issuer", "[groups]", "[issuer.own]\njwks_url = \"https://eve.example.com/jwks.json\"\n[groups]",
			`teams/a/apps.toml:2: issuer.own: this file may not name the issuer "own": to allow it, the owner of DIR/config.toml writes issuers = ["own"] at include[2] (line 1)`,
		},
		{
			"a role", `role   = "reader"`, `role = "admin"`,
			`teams/a/apps.toml:15: app.a-wiki.rule[1].role: this file may not name the role "admin"`,
		},
		{
			"a role as the second", `role   = "reader"`, `roles = ["reader", "admin"]`,
			`teams/a/apps.toml:15: app.a-wiki.rule[1].roles[2]: this file may not name the role "admin"`,
		},
		{
			"a role for everybody", `default_role = "reader"`, `default_role = "admin"`,
			`teams/a/apps.toml:21: app.a-notes.default_role: this file may not name the role "admin"`,
		},
		{"the server", "[groups]", "[server]\nlisten = \":1\"\n[groups]", `teams/a/apps.toml:2: server: belongs in`},
		{"sessions", "[groups]", "[sessions]\nstore = \"redis://10.9.0.1\"\n[groups]", `teams/a/apps.toml:2: sessions: belongs in`},
		{"more files", "\n[groups]", "include = [\"/etc/*.toml\"]\n[groups]", `teams/a/apps.toml:1: include: belongs in`},
		{
			"a certificate", `upstream = "http://10.1.0.1:3000"`, `upstream_tls = { ca_file = "../../forum.secret" }` + "\n" + `upstream = "https://10.1.0.1:3000"`,
			`teams/a/apps.toml:12: app.a-wiki.upstream_tls: this file may not name files outside of`,
		},
		{
			"a database", "kind = \"headers\"\n[adapter.a-own.header]\nX-User   = { from = \"email\", required = true }\nX-Secret = { secret = { file = \"wiki.secret\" } }\nX-Other  = { secret = { env = \"TEAM_A_SECRET\" } }",
			"kind = \"session\"\nlookup = { driver = \"postgres\", dsn = { file = \"wiki.secret\" } }",
			`teams/a/apps.toml:6: adapter.a-own.lookup.dsn: this file may not name databases`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(teamFile, test.from) {
				t.Fatalf("nothing to replace: %q", test.from)
			}
			path := contained(t, strings.ReplaceAll(teamFile, test.from, test.to))
			dir := filepath.Dir(path)
			if strings.Contains(test.to, "DIR") {
				text := strings.ReplaceAll(strings.ReplaceAll(teamFile, test.from, test.to), "DIR", dir)
				if err := os.WriteFile(filepath.Join(dir, "teams/a/apps.toml"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Load(path)
			if err == nil {
				t.Fatal("loaded")
			}
			if want := dir + "/" + strings.ReplaceAll(test.want, "DIR", dir); !strings.Contains(err.Error(), want) {
				t.Errorf("error\n%v\nwant\n%s", err, want)
			}
			if strings.Contains(err.Error(), "long enough") {
				t.Errorf("a secret in: %v", err)
			}
		})
	}
}

// TestIncludeNamesNothingByDefault: an entry that allows nothing allows nothing.
func TestIncludeNamesNothingByDefault(t *testing.T) {
	path := contained(t, teamFile)
	main := strings.Replace(containedMain, containedMain[strings.Index(containedMain, ", apps ="):strings.Index(containedMain, " }]")], "", 1)
	if err := os.WriteFile(path, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	for _, want := range []string{
		`writes apps = ["a-wiki"] at include[2]`, `writes hosts = ["wiki.a.example.com"] at`, `writes upstreams = ["http://10.1.0.1:3000"] at`,
		`writes adapters = ["a-own"] at`, `writes adapters = ["shared"] at`, `writes lists = ["a-staff"] at`, `writes secrets = "DIRECTORY" at`,
		`writes env = ["TEAM_A_SECRET"] at`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in\n%v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "may not name the role") {
		t.Errorf("without roles, every role is allowed:\n%v", err)
	}
}

// TestSymbolicLinkOutOfSecrets: neither a link to a file nor one to a directory leads out.
func TestSymbolicLinkOutOfSecrets(t *testing.T) {
	for name, link := range map[string][2]string{
		"to a file":            {"../../forum.secret", "wiki.secret"},
		"to a directory":       {"../b", "wiki"},
		"through another link": {"../a/second", "wiki.secret"},
		"to what is not there": {"../../nothing", "wiki.secret"},
	} {
		t.Run(name, func(t *testing.T) {
			text := teamFile
			if link[1] == "wiki" {
				text = strings.Replace(text, "wiki.secret", "wiki/b.secret", 1)
			}
			path := contained(t, text)
			team := filepath.Join(filepath.Dir(path), "teams/a")
			_ = os.Remove(filepath.Join(team, link[1]))
			if err := os.Symlink("../../forum.secret", filepath.Join(team, "second")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(link[0], filepath.Join(team, link[1])); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "this file may not name files outside of") {
				t.Errorf("error %v", err)
			}
		})
	}
	path := contained(t, teamFile)
	team := filepath.Join(filepath.Dir(path), "teams/a")
	if err := os.Rename(filepath.Join(team, "wiki.secret"), filepath.Join(team, "..data")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..data", filepath.Join(team, "wiki.secret")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err != nil {
		t.Errorf("a link within the directory, as Kubernetes makes them: %v", err)
	}
}

// TestIncludeByTwoEntries: a plain string beside bounds would undo them.
func TestIncludeByTwoEntries(t *testing.T) {
	path := contained(t, teamFile)
	main := strings.Replace(containedMain, `"forum.toml"`, `"forum.toml", "teams/*/*.toml"`, 1)
	if err := os.WriteFile(path, []byte(main), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "include[3]: " + filepath.Join(filepath.Dir(path), "teams/a/apps.toml") + " is also a file of include[2]"
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestIncludedLink: a link in a team's directory brings no other file in.
func TestIncludedLink(t *testing.T) {
	path := contained(t, teamFile)
	dir := filepath.Dir(path)
	if err := os.Symlink("../../forum.secret", filepath.Join(dir, "teams/a/more.toml")); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if err == nil || !strings.Contains(err.Error(), "more.toml is a symbolic link to a file outside of") || strings.Contains(err.Error(), "invalid TOML") {
		t.Errorf("error %v", err)
	}
}

// TestWorldWritableInclude: where everybody can write, everybody makes the rules.
func TestWorldWritableInclude(t *testing.T) {
	for _, open := range []string{"teams/a", "teams", "teams/a/apps.toml"} {
		path := contained(t, teamFile)
		if err := os.Chmod(filepath.Join(filepath.Dir(path), open), 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), open+" can be written by everybody on this machine") {
			t.Errorf("%s: %v", open, err)
		}
	}
}

func TestUpstreamPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern, address string
		want             bool
	}{
		{"http://10.1.*", "http://10.1.2.3:3000", true},
		{"http://10.1.*", "http://10.1.2.3/base", true},
		{"http://10.1.*", "https://10.1.2.3", false},
		{"http://10.1.*", "http://10.10.2.3", false},
		{"http://10.1.*", "http://10.1.evil.example.com", false},
		{"http://10.1.*", "http://10.1.2.3.", false},
		{"http://10.1.2.3", "http://10.1.2.3:3000", false},
		{"http://10.1.2.3", "http://10.1.2.3:80", true},
		{"http://10.1.2.3:*", "http://10.1.2.3:3000", true},
		{"http://*.a.svc", "http://app.a.svc", true},
		{"http://*.a.svc", "http://APP.A.svc.", true},
		{"http://*.a.svc", "http://x.app.a.svc", false},
		{"http://*.a.svc", "http://app.a.svc.evil.example.com", false},
		{"http://*.a.svc:8080", "http://app.a.svc:8081", false},
		{"http://app.svc:8080/a/*", "http://app.svc:8080/a/x", true},
		{"http://app.svc:8080/a/*", "http://app.svc:8080/b/x", false},
		{"http://app.svc:8080/a/*", "http://app.svc:8080", false},
		{"http://*", "http://anything.example.com:1", true},
		{"http://[fd00::*", "http://[fd00::1]:1", false},
		{"unix:/run/a/*", "unix:/run/a/x.sock", true},
		{"unix:/run/a/*", "unix:/run/a/b/x.sock", false},
		{"unix:/run/a/*", "http://run", false},
		{"http://*", "unix:/run/a/x.sock", false},
	} {
		p, ok := parseUpstreamPattern(test.pattern)
		a, problem := parseUpstream(test.address)
		got := ok && problem == "" && p.matches(a)
		if got != test.want {
			t.Errorf("%s of %s: %v, want %v (%s)", test.address, test.pattern, got, test.want, problem)
		}
	}
	for _, pattern := range []string{"", "10.1.*", "ftp://x", "http://", "http://u@x", "http://x?y", "unix:run", "unix:/run/../x", "http://x:"} {
		if _, ok := parseUpstreamPattern(pattern); ok {
			t.Errorf("%q is a pattern", pattern)
		}
	}
}

func TestWrongBounds(t *testing.T) {
	for entry, want := range map[string]string{
		`{ apps = ["a"] }`: `include[1].files: missing: name the files`,
		`7`:                `include[1]: want a string, or a table such as { files =`,
		`{ files = "teams/a/*.toml", app = ["a"] }`:         `include[1].app: unknown key: did you mean "apps"`,
		`{ files = "teams/a/*.toml", apps = "a" }`:          `include[1].apps: want an array`,
		`{ files = "teams/a/*.toml", apps = [""] }`:         `include[1].apps[1]: empty, or with white space`,
		`{ files = "teams/a/*.toml", upstreams = ["10.*"]}`: `include[1].upstreams[1]: "10.*" is no pattern of addresses`,
	} {
		path := write(t, map[string]string{"config.toml": fmt.Sprintf("include = [%s]\n", entry) + minimal, "teams/a/a.toml": ""})
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", entry, err, want)
		}
	}
}

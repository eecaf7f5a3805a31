package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// credentialsConfig has an app that people are signed in to, with credentials = %s.
const credentialsConfig = `
[issuer.pomerium]
jwks_url = "https://wiki.example.com/.well-known/pomerium/jwks.json"
[app.wiki]
host     = "wiki.example.com"
upstream = "http://127.0.0.1:8000"
adapter  = "wiki"
rule     = [{ role = "viewer" }]
[adapter.wiki]
kind        = "login"
cookies     = ["sessionid"]
request     = { path = "/login" }
success     = { status = [302] }
credentials = %s
[adapter.wiki.form]
username = { credential = "username" }
password = { credential = "password" }
`

const wikiAccounts = `# Who may do what in the wiki is in the wiki.
[email."ann@example.com"]
username = "ann"
password = " canary, correct \"horse\" "
[subject."google-oauth2|7"]
username = "bob"
password = 'canary\battery'
[role.viewer]
username = "guest"
password = "cänary"
`

func TestCredentials(t *testing.T) {
	const key = `14: adapter.wiki.credentials: `
	const invalid = ` invalid TOML: write [email."ann@example.com"], and below it lines like password = "...", each once`
	for _, tt := range []struct {
		name, credentials string
		file              string // what wiki.toml holds
		mode              os.FileMode
		want              []string // problems; DIR is where the files are
	}{
		{"file", `{ file = "wiki.toml" }`, wikiAccounts, 0o600, nil},
		{"file of a group", `{ file = "wiki.toml" }`, wikiAccounts, 0o640, nil},
		{"nobody yet", `{ file = "wiki.toml" }`, "", 0o600, nil},

		{"in the configuration", `"canary"`, "", 0, []string{key + `names and passwords do not stand in this file: write { file = "app.credentials.toml" }`}},
		{"nowhere", `{}`, "", 0, []string{key + `says not where the names and passwords are: write { file = "app.credentials.toml" }`}},
		{"in the environment", `{ env = "WIKI" }`, "", 0, []string{`14: adapter.wiki.credentials.env: unknown key: there is only "file"`}},
		{"for everybody", `{ file = "wiki.toml" }`, wikiAccounts, 0o644, []string{key + `DIR/wiki.toml is readable for everybody on this machine: chmod 600`}},
		{"missing", `{ file = "other.toml" }`, "", 0, []string{key + `DIR/other.toml: no such file or directory`}},
		{"large", `{ file = "wiki.toml" }`, strings.Repeat("#", maxCredentialsBytes+1), 0o600, []string{key + `DIR/wiki.toml is larger than 2097152 bytes`}},
		{"without quotes", `{ file = "wiki.toml" }`, "[role.viewer]\npassword = 1.canary.2\n", 0o600, []string{key + "DIR/wiki.toml:2:" + invalid}},
		{"twice", `{ file = "wiki.toml" }`, "[role.viewer]\nusername = \"canary\"\n[role.viewer]\nusername = \"canary\"\n", 0o600, []string{key + "DIR/wiki.toml:3:" + invalid}},
		{"other kind", `{ file = "wiki.toml" }`, "[group.admins]\nusername = \"canary\"\n", 0o600, []string{
			key + `DIR/wiki.toml:1: an account is [email.ADDRESS], [subject.ID] or [role.NAME]`,
		}},
		{"nobody's", `{ file = "wiki.toml" }`, "\npassword = \"canary\"\n", 0o600, []string{
			key + `DIR/wiki.toml:2: an account is [email.ADDRESS], [subject.ID] or [role.NAME]`,
		}},
		{"no table", `{ file = "wiki.toml" }`, "role = \"canary\"\n", 0o600, []string{key + `DIR/wiki.toml:1: role is no table; write [role.NAME]`}},
		{"no account", `{ file = "wiki.toml" }`, "[role]\nviewer = \"canary\"\n", 0o600, []string{key + `DIR/wiki.toml:2: role.viewer is no table; write [role.viewer]`}},
		{"whoever has none", `{ file = "wiki.toml" }`, "[email.\"\"]\nusername = \"canary\"\n", 0o600, []string{
			key + `DIR/wiki.toml:1: an account for whoever has no email would be everybody's who has none; name one`,
		}},
		{"number", `{ file = "wiki.toml" }`, "[role.viewer]\nusername = \"x\"\npassword = 1234\n", 0o600, []string{key + `DIR/wiki.toml:3: want a text in quotes`}},
		{"list", `{ file = "wiki.toml" }`, "[role.viewer]\npassword = [\"canary\"]\n", 0o600, []string{key + `DIR/wiki.toml:2: want a text in quotes`}},
		{"empty", `{ file = "wiki.toml" }`, "[role.viewer]\npassword = \"\"\n", 0o600, []string{key + `DIR/wiki.toml:2: empty`}},
		{"spaces", `{ file = "wiki.toml" }`, "[role.viewer]\npassword = \"  \"\n", 0o600, []string{key + `DIR/wiki.toml:2: nothing but white space`}},
		{"line break", `{ file = "wiki.toml" }`, "[role.viewer]\npassword = \"canary\\r\\nX: y\"\n", 0o600, []string{
			key + `DIR/wiki.toml:2: has a line break or another control character`,
		}},
		{"not all of it", `{ file = "wiki.toml" }`, "[role.viewer]\nusername = \"canary\"\n", 0o600, []string{
			key + `the account of role "viewer" has no password, which form.password sends`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, map[string]string{"config.toml": strings.Replace(credentialsConfig, "%s", tt.credentials, 1)})
			dir := filepath.Dir(path)
			if tt.mode != 0 {
				if err := os.WriteFile(filepath.Join(dir, "wiki.toml"), []byte(tt.file), tt.mode); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Load(path)
			var got []string
			if err != nil {
				got = strings.Split(strings.ReplaceAll(strings.ReplaceAll(err.Error(), path+":", ""), dir, "DIR"), "\n")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("a problem says what nobody may read: %v", err)
			}
			// Where policies are reviewed, the file need not be.
			if _, err := LoadPolicy(path); (err != nil) != strings.HasPrefix(tt.credentials, `"`) && tt.mode != 0 {
				t.Errorf("the policy alone: %v", err)
			}
		})
	}
}

func TestReadAccounts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wiki.toml")
	if err := os.WriteFile(file, []byte(wikiAccounts), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readAccounts(file)
	if err != nil {
		t.Fatal(err)
	}
	want := &adapter.Accounts{
		Emails:   map[string]adapter.Account{"ann@example.com": {"username": "ann", "password": ` canary, correct "horse" `}},
		Subjects: map[string]adapter.Account{"google-oauth2|7": {"username": "bob", "password": `canary\battery`}},
		Roles:    map[string]adapter.Account{"viewer": {"username": "guest", "password": "cänary"}},
	}
	for _, list := range []struct{ want, got map[string]adapter.Account }{{want.Emails, got.Emails}, {want.Subjects, got.Subjects}, {want.Roles, got.Roles}} {
		for whose, account := range list.want {
			for name, text := range account {
				if list.got[whose][name] != text {
					t.Errorf("%s of %s: %q", name, whose, list.got[whose][name])
				}
			}
		}
		if len(list.got) != len(list.want) {
			t.Errorf("accounts: %d", len(list.got))
		}
	}
}

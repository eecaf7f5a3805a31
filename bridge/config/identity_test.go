package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const identityApp = `[issuer.pomerium]
jwks_url = "https://app.example.com/.well-known/pomerium/jwks.json"
[app.wiki]
host = "wiki.example.com"
upstream = "http://127.0.0.1:3000"
adapter = "mine"
rule = [{ role = "user", groups = ["staff"] }]
[adapter.mine]
`

const (
	calledText = `people choose how they are called, so Eve could arrive as Ann: write from = "email" or from = "subject", with required = true; ` +
		`only if your identity provider gives every name once and lets nobody change theirs, add unique = true`
	emptyText = `may be empty, and then somebody reaches the app as nobody: add required = true`
)

func anybodysClaim(name string) string {
	return `nothing says that no two people have the same "` + name + `", or that nobody can change theirs: write from = "email" or from = "subject", with required = true; ` +
		`only if your identity provider makes sure of both, add unique = true`
}

// TestEveCannotArriveAsAnn: an adapter by which Eve, who calls herself "Ann Admin", would
// be Ann, or by which somebody would be nobody, is no valid configuration, unless it says
// in so many words that it knows better.
func TestEveCannotArriveAsAnn(t *testing.T) {
	for _, tt := range []struct {
		name, adapter string
		want          []string
	}{
		{"by what she calls herself", "kind = \"headers\"\nheader.Remote-User = { from = \"name\" }", []string{
			"c.toml:10: adapter.mine.header.Remote-User.from: " + calledText,
		}},
		{"by what she calls herself, who must have some name", "kind = \"headers\"\nheader.Remote-User = { from = \"name\", required = true }", []string{
			"c.toml:10: adapter.mine.header.Remote-User.from: " + calledText,
		}},
		{"by a claim that people edit", "kind = \"headers\"\nheader.Remote-User = { claim = \"preferred_username\", required = true }", []string{
			"c.toml:10: adapter.mine.header.Remote-User.claim: " + anybodysClaim("preferred_username"),
		}},
		{"by a header of any name", "kind = \"headers\"\nheader.X-Who = { from = \"name\", required = true }", []string{
			"c.toml:10: adapter.mine.header.X-Who.from: " + calledText,
		}},
		{"beside a proper one", "kind = \"headers\"\n[adapter.mine.header]\nRemote-Email = { from = \"email\", required = true }\nRemote-User = { from = \"name\", required = true }", []string{
			"c.toml:12: adapter.mine.header.Remote-User.from: " + calledText,
		}},
		{"in place of a preset's", "extends = \"sonarqube\"\nheader.X-Forwarded-Login = { from = \"name\", required = true }", []string{
			"c.toml:10: adapter.mine.header.X-Forwarded-Login.from: " + calledText,
		}},
		{"in place of a preset's, in another spelling", "extends = \"sonarqube\"\nheader.x_forwarded_login = { from = \"name\", required = true }", []string{
			"c.toml:10: adapter.mine.header.x_forwarded_login.from: " + calledText,
		}},
		{"by what rules say", "kind = \"headers\"\nknown_by = [\"Remote-User\"]\nheader.Remote-User = { from = \"role\" }", []string{
			`c.toml:11: adapter.mine.header.Remote-User: the app knows people by it, and several people may have the same value: write from = "email" or from = "subject", with required = true`,
		}},
		{"as nobody", "kind = \"headers\"\nheader.Remote-User = { from = \"email\" }", []string{
			"c.toml:10: adapter.mine.header.Remote-User: " + emptyText,
		}},
		{"as nobody, by a preset's header", "extends = \"remote-user\"\nheader.Remote-User = { from = \"email\" }", []string{
			"c.toml:10: adapter.mine.header.Remote-User: " + emptyText,
		}},
		{"without what the app knows her by", "extends = \"remote-user\"\nomit = [\"Remote-User\"]", []string{
			"c.toml:10: adapter.mine.omit: leaves nothing by which the app knows people, which is Remote-User; keep it, or write in known_by what it goes by instead",
		}},
		{"by a header that is not sent", "kind = \"headers\"\nknown_by = [\"Remote-Usr\"]\nheader.Remote-User = { from = \"email\", required = true }", []string{
			`c.toml:10: adapter.mine.known_by[1]: "Remote-Usr" is nothing that this adapter sends; it sends Remote-User`,
		}},
		{"by a word too much", "kind = \"headers\"\nheader.Remote-User = { from = \"email\", required = true, unique = true }", []string{
			"c.toml:10: adapter.mine.header.Remote-User.unique: is for name, an attribute, and a claim that is one text; remove it",
		}},
		{"required elsewhere, and left out here", "kind = \"headers\"\n[adapter.mine.header]\nRemote-Email = { from = \"email\", required = true }\nRemote-User = { from = \"email\", max_length = 9, unsendable = \"omit\" }", []string{
			"c.toml:12: adapter.mine.header.Remote-User: " + emptyText,
		}},
		{"in a token", "kind = \"jwt\"\nheader = \"X-Token\"\nkeys = [{ file = \"k\" }]\nclaims.preferred_username = { from = \"name\", required = true }", []string{
			"c.toml:12: adapter.mine.claims.preferred_username.from: " + calledText,
		}},
		{"in a session", "kind = \"session\"\ncodec = \"flask\"\nsecrets = [{ file = \"s\" }]\nfields = { user = { object = { id = { claim = \"nickname\", required = true } } } }", []string{
			"c.toml:12: adapter.mine.fields.user.object.id.claim: " + anybodysClaim("nickname"),
		}},
		{"by what an app's database is asked", "extends = \"rails\"\ncookie = \"c\"\nsecrets = [{ file = \"s\" }]\nlookup = { dsn = { file = \"d\" }, by = { claim = \"nickname\" } }", []string{
			"c.toml:12: adapter.mine.lookup.by.claim: " + anybodysClaim("nickname"),
		}},
		{"in an answer", "kind = \"sso\"\nprotocol = \"zulip\"\nsecret = { file = \"s\" }\nfields.email = { claim = \"mail\" }", []string{
			"c.toml:12: adapter.mine.fields.email.claim: " + anybodysClaim("mail"),
		}},
		{"in a sign-in", "kind = \"login\"\ncookies = [\"s\"]\nrequest = { path = \"/login\" }\nsuccess = { status = [302] }\nheader.X-User = { claim = \"nickname\", required = true }", []string{
			"c.toml:13: adapter.mine.header.X-User.claim: " + anybodysClaim("nickname"),
		}},

		{"who knows better", "kind = \"headers\"\nheader.Remote-User = { claim = \"preferred_username\", required = true, unique = true }", nil},
		{"whose names are unique", "kind = \"headers\"\nheader.Remote-User = { from = \"name\", required = true, unique = true }", nil},
		{"who does not tell who people are", "kind = \"headers\"\nknown_by = []\nheader.X-Name = { from = \"name\" }", nil},
		{"who tells of roles alone", "kind = \"headers\"\nheader.X-Scope-OrgID = { from = \"roles\", join = \"|\" }", nil},
		{"a name beside who it is", "kind = \"headers\"\n[adapter.mine.header]\nRemote-User = { from = \"email\", required = true }\nRemote-Name = { from = \"name\" }", nil},
		{"required elsewhere", "kind = \"headers\"\n[adapter.mine.header]\nRemote-Email = { from = \"email\", required = true }\nRemote-User = { from = \"email\" }", nil},
		{"a subject is always there", "kind = \"headers\"\nheader.X-Id = { from = \"subject\" }", nil},
		{"an app that goes by another header", "extends = \"remote-user\"\nomit = [\"Remote-User\"]\nknown_by = [\"Remote-Email\"]\nheader.Remote-Email = { from = \"email\", required = true }", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParsePolicy("c.toml", []byte(identityApp+tt.adapter+"\n"))
			var problems Problems
			if err != nil && !errors.As(err, &problems) {
				t.Fatal(err)
			}
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnnOfTheOtherDomainIsNotAnn: of addresses in two domains, the part before the "@"
// may be two people's. Every kind that cuts domains off wants to be told that it is not.
func TestAnnOfTheOtherDomainIsNotAnn(t *testing.T) {
	const domains = "domains = [\"example.com\", \"partner.example\"]\n"
	for name, adapter := range map[string]string{
		"gitea":     domains + "extends = \"gitea\"\n",
		"mediawiki": domains + "extends = \"mediawiki\"\n",
		"headers":   domains + "kind = \"headers\"\nheader.X-User = { from = \"email_local\", required = true }\n",
		"jwt":       domains + "kind = \"jwt\"\nheader = \"X-Token\"\nkeys = [{ file = \"k\" }]\nclaims.user = { from = \"email_local\", required = true }\n",
		"session":   domains + "kind = \"session\"\ncodec = \"flask\"\nsecrets = [{ file = \"s\" }]\nfields = { user = { from = \"email_local\", required = true } }\n",
		"lookup":    domains + "extends = \"rails\"\ncookie = \"c\"\nsecrets = [{ file = \"s\" }]\nlookup = { dsn = { file = \"d\" }, by = { from = \"email_local\" } }\n",
		"sso":       domains + "kind = \"sso\"\nprotocol = \"jwt\"\nsecret = { file = \"s\" }\nfields = { email = { from = \"email\", required = true }, login = { from = \"email_local\", required = true } }\n",
		"login":     domains + "kind = \"login\"\ncookies = [\"s\"]\nrequest = { path = \"/login\" }\nsuccess = { status = [302] }\nheader.X-User = { from = \"email_local\", required = true }\n",
	} {
		t.Run(name, func(t *testing.T) {
			const want = "c.toml:9: adapter.mine.domains: ann@example.com and ann@partner.example would become one user; keep one domain, or send from = \"email\". " +
				"Only if a name belongs to the same person in all of the domains, add one_namespace = true"
			if _, err := ParsePolicy("c.toml", []byte(identityApp+adapter)); err == nil || err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
			if _, err := ParsePolicy("c.toml", []byte(identityApp+"one_namespace = true\n"+adapter)); err != nil {
				t.Errorf("one namespace: %v", err)
			}
			one := strings.Replace(adapter, `, "partner.example"`, `, "Example.com"`, 1)
			if _, err := ParsePolicy("c.toml", []byte(identityApp+one)); err != nil {
				t.Errorf("one domain in two spellings: %v", err)
			}
		})
	}
}

// TestOneNamespaceOfOneDomain: what is said for nothing was meant for something else.
func TestOneNamespaceOfOneDomain(t *testing.T) {
	_, err := ParsePolicy("c.toml", []byte(identityApp+"extends = \"gitea\"\ndomains = [\"example.com\"]\none_namespace = true\n"))
	if want := "c.toml:11: adapter.mine.one_namespace: is for several domains; remove it"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

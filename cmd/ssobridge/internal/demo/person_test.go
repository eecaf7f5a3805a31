package demo

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestLikeAPerson signs in, opens apps, switches person and signs out.
func TestLikeAPerson(t *testing.T) {
	d, b := startDemo(t), newBrowser(t)
	role := func(user, role string) {
		t.Helper()
		if got := b.page.byID("user"); got != user {
			t.Errorf("%s is signed in as %q, want %q", b.page.url, got, user)
		}
		if got := b.page.byID("role"); got != role {
			t.Errorf("%s shows role %q, want %q", b.page.url, got, role)
		}
	}
	at := func(address string) {
		t.Helper()
		if got := b.page.url.String(); got != address {
			t.Fatalf("at %s, want %s", got, address)
		}
	}

	b.open(d.grafana + "/d/latency?from=now-1h")
	if host := b.page.url.Host; "http://"+host != d.pom {
		t.Fatalf("without a session, the browser is at %s", b.page.url)
	}
	if !strings.Contains(b.page.text(), "Then you go on to Grafana.") {
		t.Error("the sign-in page does not say where one goes on to")
	}
	b.become("Ann Archer")
	at(d.grafana + "/d/latency?from=now-1h")
	role("ann@example.com", "Admin")
	if got := b.page.byID("rule"); got != "rule[1]" {
		t.Errorf("rule is %q", got)
	}
	if got := b.page.byID("rule-text"); !strings.Contains(got, `groups = ["@sre"]`) {
		t.Errorf("the rule is quoted as %q", got)
	}

	// Another app knows her without asking.
	b.follow("Wiki")
	at(d.wiki + "/")
	role("ann@example.com", "writer")

	// Who one is changes in every app at once, the cookies stay.
	b.follow("Switch person")
	if got := b.page.byID("current"); got != "Ann Archer" {
		t.Errorf("the sign-in page says %q is signed in", got)
	}
	b.become("Bob Baker")
	at(d.wiki + "/")
	role("bob@example.com", "writer")
	b.open(d.grafana + "/")
	at(d.grafana + "/")
	role("bob@example.com", "Editor")
	if got := b.page.byID("rule"); got != "rule[2]" {
		t.Errorf("rule is %q", got)
	}
	b.follow("Gitea")
	role("bob", "user")

	b.follow("Sign out")
	if !strings.Contains(b.page.text(), "You are signed out of every app.") {
		t.Errorf("after signing out, the page says:\n%s", b.page.text())
	}
	for _, app := range []string{d.grafana, d.wiki, d.gitea} {
		b.open(app + "/")
		if "http://"+b.page.url.Host != d.pom {
			t.Errorf("signed out, and at %s", b.page.url)
		}
	}
	b.become("Ann Archer")
	at(d.gitea + "/")
	role("ann", "user")
}

// TestSignOutByForm signs out on the sign-in page, by POST.
func TestSignOutByForm(t *testing.T) {
	d, b := startDemo(t), newBrowser(t)
	b.open(d.pom + "/")
	b.become("Ann Archer")
	if got := b.page.byID("current"); got != "Ann Archer" {
		t.Fatalf("the sign-in page says %q is signed in", got)
	}
	b.open(d.grafana + "/") // has no cookie yet, and gets one unasked
	if got := b.page.byID("role"); got != "Admin" {
		t.Fatalf("role %q", got)
	}
	b.open(d.pom + "/")
	b.submit("Sign out", nil)
	b.open(d.grafana + "/")
	if "http://"+b.page.url.Host != d.pom {
		t.Errorf("signed out, and at %s", b.page.url)
	}
}

// TestRefusal shows ssobridge's own page to people without a role, with the way
// out of it.
func TestRefusal(t *testing.T) {
	tests := []struct{ person, app, email, title string }{
		{"Carol Contractor", "grafana", "carol@contractor.example", "You have no role in this app"},
		{"Carol Contractor", "gitea", "carol@contractor.example", "You have no role in this app"},
		{"Zoë Žižková", "wiki", "zoe@example.com", "This app cannot take your identity"},
	}
	d := startDemo(t)
	for _, tt := range tests {
		t.Run(tt.person+" in "+tt.app, func(t *testing.T) {
			b := newBrowser(t)
			b.open(d.app(tt.app) + "/")
			b.become(tt.person)
			if b.page.status != http.StatusForbidden || b.page.url.String() != d.app(tt.app)+"/" {
				t.Errorf("status %d at %s", b.page.status, b.page.url)
			}
			for _, want := range []string{tt.title, "You are signed in as " + tt.email} {
				if !strings.Contains(b.page.text(), want) {
					t.Errorf("the page does not say %q:\n%s", want, b.page.text())
				}
			}
			b.follow("Sign out and use another account")
			b.become("Ann Archer")
			b.open(d.app(tt.app) + "/")
			if b.page.status != http.StatusOK {
				t.Errorf("status %d as Ann", b.page.status)
			}
		})
	}
}

func TestBeAnyone(t *testing.T) {
	tests := []struct {
		name   string
		typed  url.Values
		status int
		role   string
		groups string
	}{
		{"a group by pattern", url.Values{"email": {"dana@example.com"}, "groups": {"platform-core\r\nnight shift\r\n"}},
			http.StatusOK, "Editor", "platform-core night shift"},
		{"groups with what separates groups", url.Values{"email": {"dana@example.com"}, "groups": {"a,sre\nx y, z"}},
			http.StatusOK, "Viewer", "a,sre x y, z"},
		{"not ASCII", url.Values{"email": {"dana@example.com"}, "name": {"Дана <b>"}, "groups": {"søre"}},
			http.StatusOK, "Viewer", "søre"},
		{"another domain", url.Values{"email": {"dana@example.com.evil.example"}},
			http.StatusForbidden, "", ""},
		{"an email that would end the header", url.Values{"email": {"dana\r\nX-Webauth-Role: Admin@example.com"}},
			http.StatusUnauthorized, "", ""},
	}
	d := startDemo(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBrowser(t)
			b.open(d.grafana + "/")
			b.submit("Sign in", tt.typed)
			if b.page.status != tt.status || b.page.url.String() != d.grafana+"/" {
				t.Fatalf("status %d at %s, want %d", b.page.status, b.page.url, tt.status)
			}
			if got := b.page.byID("role"); got != tt.role {
				t.Errorf("role %q, want %q", got, tt.role)
			}
			if got := b.page.byID("groups"); got != tt.groups {
				t.Errorf("groups %q, want %q", got, tt.groups)
			}
			if got := b.page.byID("name"); tt.status == http.StatusOK && got != tt.typed.Get("name") {
				t.Errorf("name %q, want %q", got, tt.typed.Get("name"))
			}
		})
	}
}

func TestBeAnyoneNeedsAnEmail(t *testing.T) {
	d, b := startDemo(t), newBrowser(t)
	b.open(d.grafana + "/")
	b.submit("Sign in", url.Values{"name": {"Dana"}, "groups": {"sre"}})
	if b.page.status != http.StatusUnprocessableEntity || !strings.Contains(b.page.text(), "Give yourself an email address.") {
		t.Fatalf("status %d:\n%s", b.page.status, b.page.text())
	}
	b.submit("Sign in", url.Values{"email": {"dana@example.com"}}) // the rest is still there
	if role, name := b.page.byID("role"), b.page.byID("name"); role != "Admin" || name != "Dana" {
		t.Errorf("role %q, name %q", role, name)
	}
}

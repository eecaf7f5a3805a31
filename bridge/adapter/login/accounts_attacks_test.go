package login

import (
	"slices"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// TestSessionOfAnAccountThatIsNoLongerTheirs: who is given another account, or whose
// password is changed, has another session.
func TestSessionOfAnAccountThatIsNoLongerTheirs(t *testing.T) {
	of := func(accounts *adapter.Accounts) []string {
		o := formOptions()
		o.Credentials = accountsOf(accounts)
		return mustOpen(t, o).SessionSecrets(ann())
	}
	own := func(username, password string) *adapter.Accounts {
		return &adapter.Accounts{
			Emails: map[string]adapter.Account{"ann@example.com": {"username": username, "password": password}},
			Roles:  map[string]adapter.Account{"Editor": {"username": "guest", "password": "guest"}},
		}
	}
	before := of(own("root", "old"))
	if !slices.Equal(before, of(own("root", "old"))) {
		t.Error("nothing has changed, and the session has")
	}
	shared := own("", "")
	shared.Emails = nil
	for what, after := range map[string]*adapter.Accounts{"another name": own("ann", "old"), "another password": own("root", "new"), "the role's": shared} {
		if slices.Equal(before, of(after)) {
			t.Errorf("%s: the session from before is kept", what)
		}
	}
	// They are hidden from whoever reads what a session follows from.
	lines, err := mustOpen(t, formOptions()).DescribeSession(ann())
	if err != nil || strings.Contains(strings.Join(lines, "\n"), "canary") {
		t.Errorf("%q, %v", lines, err)
	}
}

// TestAccountOfSomebodyAlmostAlike: names of accounts are letter for letter.
func TestAccountOfSomebodyAlmostAlike(t *testing.T) {
	a := mustOpen(t, formOptions())
	for _, email := range []string{"Ann@example.com", "ann@example.com ", "ánn@example.com", "ann@example.com.", "a\u200bnn@example.com", "ann@EXAMPLE.com", "\u212bnn@example.com", ""} {
		in := inputOf("somebody", email, "Editor")
		if _, err := a.Adapt(t.Context(), in); err == nil {
			t.Errorf("%q has an account", email)
		}
	}
	for _, subject := range []string{"", "ann@example.com"} { // an email is no subject
		if _, err := a.Adapt(t.Context(), inputOf(subject, "", "Editor")); err == nil {
			t.Errorf("subject %q has an account", subject)
		}
	}
}

// TestOptionsThatAreTraps: the seal's cookie as an app's session, and a sign-in by what
// people call themselves.
func TestOptionsThatAreTraps(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"cookies: \"__Host-ssobridge-session\" is a name like those":  func(o *Options) { o.Cookies = []string{"__Host-ssobridge-session"} },
		"header: no field that is always there says who is signed in": func(o *Options) { o.Header = map[string]Field{"X-User": {From: "name", Required: true}} },
	} {
		o := headerOptions()
		change(&o)
		if _, err := o.Open(serving); err == nil || !strings.Contains(err.Error(), strings.SplitN(name, ": ", 2)[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

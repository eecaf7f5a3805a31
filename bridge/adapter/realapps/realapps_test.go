// Package realapps_test signs people in to real apps through the whole bridge, as
// `ssobridge serve` runs it. Each app is set up by the words of its preset's setup,
// so that these are tried as well, and each test asks the app itself who it takes
// people for.
//
// An app that is not installed is skipped; where SSOBRIDGE_REQUIRE_REAL is 1, as
// in CI, that is a failure. `.ci/run` says what to install.
package realapps_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host is what the apps are called outside, and the audience of assertions.
const host = "app.example.com"

// The rules of every app make those in the group "admins" admin, and everybody
// else at example.com user.
var (
	ann = &verifiertest.Claims{Audience: host, Subject: "ann-id", Email: "ann@example.com", Name: "Zoë Ann", Groups: []string{"admins", "sre"}}
	bob = &verifiertest.Claims{Audience: host, Subject: "bob-id", Email: "bob@example.com", Name: "Bob", Groups: []string{"sre"}}
)

// identity is whom an app says that it takes a request for; none: nobody. Fields
// that an app has no idea of are empty.
type identity struct{ User, Role, Name, Groups string }

var nobody = identity{}

// realApp is an app that runs, and how to ask it.
type realApp struct {
	// addr is where it listens by itself.
	addr string
	// whoami is what the app says of the browser's next request.
	whoami func(b *browser) identity
	// ann and bob are what it must say of them.
	ann, bob identity
	// bare is what it must say of a Bob without name and groups, for apps that
	// take these from headers of their own.
	bare identity
	// believesAlias: without the bridge, it takes X_Remote_User for X-Remote-User.
	believesAlias bool
}

// testApp is what holds for every app. The app behind the bridge must be a.
func testApp(t *testing.T, b *bridged, a realApp) {
	// What the bridge tells the app of Ann: the best that a thief could send.
	stolen := b.sentFor(t, a, ann)

	t.Run("TwoPeople", func(t *testing.T) {
		if a.ann == a.bob {
			t.Fatal("the test could not tell Ann from Bob")
		}
		b.browser(t, ann).expect(a, a.ann)
		b.browser(t, bob).expect(a, a.bob)
	})
	t.Run("SwitchingPeopleInOneBrowser", func(t *testing.T) {
		browser := b.browser(t, ann)
		browser.expect(a, a.ann)
		if len(b.preset.SessionCookies) > 0 && !browser.hasCookie(b.preset.SessionCookies) {
			t.Fatalf("the app set none of the cookies %q, which the preset says are its session", b.preset.SessionCookies)
		}
		for _, next := range []struct {
			claims *verifiertest.Claims
			want   identity
		}{{bob, a.bob}, {ann, a.ann}, {bob, a.bob}} {
			browser.claims = next.claims
			browser.expect(a, next.want)
		}
	})
	t.Run("WithoutBridgeAnybodyIsAnn", func(t *testing.T) {
		// If this fails, the spoofing below proves nothing.
		browser := newBrowser(t, a.addr)
		browser.header = stolen.Clone()
		browser.expect(a, a.ann)
	})
	t.Run("WithoutBridgeAlias", func(t *testing.T) {
		browser := newBrowser(t, a.addr)
		for name, values := range stolen {
			if alias := strings.ReplaceAll(name, "-", "_"); alias != name {
				browser.header[alias] = values
			}
		}
		want := nobody
		if a.believesAlias {
			want = a.ann
		}
		browser.expect(a, want)
	})
	all := spoofs(stolen)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run("Spoof/"+name, func(t *testing.T) {
			spoof := all[name]
			browser := b.browser(t, bob)
			browser.header = spoof
			browser.expect(a, a.bob)
			if a.bare != nobody {
				// What the bridge does not send must not be left to the client.
				browser.claims = &verifiertest.Claims{Audience: host, Subject: bob.Subject, Email: bob.Email}
				browser.expect(a, a.bare)
			}
		})
	}
	t.Run("WithoutAssertionNothingReachesApp", func(t *testing.T) {
		for name, header := range withoutAssertion(stolen) {
			before := len(b.relay.requests(t))
			browser := newBrowser(t, b.addr)
			browser.header = header
			if status := browser.get("/").status; status < 400 || status > 499 {
				t.Errorf("%s: status %d, want a refusal", name, status)
			}
			if n := len(b.relay.requests(t)) - before; n != 0 {
				t.Errorf("%s: the app received %d requests", name, n)
			}
		}
	})
}

// spoofs are the ways to send, beside Bob's assertion, what the bridge would send
// for Ann.
func spoofs(stolen http.Header) map[string]http.Header {
	spellings := map[string]func(string) []string{
		"Same":            func(n string) []string { return []string{n} },
		"Lower":           func(n string) []string { return []string{strings.ToLower(n)} },
		"Underscores":     func(n string) []string { return []string{strings.ReplaceAll(n, "-", "_")} },
		"OneUnderscore":   func(n string) []string { return []string{strings.Replace(n, "-", "_", 1)} },
		"LowerUnderscore": func(n string) []string { return []string{strings.ToLower(strings.ReplaceAll(n, "-", "_"))} },
		"UpperUnderscore": func(n string) []string { return []string{strings.ToUpper(strings.ReplaceAll(n, "-", "_"))} },
		"Dots":            func(n string) []string { return []string{strings.ReplaceAll(n, "-", ".")} },
		"DashAndUnderscore": func(n string) []string {
			return []string{n, strings.ReplaceAll(n, "-", "_"), strings.ToLower(n)}
		},
		"CGI": func(n string) []string { return []string{"HTTP_" + strings.ToUpper(strings.ReplaceAll(n, "-", "_"))} },
	}
	all := make(map[string]http.Header)
	for name, spell := range spellings {
		h := make(http.Header)
		for original, values := range stolen {
			for _, spelling := range spell(original) {
				h[spelling] = values
			}
		}
		all[name] = h
	}
	twice := make(http.Header)
	for name, values := range stolen {
		twice[name] = append(slices.Clone(values), values...)
	}
	all["Twice"] = twice
	nominated := stolen.Clone()
	for name := range stolen {
		nominated.Add("Connection", name)
	}
	all["NominatedByConnection"] = nominated
	// What web servers call the user of their own authentication.
	all["RemoteUser"] = http.Header{"Remote_User": {ann.Email}, "REMOTE_USER": {ann.Email}, "Remote-User": {ann.Email}}
	return all
}

// withoutAssertion are requests of nobody.
func withoutAssertion(stolen http.Header) map[string]http.Header {
	all := map[string]http.Header{"nothing": {}, "garbage": {assertionHeader: {"x.y.z"}}}
	maps.Copy(all, spoofs(stolen))
	return all
}

// setupOf is what a preset says to set in the app.
func setupOf(t *testing.T, preset string) string {
	t.Helper()
	p, err := config.LookupPreset(preset)
	if err != nil {
		t.Fatal(err)
	}
	return p.Setup
}

// edit replaces what must differ from a setup, such as the port. Each old text
// must be there exactly once, or the setup has changed and the test must too.
func edit(t *testing.T, text string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if n := strings.Count(text, oldnew[i]); n != 1 {
			t.Fatalf("%q is %d times in:\n%s", oldnew[i], n, text)
		}
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	return text
}

// section is the part of a setup from the line that begins with from up to the
// one that begins with to; an empty to is the end.
func section(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut("\n"+text, "\n"+from)
	if !found {
		t.Fatalf("no line begins with %q in:\n%s", from, text)
	}
	_, rest, _ = strings.Cut(rest, "\n")
	if to == "" {
		return rest
	}
	part, _, found := strings.Cut("\n"+rest, "\n"+to)
	if !found {
		t.Fatalf("no line begins with %q after %q in:\n%s", to, from, text)
	}
	return part
}

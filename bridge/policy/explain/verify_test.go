package explain_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	conf "github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// counted is an issuer whose keys are fetched over the network, and how often.
type counted struct {
	*verifiertest.Issuer
	url     string
	fetched atomic.Int32
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{Issuer: issuer}
	handler := issuer.Handler()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.fetched.Add(1)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	c.url = s.URL + verifiertest.JWKSPath
	return c
}

// verifyConfig has apps a (of corp), b (of partners and corp), c (of corp and
// lost, whose keys cannot be had) and d (of lost alone).
func verifyConfig(t *testing.T, corp, partners *counted) *conf.Config {
	t.Helper()
	lost := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(lost.Close)
	text := fmt.Sprintf("[issuer.corp]\njwks_url = %q\n[issuer.partners]\njwks_url = %q\nignore_case = true\n[issuer.lost]\njwks_url = %q\n",
		corp.url, partners.url, lost.URL+"/jwks.json")
	for _, app := range []struct{ name, issuers string }{{"a", `"corp"`}, {"b", `"partners", "corp"`}, {"c", `"lost", "corp"`}, {"d", `"lost"`}} {
		text += fmt.Sprintf("[app.%[1]s]\nhost = \"%[1]s.example.com\"\nupstream = \"http://127.0.0.1:1\"\nadapter = \"remote-user\"\nissuers = [%[2]s]\n"+
			"[[app.%[1]s.rule]]\nrole = \"reader\"\ngroups = [\"STAFF\"]\n", app.name, app.issuers)
	}
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := conf.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVerifyAssertion(t *testing.T) {
	corp, partners := newCounted(t), newCounted(t)
	c := verifyConfig(t, corp, partners)
	claims := func(app string) verifiertest.Claims {
		return verifiertest.Claims{Audience: app + ".example.com", Subject: "ann-id", Groups: []string{"staff"}}
	}
	expired := claims("b")
	expired.Expires = time.Now().Add(-time.Hour)
	one := func(name string) []*conf.App {
		for _, a := range c.Apps {
			if a.Name == name {
				return []*conf.App{a}
			}
		}
		t.Fatalf("no app %s", name)
		return nil
	}
	for _, test := range []struct {
		name      string
		apps      []*conf.App
		assertion string
		accepted  string // app/issuer
		reason    verifier.Reason
		err       string
	}{
		{"for one of all", c.Apps, corp.Assertion(claims("a")), "a/corp", "", ""},
		{"from the second issuer", c.Apps, corp.Assertion(claims("b")), "b/corp", "", ""},
		{"from the first issuer", c.Apps, partners.Assertion(claims("b")), "b/partners", "", ""},
		{"another issuer's keys cannot be had", one("c"), corp.Assertion(claims("c")), "c/corp", "", ""},
		{"for another app", one("a"), corp.Assertion(claims("b")), "", verifier.ReasonIssuer,
			"app a refuses this assertion: iss is not \"a.example.com\" (issuer_mismatch)"},
		{"from an issuer of another app", one("a"), partners.Assertion(claims("a")), "", verifier.ReasonKeyUnknown,
			"app a refuses this assertion: issuer has no key of this key ID (key_unknown)"},
		{"expired, and for one of all", c.Apps, corp.Assertion(expired), "", verifier.ReasonExpired,
			"none of the 4 apps accepts this assertion; the nearest, b, refuses it: expired 1h"},
		{"broken, which no app is nearer to", c.Apps, corp.Assertion(claims("a")) + "=", "", verifier.ReasonMalformed,
			"none of the 4 apps accepts this assertion: "},
		{"its issuer's keys cannot be had", one("d"), corp.Assertion(claims("d")), "", "",
			"whether app d accepts this assertion cannot be told: issuer lost: "},
		{"perhaps of the issuer whose keys cannot be had", one("c"), partners.Assertion(claims("c")), "", "",
			"whether app c accepts this assertion cannot be told: issuer lost: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			visits, err := explain.VerifyAssertion(t.Context(), c, test.apps, test.assertion)
			var got []string
			for _, v := range visits {
				got = append(got, v.App.Name+"/"+v.Issuer.Name)
				if v.Principal.Subject != "ann-id" {
					t.Errorf("subject %q", v.Principal.Subject)
				}
			}
			if s := strings.Join(got, " "); s != test.accepted {
				t.Errorf("accepted by %q, want %q (%v)", s, test.accepted, err)
			}
			var refused *verifier.Error
			switch errors.As(err, &refused); {
			case test.err == "" && err != nil, err != nil && !strings.HasPrefix(err.Error(), test.err):
				t.Errorf("error %v, want %q", err, test.err)
			case test.err != "" && err == nil:
				t.Errorf("no error, want %q", test.err)
			case (refused != nil) != (test.reason != ""), refused != nil && refused.Reason != test.reason:
				t.Errorf("refused as %v, want %q", refused, test.reason)
			}
		})
	}
}

// The rules of an issuer that ignores case are not those of one that does not.
func TestVerifyAssertionSaysWhoseRules(t *testing.T) {
	corp, partners := newCounted(t), newCounted(t)
	c := verifyConfig(t, corp, partners)
	for issuer, allowed := range map[*counted]bool{corp: false, partners: true} {
		visits, err := explain.VerifyAssertion(t.Context(), c, c.Apps, issuer.Assertion(verifiertest.Claims{
			Audience: "b.example.com", Subject: "ann-id", Groups: []string{"staff"},
		}))
		if err != nil {
			t.Fatal(err)
		}
		v := visits[0]
		if got := v.App.MapperOf(v.Issuer).Map(v.Principal, time.Now()).Allowed(); got != allowed {
			t.Errorf("by the rules for %s: allowed %v, want %v", v.Issuer.Name, got, allowed)
		}
	}
}

// However many apps are asked, an issuer is asked for its keys once.
func TestVerifyAssertionFetchesKeysOnce(t *testing.T) {
	corp, partners := newCounted(t), newCounted(t)
	c := verifyConfig(t, corp, partners)
	if _, err := explain.VerifyAssertion(t.Context(), c, c.Apps, partners.Assertion(verifiertest.Claims{Audience: "x", Subject: "x"})); err == nil {
		t.Error("accepted")
	}
	if n, m := corp.fetched.Load(), partners.fetched.Load(); n != 1 || m != 1 {
		t.Errorf("keys were fetched %d and %d times", n, m)
	}
}

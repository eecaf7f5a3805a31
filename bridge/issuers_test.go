package bridge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/decision"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// issuersConfig has three apps on one upstream: "old" and "new" accept one
// issuer each, "both" is being moved, "mixed" takes issuers by two headers.
const issuersConfig = `
[issuer.new]
public_key_file = "key.pem"
[issuer.old]
public_key_file = "old.pem"
[issuer.other]
public_key_file = "old.pem"
header          = "X-Other-Assertion"
iss             = "https://other.example.com"
`

const issuersApp = `
[app.%[1]s]
host     = "%[1]s.example.com"
upstream = "http://%[2]s"
adapter  = "remote-user"
issuers  = [%[3]s]
[[app.%[1]s.rule]]
role   = "reader"
emails = ["*@example.com"]
`

func TestSeveralIssuers(t *testing.T) {
	r := newRig(t)
	old, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	text := issuersConfig
	for name, issuers := range map[string]string{"old": `"old"`, "new": `"new"`, "both": `"new", "old"`, "mixed": `"new", "other"`} {
		text += fmt.Sprintf(issuersApp, name, r.upstream.addr, issuers)
	}
	c := loadWithKeys(t, text, map[string]*verifiertest.Issuer{"key.pem": r.issuer, "old.pem": old})
	s, err := decision.Build(c, r.deps)
	if err != nil {
		t.Fatal(err)
	}
	r.bridge.Swap(s)

	// The whole matrix: an assertion for app i, signed by issuer k, sent to app j.
	apps := []string{"old", "new", "both", "mixed"}
	signers := map[string]*verifiertest.Issuer{"old": old, "new": r.issuer}
	accepts := map[string]string{"old": "old", "new": "new", "both": "old new", "mixed": "new"}
	for _, meant := range apps {
		for _, sent := range apps {
			for by, issuer := range signers {
				assertion := issuer.Assertion(verifiertest.Claims{Audience: meant + ".example.com", Subject: "ann-id", Email: "ann@example.com"})
				want := http.StatusUnauthorized
				if meant == sent && strings.Contains(accepts[sent], by) {
					want = http.StatusOK
				}
				resp := r.raw("GET / HTTP/1.1\r\nHost: " + sent + ".example.com\r\nX-Pomerium-Jwt-Assertion: " + assertion + "\r\n\r\n")
				if resp.StatusCode != want {
					t.Errorf("for %s, by %s, sent to %s: %d, want %d", meant, by, sent, resp.StatusCode, want)
				}
			}
		}
	}

	other := old.Assertion(verifiertest.Claims{Issuer: "https://other.example.com", Audience: "mixed.example.com", Subject: "bob-id", Email: "bob@example.com"})
	fresh := r.issuer.Assertion(verifiertest.Claims{Audience: "mixed.example.com", Subject: "ann-id", Email: "ann@example.com"})
	for name, tc := range map[string]struct {
		lines string
		want  int
		user  string
	}{
		"by its own header":               {"X-Other-Assertion: " + other, http.StatusOK, "bob@example.com"},
		"by the other's header":           {"X-Pomerium-Jwt-Assertion: " + other, http.StatusUnauthorized, ""},
		"the other's by this header":      {"X-Other-Assertion: " + fresh, http.StatusUnauthorized, ""},
		"the first listed decides":        {"X-Other-Assertion: " + other + "\r\nX-Pomerium-Jwt-Assertion: " + fresh, http.StatusOK, "ann@example.com"},
		"and is not passed over":          {"X-Other-Assertion: " + other + "\r\nX-Pomerium-Jwt-Assertion: x", http.StatusUnauthorized, ""},
		"even if it is empty":             {"X-Other-Assertion: " + other + "\r\nX-Pomerium-Jwt-Assertion: ", http.StatusUnauthorized, ""},
		"two of the second":               {"X-Other-Assertion: " + other + "\r\nX-Other-Assertion: " + other, http.StatusUnauthorized, ""},
		"an alias of the second's header": {"X_Other_Assertion: " + other, http.StatusUnauthorized, ""},
	} {
		t.Run(name, func(t *testing.T) {
			resp := r.raw("GET / HTTP/1.1\r\nHost: mixed.example.com\r\n" + tc.lines + "\r\n\r\n")
			wantStatus(t, resp, tc.want)
			if tc.user == "" {
				return
			}
			raw := r.upstream.last(t)
			if got := lines(raw, "Remote-User"); len(got) != 1 || got[0] != "Remote-User: "+tc.user {
				t.Errorf("user %q", got)
			}
			if strings.Contains(raw, other) || strings.Contains(raw, fresh) {
				t.Errorf("an assertion reached the upstream:\n%s", raw)
			}
		})
	}
}

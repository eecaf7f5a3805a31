package bridge_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// clusterConfig is an app that takes groups in a header each, under a secret of
// the bridge's own; %s is the upstream.
const clusterConfig = `
[issuer.pomerium]
public_key_file = "key.pem"

[app.cluster]
host     = "grafana.example.com"
upstream = "http://%s"
adapter  = "cluster"
rule     = [{ role = "user" }]

[adapter.cluster]
kind          = "headers"
strip         = ["Impersonate-Uid", "Impersonate-Extra-*"]
strip_cookies = ["cluster_session"]
logout        = { path = "/logout", omit = ["Impersonate-User", "Impersonate-Group"] }
[adapter.cluster.header]
Authorization          = { secret = { env = "SSOBRIDGE_TEST_SECRET" }, prefix = "Bearer " }
Impersonate-User       = { from = "email", required = true }
Impersonate-Group      = { from = "groups", repeat = true, prefix = "sso:" }
Impersonate-Extra-Dept = { claim = "department" }
`

func newClusterRig(t *testing.T) (r *rig, secret string) {
	t.Helper()
	secret = canary()
	t.Setenv("SSOBRIDGE_TEST_SECRET", secret)
	return newRig(t, withConfig(clusterConfig)), secret
}

// as asks for a target as somebody, with extra raw header lines.
func (r *rig) as(c verifiertest.Claims, target string, lines ...string) *http.Response {
	r.t.Helper()
	c.Audience = "grafana.example.com"
	lines = append([]string{"GET " + target + " HTTP/1.1", "Host: grafana.example.com", "X-Pomerium-Jwt-Assertion: " + r.issuer.Assertion(c)}, lines...)
	return r.raw(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

var inTwoGroups = verifiertest.Claims{Subject: "ann-id", Email: "ann@example.com", Groups: []string{"system:masters", "sre"}}

// TestRepeatedHeader: the app gets one header for each item, in order, and none
// of the client's, however it is spelt and whatever Connection nominates.
func TestRepeatedHeader(t *testing.T) {
	r, _ := newClusterRig(t)
	want := []string{"Impersonate-Group: sso:system:masters", "Impersonate-Group: sso:sre"}
	for _, name := range []string{"Impersonate-Group", "impersonate_group", "IMPERSONATE.GROUP", "Impersonate_Group"} {
		wantStatus(t, r.as(inTwoGroups, "/", name+": system:masters", name+": cluster-admins", "Connection: Impersonate-Group"), http.StatusOK)
		if got := lines(r.upstream.last(t), "Impersonate-Group"); !slices.Equal(got, want) {
			t.Errorf("with %s: %q, want %q", name, got, want)
		}
	}
	// Without groups there is no header, and still none of the client's.
	wantStatus(t, r.as(verifiertest.Claims{Subject: "x", Email: "x@example.com"}, "/", "Impersonate-Group: system:masters"), http.StatusOK)
	if got := lines(r.upstream.last(t), "Impersonate-Group"); got != nil {
		t.Errorf("somebody in no group: %q", got)
	}
	// A comma would be two groups to whatever joins and splits on the way.
	resp := r.as(verifiertest.Claims{Subject: "x", Email: "x@example.com", Groups: []string{"a,system:masters"}}, "/")
	wantStatus(t, resp, http.StatusForbidden)
}

// TestFamilyOfHeadersIsStripped: an app that takes any header of a family takes
// one that nobody here has heard of.
func TestFamilyOfHeadersIsStripped(t *testing.T) {
	r, _ := newClusterRig(t)
	for _, name := range []string{
		"Impersonate-Extra-Scopes", "impersonate_extra_scopes", "Impersonate.Extra-X", "IMPERSONATE-EXTRA-", "Impersonate-Uid", "Impersonate-Extra-Dept",
	} {
		wantStatus(t, r.as(inTwoGroups, "/", name+": mallory"), http.StatusOK)
		if raw := r.upstream.last(t); strings.Contains(raw, "mallory") {
			t.Errorf("%s reached the upstream:\n%s", name, raw)
		}
	}
	wantStatus(t, r.as(inTwoGroups, "/", "Impersonate: kept", "Impersonate-Extras: kept"), http.StatusOK)
	if raw := r.upstream.last(t); strings.Count(raw, ": kept") != 2 {
		t.Errorf("headers of no family did not reach the upstream:\n%s", raw)
	}
}

func TestCookiesOfTheAppAreStripped(t *testing.T) {
	r, _ := newClusterRig(t)
	wantStatus(t, r.as(inTwoGroups, "/", "Cookie: theme=dark; cluster_session=anns; Cluster-Session=too; lang=en"), http.StatusOK)
	if got := lines(r.upstream.last(t), "Cookie"); !slices.Equal(got, []string{"Cookie: theme=dark; lang=en"}) {
		t.Errorf("cookies %q", got)
	}
}

// TestLogoutWithoutIdentity: where people sign out, the app is told of nobody,
// by the client neither.
func TestLogoutWithoutIdentity(t *testing.T) {
	r, secret := newClusterRig(t)
	for _, target := range []string{"/logout", "/logout?next=/", "/%6cogout"} {
		wantStatus(t, r.as(inTwoGroups, target, "Impersonate-User: mallory"), http.StatusOK)
		raw := r.upstream.last(t)
		if strings.Contains(raw, "Impersonate") || !strings.Contains(raw, secret) {
			t.Errorf("%s: the upstream sees\n%s", target, raw)
		}
	}
	wantStatus(t, r.as(inTwoGroups, "/logouts"), http.StatusOK)
	if got := lines(r.upstream.last(t), "Impersonate-User"); len(got) != 1 {
		t.Errorf("elsewhere: %q", got)
	}
}

// TestSecretIsForTheAppOnly: the app gets it, and nobody else reads it in a log,
// an answer or an explanation.
func TestSecretIsForTheAppOnly(t *testing.T) {
	r, secret := newClusterRig(t)
	resp := r.as(inTwoGroups, "/", "Authorization: Bearer mallory")
	wantStatus(t, resp, http.StatusOK)
	if got := lines(r.upstream.last(t), "Authorization"); !slices.Equal(got, []string{"Authorization: Bearer " + secret}) {
		t.Errorf("the app gets %q", got)
	}
	wantStatus(t, r.as(verifiertest.Claims{Subject: "nobody"}, "/"), http.StatusForbidden)
	if log := r.log.String(); strings.Contains(log, secret) || strings.Contains(body(t, resp), secret) {
		t.Errorf("the secret is in the log or in the answer:\n%s", log)
	}

	path := filepath.Join(t.TempDir(), "ssobridge.toml")
	toml := strings.Replace(strings.Replace(clusterConfig, "%s", "127.0.0.1:1", 1), "public_key_file", "jwks_file", 1)
	if err := os.WriteFile(path, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	policy, err := config.LoadPolicy(path)
	if err != nil {
		t.Fatal(err)
	}
	served := loadConfig(t, r.issuer, strings.Replace(clusterConfig, "%s", "127.0.0.1:1", 1))
	for _, c := range []*config.Config{policy, served} {
		p := &verifier.Principal{Subject: "ann-id", Email: "ann@example.com", Groups: []string{"sre", "staff"}}
		e := explain.Explain(t.Context(), c.Apps[0], c.Issuers[0], p, time.Now())
		if got := e.Header["Authorization"]; !slices.Equal(got, []string{"(secret)"}) && !slices.Equal(got, []string{"Bearer (secret)"}) {
			t.Errorf("explain shows %q", got)
		}
		if got := e.Header["Impersonate-Group"]; !slices.Equal(got, []string{"sso:sre", "sso:staff"}) {
			t.Errorf("explain shows the groups %q", got)
		}
		if !slices.Contains(e.Strip, "Impersonate-Extra-*") {
			t.Errorf("explain says that these are removed: %q", e.Strip)
		}
	}
}

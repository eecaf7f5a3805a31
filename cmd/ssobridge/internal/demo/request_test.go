package demo

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestSamplePeople holds the people to what they are there to show.
func TestSamplePeople(t *testing.T) {
	type result struct {
		status     int
		user, role string
	}
	ok := func(user, role string) result { return result{http.StatusOK, user, role} }
	refused := result{status: http.StatusForbidden}
	tests := map[string]map[string]result{
		"ann":   {"grafana": ok("ann@example.com", "Admin"), "wiki": ok("ann@example.com", "writer"), "gitea": ok("ann", "user")},
		"bob":   {"grafana": ok("bob@example.com", "Editor"), "wiki": ok("bob@example.com", "writer"), "gitea": ok("bob", "user")},
		"carol": {"grafana": refused, "wiki": ok("carol@contractor.example", "reader"), "gitea": refused},
		"zoe":   {"grafana": ok("zoe@example.com", "Viewer"), "wiki": refused, "gitea": ok("zoe", "user")},
	}
	d := startDemo(t)
	for key, apps := range tests {
		for app, want := range apps {
			t.Run(key+" in "+app, func(t *testing.T) {
				status, body := curl(t, d.app(app)+"/", http.Header{
					"Cookie": {sessionCookie + "=" + key}, "Accept": {"application/json"}})
				var in received
				if err := json.Unmarshal([]byte(body), &in); err != nil {
					t.Fatalf("%v:\n%s", err, body)
				}
				if got := (result{status, in.User, in.Role}); got != want {
					t.Errorf("got %v, want %v", got, want)
				}
				person, _ := samplePerson(key)
				if status == http.StatusOK && in.Name != person.Name {
					t.Errorf("name %q, want %q", in.Name, person.Name)
				}
			})
		}
	}
}

func TestTextForTerminals(t *testing.T) {
	d := startDemo(t)
	_, body := curl(t, d.grafana+"/", http.Header{"Cookie": {sessionCookie + "=zoe"}})
	for _, want := range []string{
		"  user    zoe@example.com\n", "  name    Zoë Žižková\n", "  role    Viewer\n",
		`  groups  "Büro Zürich", "R&D <core>", "ops, on call"` + "\n",
		"  why     rule[3] of app.grafana:\n", `            not_groups = ["leavers"]` + "\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in\n%s", want, body)
		}
	}
	status, body := curl(t, d.grafana+"/", nil)
	if status != http.StatusUnauthorized || !strings.Contains(body, "curl -b _pomerium_demo=ann "+d.grafana+"/") {
		t.Errorf("without a session: status %d\n%s", status, body)
	}
}

// TestSpoofedHeaders sends what would make Bob somebody else if it arrived.
func TestSpoofedHeaders(t *testing.T) {
	d := startDemo(t)
	status, body := curl(t, d.grafana+"/", http.Header{
		"Accept":                       {"application/json"},
		"Cookie":                       {"theme=dark; " + sessionCookie + "=bob;grafana_x=\"1\""},
		"X-Webauth-User":               {"mallory-1@example.com"},
		"x-webauth-user":               {"mallory-2@example.com"},
		"X_Webauth_User":               {"mallory-3@example.com"},
		"X.Webauth.Role":               {"mallory-4"},
		"X-Demo-Rule":                  {"mallory-5"},
		"Connection":                   {"X-Webauth-Role"},
		"X-Pomerium-Jwt-Assertion":     {"mallory-6"},
		"X-Pomerium-Jwt-Assertion-For": {"mallory-7"},
		"X-Pomerium-Claim-Email":       {"mallory-8"},
		"X-Forwarded-For":              {"192.0.2.66"},
		"X-Forwarded-Host":             {"mallory-9"},
	})
	var in received
	if err := json.Unmarshal([]byte(body), &in); err != nil || status != http.StatusOK {
		t.Fatalf("status %d, %v:\n%s", status, err, body)
	}
	if in.User != "bob@example.com" || in.Role != "Editor" || in.Rule != "rule[2]" {
		t.Errorf("user %q, role %q, rule %q", in.User, in.Role, in.Rule)
	}
	for _, trace := range []string{"mallory", "192.0.2.66", sessionCookie, "Pomerium"} {
		if strings.Contains(body, trace) {
			t.Errorf("the app received %q:\n%s", trace, body)
		}
	}
	if want := `theme=dark; grafana_x=\"1\"`; !strings.Contains(body, want) {
		t.Errorf("the app did not receive its own cookies, %s:\n%s", want, body)
	}
}

// TestBridgeIsNoDemo goes past the stand-in, where ssobridge is as strict as
// ever.
func TestBridgeIsNoDemo(t *testing.T) {
	d := startDemo(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.bridge+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "grafana.localhost"
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: "ann"})
	resp, err := newClient(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", resp.StatusCode)
	}
}

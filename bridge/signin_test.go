package bridge_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/policy/explain"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

const forumSecret = "d836444a9e4084d5b224a60c208dce14"

// forumRig has a Discourse, beside a Grafana.
func forumRig(t *testing.T, options ...rigOption) *rig {
	t.Helper()
	file := filepath.Join(t.TempDir(), "forum.secret")
	if err := os.WriteFile(file, []byte(forumSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(rigConfig, "http://%s", "http://%[1]s", 1) + fmt.Sprintf(`
[app.forum]
host     = "forum.example.com"
upstream = "http://%%[1]s"
adapter  = "our-forum"
[[app.forum.rule]]
role   = "moderator"
groups = ["@sre"]
[[app.forum.rule]]
role   = "user"
emails = ["*@example.com"]

[adapter.our-forum]
extends = "discourse"
secret  = { file = %q }
`, file)
	return newRig(t, append([]rigOption{withConfig(text)}, options...)...)
}

func forumSign(payload string) string {
	mac := hmac.New(sha256.New, []byte(forumSecret))
	mac.Write([]byte(payload))
	return hex.EncodeToString(mac.Sum(nil))
}

// forumAsks is the query that Discourse sends a browser with.
func forumAsks() string {
	payload := base64.StdEncoding.EncodeToString([]byte("nonce=n-1&return_sso_url=https%3A%2F%2Fforum.example.com%2Fsession%2Fsso_login"))
	return url.Values{"sso": {payload}, "sig": {forumSign(payload)}}.Encode()
}

func (r *rig) forumAssertion(email string) string {
	return r.issuer.Assertion(verifiertest.Claims{
		Issuer: "forum.example.com", Audience: "forum.example.com", Subject: "id-of-" + email, Email: email, Groups: []string{"sre@example.com"},
	})
}

func (r *rig) ask(host, target string, lines ...string) *http.Response {
	r.t.Helper()
	lines = append([]string{"GET " + target + " HTTP/1.1", "Host: " + host}, lines...)
	return r.raw(strings.Join(lines, "\r\n") + "\r\n\r\n")
}

// TestSignIn: the app's question is answered for the person of the assertion, and
// the app hears of nobody in another way.
func TestSignIn(t *testing.T) {
	r := forumRig(t)
	assertion := "X-Pomerium-Jwt-Assertion: " + r.forumAssertion("ann@example.com")
	for _, path := range []string{"/.ssobridge/sso", "/%2essobridge/sso"} {
		resp := r.ask("forum.example.com", path+"?"+forumAsks(), assertion)
		wantStatus(t, resp, http.StatusFound)
		if text := body(t, resp); text != "" {
			t.Errorf("body %q", text)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Set-Cookie": "",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		to, err := url.Parse(resp.Header.Get("Location"))
		if err != nil || to.Scheme+"://"+to.Host+to.Path != "https://forum.example.com/session/sso_login" {
			t.Fatalf("to %s, %v", to, err)
		}
		payload := to.Query().Get("sso")
		if forumSign(payload) != to.Query().Get("sig") {
			t.Error("the signature is wrong")
		}
		text, err := base64.StdEncoding.DecodeString(payload)
		const want = "nonce=n-1&admin=false&email=ann%40example.com&external_id=id-of-ann%40example.com&groups=sre%40example.com&moderator=true"
		if err != nil || string(text) != want {
			t.Errorf("the answer is %s, %v, want\n%s", text, err, want)
		}
		if log := r.log.String(); strings.Contains(log, payload) || strings.Contains(log, to.Query().Get("sig")) {
			t.Errorf("the answer is in the log:\n%s", log)
		}
	}
	if n := r.upstream.connections(); n > 0 {
		t.Errorf("the app was asked %d times", n)
	}

	resp := r.ask("forum.example.com", "/t/1?"+forumAsks(), assertion, "Api-Key: mallory", "api_username: mallory", "X-Other: kept")
	wantStatus(t, resp, http.StatusOK)
	if resp.Header.Get("Location") != "" {
		t.Errorf("an answer at another path: %s", resp.Header.Get("Location"))
	}
	sent := r.upstream.last(t)
	if strings.Contains(sent, "mallory") || strings.Contains(sent, "ann@example.com") || strings.Contains(sent, "eyJ") || !strings.Contains(sent, "X-Other: kept") {
		t.Errorf("the app receives:\n%s", sent)
	}
}

// TestSignInRefused: no answer without the whole straight line, and never a
// request to the app.
func TestSignInRefused(t *testing.T) {
	r := forumRig(t)
	good := "X-Pomerium-Jwt-Assertion: " + r.forumAssertion("ann@example.com")
	query := "?" + forumAsks()
	for _, tt := range []struct {
		name, host, target string
		lines              []string
		status             int
	}{
		{"nobody", "forum.example.com", "/.ssobridge/sso" + query, nil, 401},
		{"an assertion for another app", "forum.example.com", "/.ssobridge/sso" + query, []string{"X-Pomerium-Jwt-Assertion: " + r.ann()}, 401},
		{"somebody without a role", "forum.example.com", "/.ssobridge/sso" + query, []string{"X-Pomerium-Jwt-Assertion: " + r.issuer.Assertion(verifiertest.Claims{
			Issuer: "forum.example.com", Audience: "forum.example.com", Subject: "eve-id", Email: "eve@elsewhere.test"})}, 403},
		{"somebody without an email", "forum.example.com", "/.ssobridge/sso" + query, []string{"X-Pomerium-Jwt-Assertion: " + r.issuer.Assertion(verifiertest.Claims{
			Issuer: "forum.example.com", Audience: "forum.example.com", Subject: "robot", Groups: []string{"sre@example.com"}})}, 403},
		{"no question", "forum.example.com", "/.ssobridge/sso", []string{good}, 400},
		{"a forged question", "forum.example.com", "/.ssobridge/sso" + query[:len(query)-1] + "x", []string{good}, 400},
		{"another app's host", "grafana.example.com", "/.ssobridge/sso" + query, []string{"X-Pomerium-Jwt-Assertion: " + r.ann()}, 404},
		{"by the app's name", "forum.example.com", "/.ssobridge/app/forum/sso" + query, []string{good}, 404},
		{"by the app's name, elsewhere", "ssobridge:8080", "/.ssobridge/app/forum/sso" + query, []string{good}, 404},
		{"below", "forum.example.com", "/.ssobridge/sso/" + query, []string{good}, 404},
		{"in upper case", "forum.example.com", "/.ssobridge/SSO" + query, []string{good}, 404},
		{"no host of ours", "other.example.com", "/.ssobridge/sso" + query, []string{good}, 421},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := r.ask(tt.host, tt.target, tt.lines...)
			wantStatus(t, resp, tt.status)
			if to := resp.Header.Get("Location"); to != "" {
				t.Errorf("answered: %s", to)
			}
		})
	}
	post := r.raw("POST /.ssobridge/sso" + query + " HTTP/1.1\r\nHost: forum.example.com\r\n" + good + "\r\nContent-Length: 100\r\n\r\n") // and never a body
	wantStatus(t, post, http.StatusBadRequest)
	if n := r.upstream.connections(); n > 0 {
		t.Errorf("the app was asked %d times", n)
	}
	if log := r.log.String(); !strings.Contains(log, "reason=sign_in_refused") || strings.Contains(log, "sig=") || strings.Contains(log, "sso=") {
		t.Errorf("the log:\n%s", log)
	}
}

// TestAdapterAnswersUnasked: an adapter cannot make the bridge send people away at
// other requests, nor pass a question on to the app.
func TestAdapterAnswersUnasked(t *testing.T) {
	for _, broken := range []brokenSignIn{{always: true}, {}} {
		r := forumRig(t, withEdit(func(c *config.Config) {
			for _, a := range c.Apps {
				if a.Name == "forum" {
					a.Adapter = broken
				}
			}
		}))
		assertion := "X-Pomerium-Jwt-Assertion: " + r.forumAssertion("ann@example.com")
		target := "/.ssobridge/sso"
		if broken.always {
			target = "/"
		}
		resp := r.ask("forum.example.com", target, assertion)
		wantStatus(t, resp, http.StatusInternalServerError)
		if resp.Header.Get("Location") != "" || r.upstream.connections() > 0 {
			t.Errorf("%+v: goes on", broken)
		}
	}
}

// TestExplainSignIn: what the app would be told can be seen, without a signature.
func TestExplainSignIn(t *testing.T) {
	var e explain.Explanation
	edit := func(c *config.Config) {
		for _, a := range c.Apps {
			if a.Name == "forum" {
				p := explain.Person{Email: "ann@example.com", Subject: "s", Groups: []string{"sre@example.com"}}
				e = explain.ReachOf(t.Context(), p, p.Cases([]*config.App{a}, nil), time.Now()).Apps[0]
			}
		}
	}
	forumRig(t, withEdit(edit))
	if !e.Allowed() || len(e.Header) > 0 || e.SignIn["email"][0] != "ann@example.com" || e.SignIn["moderator"][0] != "true" || e.SignIn["sig"] != nil {
		t.Errorf("%+v", e)
	}
}

// brokenSignIn answers always, or never.
type brokenSignIn struct{ always bool }

func (brokenSignIn) Owns() adapter.Owned { return adapter.Owned{} }
func (brokenSignIn) SignInPath() string  { return "sso" }
func (brokenSignIn) SignedFields(adapter.Input) (map[string][]string, error) {
	return map[string][]string{}, nil
}

func (b brokenSignIn) Adapt(context.Context, adapter.Input) (adapter.Output, error) {
	if b.always {
		return adapter.Output{Redirect: "https://elsewhere.test/"}, nil
	}
	return adapter.Output{}, nil
}

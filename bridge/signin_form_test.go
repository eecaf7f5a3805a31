package bridge_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// deskKey is hexadecimal, as Guacamole wants it, and long enough for tokens.
const deskKey = "4c0b569e4c96df157eee1b65dd0e4d41"

// askingRig has one app at forum.example.com with an adapter of kind sso.
func askingRig(t *testing.T, options string, more ...rigOption) *rig {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"app.secret": deskKey, "desk.password": "hush"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(rigConfig, "http://%s", "http://%[1]s", 1) + fmt.Sprintf(`
[app.forum]
host     = "forum.example.com"
upstream = "http://%%[1]s"
adapter  = "ours"
[[app.forum.rule]]
role   = "ops"
groups = ["@sre"]
[[app.forum.rule]]
role   = "user"
emails = ["*@example.com"]

[adapter.ours]
kind   = "sso"
secret = { file = %q }
%s
`, filepath.Join(dir, "app.secret"), strings.ReplaceAll(options, "DIR", dir))
	return newRig(t, append([]rigOption{withConfig(text)}, more...)...)
}

// form is a page's only form as a browser reads it.
type form struct {
	method, action string
	fields         url.Values
	button         bool
	scripts        []string // and what they may: their nonces
}

func readForm(t *testing.T, text string) form {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	f := form{fields: url.Values{}}
	forms := 0
	for n := range root.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "form":
			forms++
			f.method, f.action = attr["method"], attr["action"]
		case n.Data == "input":
			f.fields.Add(attr["name"], attr["value"])
		case n.Data == "button":
			f.button = true
		case n.Data == "script":
			f.scripts = append(f.scripts, attr["nonce"])
		}
		for name := range attr {
			if strings.HasPrefix(name, "on") {
				t.Errorf("the page has a handler: <%s %s>", n.Data, name)
			}
		}
	}
	if forms != 1 {
		t.Errorf("%d forms", forms)
	}
	return f
}

// TestSignInByForm: the answer is in a page that posts it to one address, and that
// nobody else can make do anything.
func TestSignInByForm(t *testing.T) {
	r := askingRig(t, "protocol = \"jwt\"\nsend = \"form\"\nfields.email = { from = \"email\" }\nfields.name = { from = \"name\" }\n")
	assertion := "X-Pomerium-Jwt-Assertion: " + r.issuer.Assertion(verifiertest.Claims{
		Issuer: "forum.example.com", Audience: "forum.example.com", Subject: "ann-id", Email: "ann@example.com", Name: `"><script>alert(1)</script>`,
	})
	const to = `/x?a="><script>alert(1)</script>`
	nonces := map[string]bool{}
	for range 2 {
		resp := r.ask("forum.example.com", "/.ssobridge/sso?return_to="+url.QueryEscape(to), assertion)
		wantStatus(t, resp, http.StatusOK)
		text := body(t, resp)
		f := readForm(t, text)
		if f.method != "post" || f.action != "https://forum.example.com/auth/sso" || !f.button {
			t.Errorf("the form: %+v", f)
		}
		if f.fields.Get("return_to") != to || len(f.fields) != 2 || strings.Count(f.fields.Get("jwt"), ".") != 2 {
			t.Errorf("fields %q", f.fields)
		}
		if strings.Contains(text, "alert(1)</script>") {
			t.Errorf("what somebody wrote became a part of the page:\n%s", text)
		}
		policy := regexp.MustCompile(`^default-src 'none'; script-src 'nonce-([A-Z0-9]{26})'; style-src 'nonce-([A-Z0-9]{26})'; ` +
			`form-action https://forum\.example\.com; frame-ancestors 'none'; base-uri 'none'$`).FindStringSubmatch(resp.Header.Get("Content-Security-Policy"))
		if policy == nil || len(f.scripts) != 1 || f.scripts[0] != policy[1] {
			t.Fatalf("%q, and scripts %q", resp.Header.Get("Content-Security-Policy"), f.scripts)
		}
		nonces[policy[1]] = true
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "origin", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Content-Type": "text/html; charset=utf-8", "Location": "", "Set-Cookie": "", "Clear-Site-Data": "",
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if log := r.log.String(); strings.Contains(log, f.fields.Get("jwt")) {
			t.Error("the answer is in the log")
		}
	}
	if len(nonces) != 2 {
		t.Error("a nonce is used twice")
	}
	if n := r.upstream.connections(); n > 0 {
		t.Errorf("the app was asked %d times", n)
	}
}

// TestSignInToGuacamole: the data is behind the "#", which goes to no server, and the
// browser forgets whose session it had.
func TestSignInToGuacamole(t *testing.T) {
	const desks = `
protocol = "guacamole"
[adapter.ours.connections.Build]
protocol   = "ssh"
parameters = { hostname = "build.internal" }
secrets    = { password = { file = "DIR/desk.password" } }
roles      = ["ops"]
[adapter.ours.connections.Desk]
protocol   = "rdp"
parameters = { hostname = "desk.internal" }
roles      = ["user", "ops"]
`
	r := askingRig(t, desks)
	resp := r.ask("forum.example.com", "/.ssobridge/sso", "X-Pomerium-Jwt-Assertion: "+r.forumAssertion("ann@example.com"))
	wantStatus(t, resp, http.StatusFound)
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || to.Scheme+"://"+to.Host+to.Path != "https://forum.example.com/" || to.RawQuery != "" {
		t.Fatalf("to %s, %v", to, err)
	}
	if got := resp.Header.Get("Clear-Site-Data"); got != `"storage"` {
		t.Errorf("Clear-Site-Data: %s", got)
	}
	query, err := url.ParseQuery(strings.TrimPrefix(to.Fragment, "/?"))
	if err != nil {
		t.Fatal(err)
	}
	// The fragment is decoded once by url.Parse, and its "+" stands for itself.
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(query.Get("data"), " ", "+"))
	if err != nil {
		t.Fatal(err)
	}
	key, _ := hex.DecodeString(deskKey)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(data, data)
	var got struct {
		Username    string
		Connections map[string]struct{ Parameters map[string]string }
	}
	if err := json.Unmarshal(data[32:len(data)-int(data[len(data)-1])], &got); err != nil {
		t.Fatal(err)
	}
	if got.Username != "ann-id" && got.Username != "ann@example.com" || len(got.Connections) != 2 || got.Connections["Build"].Parameters["password"] != "hush" {
		t.Errorf("the data: %+v", got)
	}
	wantStatus(t, r.ask("forum.example.com", "/api/tokens?data=x", "X-Pomerium-Jwt-Assertion: "+r.forumAssertion("ann@example.com")), http.StatusOK)
}

// TestFormsThatAdaptersMayNotPost: an adapter cannot make the bridge post elsewhere
// than over TLS, nor answer twice.
func TestFormsThatAdaptersMayNotPost(t *testing.T) {
	for _, out := range []adapter.Output{
		{Form: &adapter.Form{Action: "http://forum.example.com/x"}},
		{Form: &adapter.Form{Action: "javascript:alert(1)"}},
		{Form: &adapter.Form{Action: "/x"}},
		{Form: &adapter.Form{Action: "https://forum.example.com;script-src *//x"}},
		{Form: &adapter.Form{Action: "https://mallory@forum.example.com/x"}},
		{Form: &adapter.Form{Action: "https://forum.example.com/x"}, Redirect: "https://forum.example.com/x"},
		{ForgetStorage: true},
	} {
		for _, target := range []string{"/.ssobridge/sso", "/"} {
			r := forumRig(t, withEdit(func(c *config.Config) {
				for _, a := range c.Apps {
					if a.Name == "forum" {
						a.Adapter = answersWith{out: out}
					}
				}
			}))
			resp := r.ask("forum.example.com", target, "X-Pomerium-Jwt-Assertion: "+r.forumAssertion("ann@example.com"))
			wantStatus(t, resp, http.StatusInternalServerError)
			if resp.Header.Get("Location")+resp.Header.Get("Clear-Site-Data") != "" || r.upstream.connections() > 0 {
				t.Errorf("%+v goes on", out)
			}
		}
	}
}

// answersWith answers every request with the same.
type answersWith struct {
	brokenSignIn
	out adapter.Output
}

func (a answersWith) Adapt(context.Context, adapter.Input) (adapter.Output, error) { return a.out, nil }

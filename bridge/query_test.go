package bridge_test

import (
	"net/http"
	"strings"
	"testing"
)

// keysConfig is an app that takes credentials in addresses; %s is the upstream.
const keysConfig = `
[issuer.pomerium]
public_key_file = "key.pem"

[app.keys]
host     = "grafana.example.com"
upstream = "http://%s"
adapter  = "keys"
rule     = [{ role = "user" }]

[adapter.keys]
kind        = "headers"
strip_query = ["api_key", "_secret"]
strip_cookies = ["auth_*", "__Host-site-*"]
header.X-User = { from = "email", required = true }
`

// TestCredentialsInTheQueryNeverReachUpstream: a key in the address would win over
// the identity, in whatever spelling the app reads it.
func TestCredentialsInTheQueryNeverReachUpstream(t *testing.T) {
	r := newRig(t, withConfig(keysConfig))
	for _, tt := range []struct{ sent, want string }{
		{"", ""},
		{"?", "?"}, // net/http's ForceQuery
		{"?a=1&b=2", "?a=1&b=2"},
		{"?api_key=mallory", ""},
		{"?a=1&api_key=mallory&b=2", "?a=1&b=2"},
		{"?api_key=mallory&a=1", "?a=1"},
		{"?a=1&api_key=mallory", "?a=1"},
		{"?api_key=x&a=1&api_key=mallory", "?a=1"},
		{"?api_key", ""},
		{"?api_key=", ""},
		{"?_secret=mallory&secret=kept", "?secret=kept"},

		// What some app reads as the same name.
		{"?api%5fkey=mallory", ""},
		{"?%61%70%69%5F%6b%65%79=mallory", ""},
		{"?api.key=mallory&api+key=mallory&api%20key=mallory", ""}, // PHP
		{"?+api_key=mallory&%20api_key=mallory", ""},               // PHP
		{"?api_key%00x=mallory", ""},                               // PHP
		{"?api_key[]=mallory&api_key%5B%5D=mallory", ""},           // PHP, Rails
		{"?api[key=mallory&api%5bkey=mallory", ""},                 // PHP
		{"?[api_key]=mallory&%5Bapi_key%5D[]=mallory", ""},         // Express
		{"?API_KEY=mallory&Api-Key=mallory", ""},                   // ASP.NET
		{"?a=1;api_key=mallory;b=2&c=3", "?a=1;b=2&c=3"},           // Python before 3.9.2, Rack before 3
		{"?a=1&api%5fke%79%zz=mallory", "?a=1&api%5fke%79%zz=mallory"},

		// What no app does; not a byte of it is another.
		{"?api_keys=kept&my_api_key=kept&q=api_key", "?api_keys=kept&my_api_key=kept&q=api_key"},
		{"?q=a%26api_key%3Dx&&=&;;%zz=%&+=+", "?q=a%26api_key%3Dx&&=&;;%zz=%&+=+"},
		{"?&api_key=mallory&", "?&"},
		{"?q=%E2%82%AC&api_key=mallory&q=%e2%82%ac", "?q=%E2%82%AC&q=%e2%82%ac"},
	} {
		t.Run(tt.sent, func(t *testing.T) {
			wantStatus(t, r.as(inTwoGroups, "/d/1"+tt.sent), http.StatusOK)
			raw := r.upstream.last(t)
			got, _, _ := strings.Cut(raw, " HTTP/1.1\r\n")
			if got != "GET /d/1"+tt.want {
				t.Errorf("the app is asked for %q, want %q", got, "GET /d/1"+tt.want)
			}
		})
	}
}

// TestQueryIsTheClients: where nothing is to be removed, nothing is looked at.
func TestQueryIsTheClients(t *testing.T) {
	r, _ := newClusterRig(t)
	const target = "/d/1?api_key=theirs&&;=%zz&auth_token"
	wantStatus(t, r.as(inTwoGroups, target), http.StatusOK)
	if raw := r.upstream.last(t); !strings.HasPrefix(raw, "GET "+target+" HTTP/1.1\r\n") {
		t.Errorf("the app is asked:\n%s", raw)
	}
}

// TestCookiesThatBeginSoAreStripped: an app that calls its session after itself is
// told by no cookie who somebody is.
func TestCookiesThatBeginSoAreStripped(t *testing.T) {
	r := newRig(t, withConfig(keysConfig))
	wantStatus(t, r.as(inTwoGroups, "/", `Cookie: theme=dark; auth_site=mallory; AUTH-OTHER=mallory; "auth.x"=mallory; author=ann; auth=kept`,
		"Cookie: auth_=mallory; __host_site_1=mallory; lang=en"), http.StatusOK)
	raw := r.upstream.last(t)
	if got := strings.Join(lines(raw, "Cookie"), "\n"); strings.Contains(got, "mallory") || !strings.Contains(got, "theme=dark; author=ann; auth=kept") || !strings.Contains(got, "lang=en") {
		t.Errorf("the app gets %q", got)
	}
}

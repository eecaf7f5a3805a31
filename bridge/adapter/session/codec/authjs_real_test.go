package codec

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// realAuthJS is an app whose handler answers for /api/auth/session.
type realAuthJS struct {
	app     string
	paths   map[string]string // by cookie
	secrets []string
	open    func(AuthJSOptions) (Codec, error)
	// The one of paths that a test is with.
	cookie, path string
}

var (
	realFive = realAuthJS{
		app:     "authjs",
		paths:   map[string]string{"__Secure-authjs.session-token": "/authjs", "authjs.session-token": "/authjs-http"},
		secrets: []string{"the new secret", testSecret}, open: NewAuthJS,
	}
	realFour = realAuthJS{
		app:     "nextauth",
		paths:   map[string]string{"__Secure-next-auth.session-token": "/nextauth", "next-auth.session-token": "/nextauth-http"},
		secrets: []string{testSecret}, open: NewNextAuth,
	}
)

// TestRealAuthJS: the handlers of @auth/core and next-auth, under both names.
func TestRealAuthJS(t *testing.T) {
	t.Parallel()
	for _, r := range []realAuthJS{realFive, realFour} {
		t.Run(r.app, func(t *testing.T) {
			peer := startNodePeer(t, r.app, r.secrets)
			for cookie, path := range r.paths {
				r.cookie, r.path = cookie, path
				t.Run(cookie+", both ways", func(t *testing.T) { testRealAuthJS(t, peer.of(t), r) })
				t.Run(cookie+", grows", func(t *testing.T) { testRealAuthJSGrows(t, peer.of(t), r) })
				t.Run(cookie+", refuses", func(t *testing.T) { testRealAuthJSRefuses(t, peer.of(t), r) })
			}
		})
	}
}

func (r realAuthJS) codec(t *testing.T, secrets ...string) *authJS {
	t.Helper()
	c, err := r.open(AuthJSOptions{Cookie: r.cookie, Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*authJS)
}

// testRealAuthJS: what is written here, the app reads, and the other way round.
func testRealAuthJS(t *testing.T, peer *nodePeer, r realAuthJS) {
	t.Helper()
	now := time.Now()
	d := nodeSample()
	d["sub"], d["email"], d["name"] = "42", "ann@example.com", "Zoë Ann"
	for name, more := range map[string]string{"short": "", "two chunks": noise(4000), "six chunks": noise(15000)} {
		d := maps.Clone(d)
		d["more"] = more
		for _, secret := range r.secrets {
			c, first := r.codec(t, secret), r.codec(t, r.secrets[0])
			cookies := mustEncode(t, c, d, now)
			want := nodeSeenData(mustDecode(t, c, cookies, now))
			seen := peer.get(nodeVisit{path: r.path, cookies: cookies, change: Data{"views": int64(1), "zoë": "東京"}})
			if seen.user != "ann@example.com" {
				t.Errorf("%s: the app takes us for %q", name, seen.user)
			}
			if diff := cmp.Diff(want, seen.session); diff != "" {
				t.Errorf("%s: the app sees (-want +got):\n%s", name, diff)
			}
			// It writes every session anew, with its first secret.
			got := mustDecode(t, first, c.owned(seen.set), now)
			if exp, _ := got["exp"].(int64); exp < now.Add(29*24*time.Hour).Unix() || got["jti"] == want["jti"] {
				t.Errorf("%s: exp %v, jti %v", name, got["exp"], got["jti"])
			}
			want["views"], want["zoë"] = int64(1), "東京"
			want["iat"], want["exp"], want["jti"] = got["iat"], got["exp"], got["jti"]
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: after a change (-want +got):\n%s", name, diff)
			}
			if chunk := seen.set[c.chunkName(0)]; chunk != "" && len(chunk) != c.chunk {
				t.Errorf("%s: a chunk has %d bytes, not %d", name, len(chunk), c.chunk)
			}
			if names := slices.Sorted(maps.Keys(c.owned(seen.set))); !slices.Equal(names, slices.Sorted(maps.Keys(cookies))) {
				t.Errorf("%s: the app writes %q", name, names)
			}
		}
	}
}

// owned are a codec's own among all cookies.
func (a *authJS) owned(c Cookies) Cookies {
	c = maps.Clone(c)
	maps.DeleteFunc(c, func(name, _ string) bool { return !a.OwnsCookie(name) })
	return c
}

// testRealAuthJSGrows: from one cookie to chunks and back, the app removes the
// cookies that it needs no more.
func testRealAuthJSGrows(t *testing.T, peer *nodePeer, r realAuthJS) {
	t.Helper()
	c := r.codec(t, r.secrets[0])
	d := Data{"email": "ann@example.com"}
	grown := peer.get(nodeVisit{path: r.path, cookies: mustEncode(t, c, d, time.Now()), change: Data{"more": noise(5000)}})
	if !slices.Contains(grown.gone, c.cookie) || grown.set[c.chunkName(1)] == "" {
		t.Errorf("the app removes %q", grown.gone)
	}
	if got := mustDecode(t, c, c.owned(grown.set), time.Now()); got["more"] != noise(5000) {
		t.Error("another text")
	}
	shrunk := peer.get(nodeVisit{path: r.path, cookies: c.owned(grown.set), change: Data{"more": ""}})
	if !slices.Contains(shrunk.gone, c.chunkName(0)) || shrunk.set[c.cookie] == "" {
		t.Errorf("the app removes %q", shrunk.gone)
	}
	if got := mustDecode(t, c, c.owned(shrunk.set), time.Now()); got["more"] != "" {
		t.Error("another text")
	}
}

// testRealAuthJSRefuses: whatever the framework refuses, Decode refuses.
func testRealAuthJSRefuses(t *testing.T, peer *nodePeer, r realAuthJS) {
	t.Helper()
	c := r.codec(t, r.secrets[0])
	signedIn := func(cookies Cookies) bool {
		return peer.get(nodeVisit{path: r.path, cookies: cookies, now: testNow}).user != ""
	}
	for text, good := range authJSTimes {
		text := strings.Replace(text, "{", `{"email":"ann@example.com",`, 1)
		cookies := authJSHolding(t, c, text)
		if signedIn(cookies) != good {
			t.Errorf("%s: the app says otherwise", text)
		}
		if _, err := c.Decode(t.Context(), cookies, Times{Now: testNow}); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
	good := mustEncode(t, c, Data{"email": "ann@example.com"}, testNow)
	if !signedIn(good) {
		t.Fatal("the app does not take what the others are made of")
	}
	other := r.codec(t, "x")
	if signedIn(mustEncode(t, other, Data{"email": "ann@example.com"}, testNow)) {
		t.Error("of another secret")
	}
	for i, part := range strings.Split(good[c.cookie], ".") {
		if part == "" {
			continue
		}
		parts := strings.Split(good[c.cookie], ".")
		parts[i] = string(part[0]^1) + part[1:]
		bad := Cookies{c.cookie: strings.Join(parts, ".")}
		if signedIn(bad) {
			t.Errorf("part %d changed", i)
		}
		wantForeign(t, c, bad, testNow)
	}
	// A cookie that any other page of the domain could add.
	added := maps.Clone(good)
	added[c.cookie+".evil"] = "x"
	if signedIn(added) {
		t.Error("the app ignores what is not its own")
	}
	wantForeign(t, c, added, testNow)
}

package codec

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRealCookieSession: express with cookie-session, both ways.
func TestRealCookieSession(t *testing.T) {
	peer := startNodePeer(t, "cookie-session", []string{"the new secret", testSecret})
	for path, digest := range map[string]string{"/cookie-session": "", "/cookie-session-256": "sha256"} {
		open := func(secrets ...string) Codec {
			c, err := NewCookieSession(CookieSessionOptions{Secrets: secrets, Digest: digest})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		both, newer, older, wrong := open("the new secret", testSecret), open("the new secret"), open(testSecret), open("x")
		d := nodeSample()
		d["user"], d["2"], d["10"] = "ann@example.com", "array", "index"

		for name, c := range map[string]Codec{"first secret": both, "second secret": older} {
			cookies := mustEncode(t, c, d, time.Now())
			seen := peer.get(nodeVisit{path: path, cookies: cookies})
			if seen.user != "ann@example.com" {
				t.Errorf("%s: the app takes us for %q", name, seen.user)
			}
			if diff := cmp.Diff(nodeSeenData(d), seen.session); diff != "" {
				t.Errorf("%s: the app sees (-want +got):\n%s", name, diff)
			}
			changed := peer.get(nodeVisit{path: path, cookies: cookies, change: Data{"views": int64(1), "zoë": "東京"}})
			want := nodeSeenData(d)
			want["views"], want["zoë"] = int64(1), "東京"
			for _, reader := range []Codec{both, newer} { // the app signs with the first
				if diff := cmp.Diff(want, mustDecode(t, reader, changed.set, time.Now())); diff != "" {
					t.Errorf("%s: after a change (-want +got):\n%s", name, diff)
				}
			}
		}

		// Who changes nothing writes nothing: the bytes are the framework's own.
		plain := nodeSeenData(d)
		if set := peer.get(nodeVisit{path: path, cookies: mustEncode(t, both, plain, time.Now())}).set; len(set) > 0 {
			t.Errorf("the app would have written %v", set)
		}
		fresh := peer.get(nodeVisit{path: path, change: plain}).set
		if diff := cmp.Diff(plain, mustDecode(t, both, fresh, time.Now())); diff != "" {
			t.Errorf("the app's own session (-want +got):\n%s", diff)
		}

		cookies := mustEncode(t, wrong, d, time.Now())
		if seen := peer.get(nodeVisit{path: path, cookies: cookies}); seen.user != "" {
			t.Errorf("with another secret: %q", seen.user)
		}
		good := mustEncode(t, both, d, time.Now())
		for _, name := range slices.Sorted(maps.Keys(good)) {
			bad := maps.Clone(good)
			bad[name] = string(bad[name][0]^1) + bad[name][1:]
			if seen := peer.get(nodeVisit{path: path, cookies: bad}); seen.user != "" {
				t.Errorf("%s changed: %q", name, seen.user)
			}
			wantForeign(t, both, bad, time.Now())
		}
	}
}

// TestRealCookieSessionDrops: what the framework drops, under names that every session has.
func TestRealCookieSessionDrops(t *testing.T) {
	peer := startNodePeer(t, "cookie-session", []string{testSecret})
	c, err := NewCookieSession(CookieSessionOptions{Secrets: []string{testSecret}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(jsInherited, cookieSessionOwn) {
		text := []byte(`{"user":"ann@example.com","` + name + `":1}`)
		cookies := c.(*cookieSession).holding(text)
		seen := peer.get(nodeVisit{path: "/cookie-session", cookies: cookies})
		if diff := cmp.Diff(seen.session, mustDecode(t, c, cookies, time.Now())); diff != "" || len(seen.session) != 1 {
			t.Errorf("%s (-app +codec):\n%s", name, diff)
		}
		if _, err := c.Encode(t.Context(), Data{name: "x"}, Times{}); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// holding is the cookies of signed JSON.
func (s *cookieSession) holding(text []byte) Cookies {
	value := base64Std.EncodeToString(text)
	return Cookies{s.cookie: value, s.signature(): s.sign(s.keys[0], value)}
}

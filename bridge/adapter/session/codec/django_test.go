package codec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDjangoVectors(t *testing.T) {
	c := pyFormats[2].must(t, testSecret)
	for value, want := range map[string]Data{
		"eyJhIjoxfQ:1r31eq:KgE2myWDq1_RvCQhRj8C6T7UKXvEhOnF9DQ8BltUFCQ": {"a": int64(1)},
		".eJyrVopPLC3JiC8tTi2Kz0xRslIyVNJBFktKTM5OzQNJpGQl5qXn6yXn55UUZSbpgZToQWWL9XzzU1JznKBqUQzISCzOAOquUKoFAD_nJsU:1r31eq:YetzIoO-VO1_i2zOguWP4JKGVZMV8bPTPjMjYVJgp2Q": {
			"_auth_user_id": "1", "_auth_user_backend": "django.contrib.auth.backends.ModelBackend", "_auth_user_hash": "x",
		},
	} {
		if diff := cmp.Diff(want, mustDecode(t, c, Cookies{"sessionid": value}, testNow)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := mustEncode(t, c, want, testNow)["sessionid"]; value[0] != '.' && got != value {
			t.Errorf("%s, want %s", got, value)
		}
	}
}

func TestDjangoSalt(t *testing.T) {
	c := pyFormats[2].must(t, testSecret)
	other, err := NewDjango(DjangoOptions{Secrets: []string{testSecret}, Salt: "app.sessions"})
	if err != nil {
		t.Fatal(err)
	}
	cookies := mustEncode(t, other, Data{"a": "b"}, testNow)
	mustDecode(t, other, cookies, testNow)
	wantForeign(t, c, cookies, testNow)
}

func TestDjangoTimesAreCanonical(t *testing.T) {
	for n, text := range map[int64]string{0: "0", 1: "1", 61: "z", 62: "10", 1700000000: "1r31eq"} {
		if got := djangoBase62(n); got != text {
			t.Errorf("%d: %s, want %s", n, got, text)
		}
		if got, err := djangoUnbase62(text); got != n || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "+1", "01", "00", "1r31e ", "1.0", "zzzzzzzzzzz", "é"} {
		if n, err := djangoUnbase62(text); err == nil {
			t.Errorf("%q: %d", text, n)
		}
	}
}

// TestDjangoJSONIsASCII: Django would read these two bytes as two characters.
func TestDjangoJSONIsASCII(t *testing.T) {
	f := pyFormats[2]
	c := f.must(t, testSecret)
	wantForeign(t, c, f.holding(t, c, f.wrap([]byte(`{"a":"ë"}`))), testNow)
}

// djangoPassword is what ann's password is in the Django of the tests.
const djangoPassword = "correct horse"

// startDjango runs Django with a user and returns the stored hash of the password.
func startDjango(t *testing.T, engine, database, modules, install string, local ...string) (peer *pyPeer, stored string) {
	t.Helper()
	args := append([]string{engine, testSecret, djangoPassword, database}, local...)
	peer = startPyPeer(t, "django_peer", modules, install, args...)
	peer.ask(t, nil, &stored)
	return peer, stored
}

// djangoSignedIn is a session that signs ann in.
func djangoSignedIn(secret, stored string) Data {
	d := pySample()
	d["_auth_user_id"] = "1"
	d["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
	d["_auth_user_hash"] = DjangoAuthHash(secret, stored)
	return d
}

func TestRealDjango(t *testing.T) {
	t.Parallel()
	peer, stored := startDjango(t, "signed_cookies", `{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}`, "django", "python3-django")
	c := pyFormats[2].must(t, testSecret)
	t.Run("signs in", func(t *testing.T) { testRealDjango(t, peer, stored, c) })
	t.Run("writes the same", func(t *testing.T) { testRealDjangoWritesTheSame(t, peer, c) })
	t.Run("agrees", func(t *testing.T) { pyAgrees(t, pyFormats[2], peer) })
}

// testRealDjango signs ann in at a Django and lets the app change its session.
func testRealDjango(t *testing.T, peer *pyPeer, stored string, c Codec) {
	t.Helper()
	now := time.Now()
	d := djangoSignedIn(testSecret, stored)
	cookies := mustEncode(t, c, d, now)
	a := peer.visitOne(t, cookies, "")
	if a.name() != "ann" {
		t.Errorf("signed in as %q", a.name())
	}
	pyWantSession(t, d, a)
	// Django says nothing of a session that the app has not changed.
	if len(a.Set) > 0 {
		t.Errorf("Django sets %v", a.Set)
	}
	a = peer.visitOne(t, cookies, `session["cart"] = {"items": [(1, 2.0), None]}; del session["pi"]; session["text"] = "long " * 1000`)
	d["cart"] = map[string]any{"items": []any{[]any{int64(1), 2.0}, nil}}
	d["text"] = ""
	for range 1000 {
		d["text"] = d["text"].(string) + "long "
	}
	delete(d, "pi")
	if diff := cmp.Diff(d, mustDecode(t, c, a.Set, now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The other way round, too: what is compressed here.
	pyWantSession(t, d, peer.visitOne(t, mustEncode(t, c, d, now), ""))
	if a := peer.visitOne(t, a.Set, ""); a.name() != "ann" {
		t.Errorf("signed in as %q", a.name())
	}

	for what, hash := range map[string]string{
		"of another password": DjangoAuthHash(testSecret, stored+"x"),
		"of another secret":   DjangoAuthHash(testSecret+"x", stored),
		"that is missing":     "",
	} {
		d["_auth_user_hash"] = hash
		if a := peer.visitOne(t, mustEncode(t, c, d, now), ""); a.name() != "" {
			t.Errorf("with a hash %s, signed in as %q", what, a.name())
		}
	}
}

// testRealDjangoWritesTheSame: JSON is the same to the byte.
func testRealDjangoWritesTheSame(t *testing.T, peer *pyPeer, c Codec) {
	t.Helper()
	cookies := mustEncode(t, c, pySample(), time.Now())
	a := peer.visitOne(t, cookies, "session.modified = True")
	if got, want := djangoText(t, a.Set["sessionid"]), djangoText(t, cookies["sessionid"]); got != want {
		t.Errorf("Django writes\n%s\nand this codec\n%s", got, want)
	}
	for _, python := range []string{`float("inf")`, `2**63`, `"\ud800"`, `[float("nan")]`} {
		wantForeign(t, c, peer.visitOne(t, cookies, "session['a'] = "+python).Set, time.Now())
	}
}

func djangoText(t *testing.T, value string) string {
	t.Helper()
	value, _, _ = cutLast(value, ":")
	payload, _, _ := cutLast(value, ":")
	text, err := (&pyPacker{}).unpack(payload)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package codec

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
)

const gorillaSecret = "bridge-test-hash-key-32-bytes!!!"

// gorillaInner signs, and encrypts, what is no session yet.
func gorillaInner(c Codec, text []byte) Cookies {
	g := c.(*gorilla)
	library := *g.keys[0].SecureCookie
	value, err := library.SetSerializer(securecookie.NopEncoder{}).Encode(g.cookie, bytes.Clone(text))
	if err != nil {
		panic(err)
	}
	if value, err = g.keys[0].stamp(g.cookie, value, testNow); err != nil {
		panic(err)
	}
	return Cookies{g.cookie: value}
}

func gorillaGob(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func newGorilla(tb testing.TB, o GorillaOptions) Codec {
	tb.Helper()
	if o.Secrets == nil {
		o.Secrets = []string{gorillaSecret}
	}
	c, err := NewGorilla(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestGorillaVectors(t *testing.T) {
	for _, test := range []struct{ cookie, serializer, value string }{
		{"app-session", "gob", "MTcwMDAwMDAwMHxEWDhFQVFMX2dBQUJFQUVRQUFBal80QUFBUVp6ZEhKcGJtY01CZ0FFZFhObGNnWnpkSEpwYm1jTUJ3QUZZV3hwWTJVPXzUhrFQK8-O_259cIud2Zw70_maf7KNPtv-XRKCiOlm4g=="},
		{"app", "json", "MTcwMDAwMDAwMHxleUoxYzJWeUlqb2lZV3hwWTJVaWZRbz18-yrXsNAblZoXVrolJh-cJfITbSXWJRH1RnyYRQel_WY="},
	} {
		t.Run(test.serializer, func(t *testing.T) {
			c := newGorilla(t, GorillaOptions{Cookie: test.cookie, Serializer: test.serializer})
			d := Data{"user": "alice"}
			if diff := cmp.Diff(Cookies{test.cookie: test.value}, mustEncode(t, c, d, testNow)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			got, err := c.Decode(t.Context(), Cookies{test.cookie: test.value}, Times{Now: testNow})
			if diff := cmp.Diff(d, got); err != nil || diff != "" {
				t.Errorf("read: %v\n%s", err, diff)
			}
		})
	}
}

func TestGorillaExpiry(t *testing.T) {
	for name, test := range map[string]struct{ set, holds time.Duration }{
		"by default": {0, 30 * 24 * time.Hour},
		"as set":     {90 * time.Minute, 90 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			c := newGorilla(t, GorillaOptions{Cookie: "app", MaxAge: test.set})
			cookies := mustEncode(t, c, Data{"user": "alice"}, testNow)
			for _, age := range []time.Duration{-time.Hour, 0, test.holds} {
				if _, err := c.Decode(t.Context(), cookies, Times{Now: testNow.Add(age)}); err != nil {
					t.Errorf("%s old: %v", age, err)
				}
			}
			wantForeign(t, c, cookies, testNow.Add(test.holds+time.Second))
		})
	}
}

// gorillaApp is an app on a real CookieStore: /change does what an app does to its
// session, with gob's basic types.
func gorillaApp(t *testing.T, store *sessions.CookieStore) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app-session")
		if err != nil || session.IsNew {
			http.Error(w, "nobody", http.StatusUnauthorized)
			return
		}
		user, _ := session.Values["user_id"].(int)
		roles, _ := session.Values["roles"].([]string)
		_ = json.NewEncoder(w).Encode(map[string]any{"user": user, "roles": roles, "flashes": session.Flashes()})
	})
	mux.HandleFunc("/change", func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app-session")
		for key, v := range map[string]any{
			"int8": int8(-8), "uint16": uint16(16), "uint64": uint64(64), "float32": float32(0.5), "bytes": []byte{0, 255},
			"ints": []int32{1, 2}, "strings": []string{"a"}, "any": []any{"a", 1, []any{2.5}},
		} {
			session.Values[key] = v
		}
		session.AddFlash("saved")
		if err := session.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// gorillaVisit returns the status, the answer, and the session that the app set.
func gorillaVisit(t *testing.T, server *httptest.Server, path string, c Cookies) (int, string, Cookies) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range c {
		req.Header.Add("Cookie", name+"="+value)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	set := Cookies{}
	for _, cookie := range resp.Cookies() {
		set[cookie.Name] = cookie.Value
	}
	return resp.StatusCode, strings.TrimSpace(body.String()), set
}

func TestGorillaRealCookieStore(t *testing.T) {
	for name, block := range map[string]string{"signed": "", "encrypted": "block-key-of-32-bytes.........!!"} {
		t.Run(name, func(t *testing.T) {
			pairs := [][]byte{[]byte(gorillaSecret), nil}
			if block != "" {
				pairs[1] = []byte(block)
			}
			server := gorillaApp(t, sessions.NewCookieStore(pairs...))
			c := newGorilla(t, GorillaOptions{Cookie: "app-session", BlockKeys: []string{block}})
			d := Data{
				"user_id": int64(42), "roles": []any{"admin", "dev"}, "_ssobridge": "1.bWFj", "_flash": []any{"hello"},
				"zoë": "東京", "pi": 3.5, "yes": true, "mixed": []any{int64(1), "a"}, "none": []any{},
			}
			now := time.Now()
			cookies := mustEncode(t, c, d, now)
			status, body, _ := gorillaVisit(t, server, "/", cookies)
			if want := `{"flashes":["hello"],"roles":["admin","dev"],"user":42}`; status != 200 || body != want {
				t.Errorf("the app says %d %s, want %s", status, body, want)
			}

			status, body, set := gorillaVisit(t, server, "/change", cookies)
			if status != 200 {
				t.Fatal(body)
			}
			got, err := c.Decode(t.Context(), set, Times{Now: now})
			if err != nil {
				t.Fatal(err)
			}
			want := Data{
				"int8": int64(-8), "uint16": int64(16), "uint64": int64(64), "float32": 0.5, "bytes": []any{int64(0), int64(255)},
				"ints": []any{int64(1), int64(2)}, "strings": []any{"a"}, "any": []any{"a", int64(1), []any{2.5}},
			}
			maps.Copy(want, d)
			want["_flash"] = []any{"hello", "saved"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("after the app's change (-want +got):\n%s", diff)
			}

			other := newGorilla(t, GorillaOptions{Cookie: "app-session", Secrets: []string{strings.Repeat("x", 32)}})
			if status, body, _ := gorillaVisit(t, server, "/", mustEncode(t, other, d, now)); status != http.StatusUnauthorized {
				t.Errorf("another secret: %d %s", status, body)
			}
			renamed := newGorilla(t, GorillaOptions{Cookie: "other", BlockKeys: []string{block}})
			value := mustEncode(t, renamed, d, now)["other"]
			if status, body, _ := gorillaVisit(t, server, "/", Cookies{"app-session": value}); status != http.StatusUnauthorized {
				t.Errorf("another name: %d %s", status, body)
			}
		})
	}
}

// The trap: Options.MaxAge says when browsers forget, and servers still take it.
func TestGorillaMaxAgeIsTheStores(t *testing.T) {
	store := sessions.NewCookieStore([]byte(gorillaSecret))
	store.MaxAge(3600)
	server := gorillaApp(t, store)
	c := newGorilla(t, GorillaOptions{Cookie: "app-session", MaxAge: time.Hour})
	now := time.Now()
	for age, want := range map[time.Duration]int{0: 200, 59 * time.Minute: 200, 61 * time.Minute: 401, -time.Hour: 200} {
		cookies := mustEncode(t, c, Data{"user_id": int64(42)}, now.Add(-age))
		status, body, _ := gorillaVisit(t, server, "/", cookies)
		_, err := c.Decode(t.Context(), cookies, Times{Now: now})
		if status != want || (err == nil) != (want == 200) {
			t.Errorf("%s old: the app says %d %s, the codec %v; want %d", age, status, body, err, want)
		}
	}
}

func TestGorillaRotationInTheApp(t *testing.T) {
	old, current := strings.Repeat("o", 32), strings.Repeat("c", 64)
	server := gorillaApp(t, sessions.NewCookieStore([]byte(current), []byte(strings.Repeat("b", 24)), []byte(old), nil))
	c := newGorilla(t, GorillaOptions{
		Cookie: "app-session", Secrets: []string{current, old}, BlockKeys: []string{strings.Repeat("b", 24)},
	})
	now := time.Now()
	d := Data{"user_id": int64(42)}
	before := mustEncode(t, newGorilla(t, GorillaOptions{Cookie: "app-session", Secrets: []string{old}}), d, now)
	for _, cookies := range []Cookies{before, mustEncode(t, c, d, now)} {
		got, err := c.Decode(t.Context(), cookies, Times{Now: now})
		if diff := cmp.Diff(d, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if status, body, _ := gorillaVisit(t, server, "/", cookies); status != 200 {
			t.Errorf("the app says %d %s", status, body)
		}
	}
}

// An app that uses securecookie itself, with a type of its own.
func TestGorillaRealJSONEncoder(t *testing.T) {
	library := securecookie.New([]byte(gorillaSecret), nil)
	library.SetSerializer(securecookie.JSONEncoder{})
	type session struct {
		User   string         `json:"user"`
		ID     int64          `json:"id"`
		Nested map[string]any `json:"nested"`
		Marker string         `json:"_ssobridge"`
	}
	c := newGorilla(t, GorillaOptions{Cookie: "app", Serializer: "json"})
	d := Data{"user": "Zoë <&> 東京", "id": int64(1<<53 + 1), "nested": map[string]any{"a": []any{nil, true, 1.5}}, "_ssobridge": "1.bWFj"}
	now := time.Now()
	var got session
	if err := library.Decode("app", mustEncode(t, c, d, now)["app"], &got); err != nil {
		t.Fatal(err)
	}
	want := session{"Zoë <&> 東京", 1<<53 + 1, map[string]any{"a": []any{nil, true, 1.5}}, "1.bWFj"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the app reads:\n%s", diff)
	}
	value, err := library.Encode("app", want)
	if err != nil {
		t.Fatal(err)
	}
	read, err := c.Decode(t.Context(), Cookies{"app": value}, Times{Now: now})
	if diff := cmp.Diff(d, read); err != nil || diff != "" {
		t.Errorf("of the app: %v\n%s", err, diff)
	}
}

// gorillaRegistered is what an app registers.
type gorillaRegistered struct{ A string }

func TestGorillaForeignValues(t *testing.T) {
	gob.Register(gorillaRegistered{})
	gob.Register(map[string]any{})
	c := newGorilla(t, GorillaOptions{Cookie: "app"})
	unknown, err := gorillaGob(map[any]any{"a": gorillaRegistered{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	unknown = bytes.ReplaceAll(unknown, []byte("gorillaRegistered"), []byte("gorillaUnlistered"))
	for name, v := range map[string]any{
		"complex": complex(1, 2), "uintptr": uintptr(1), "above int64": uint64(1) << 63, "not UTF-8": "\xff",
		"struct": gorillaRegistered{"x"}, "map": map[string]any{"a": 1}, "nested": []any{map[string]any{}},
	} {
		text, err := gorillaGob(map[any]any{"a": v})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { wantForeign(t, c, gorillaInner(c, text), testNow) })
	}
	for name, v := range map[string]any{
		"number as key": map[any]any{1: "a"}, "not a session": "text", "other map": map[string]string{"a": "b"}, "key not UTF-8": map[any]any{"\xff": 1},
	} {
		text, err := gorillaGob(v)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { wantForeign(t, c, gorillaInner(c, text), testNow) })
	}
	for name, text := range map[string][]byte{"type that is not registered": unknown, "empty": {}, "no gob": []byte("\x01\xff")} {
		t.Run(name, func(t *testing.T) { wantForeign(t, c, gorillaInner(c, text), testNow) })
	}
}

func TestGorillaUnwritableWithGob(t *testing.T) {
	c := newGorilla(t, GorillaOptions{Cookie: "app"})
	for name, v := range map[string]any{
		"null": nil, "object": map[string]any{"a": "b"}, "null in a list": []any{nil}, "object in a list": []any{map[string]any{}},
	} {
		if cookies, err := c.Encode(t.Context(), Data{"v": v}, Times{Now: testNow}); err == nil || !strings.Contains(err.Error(), `"v"`) {
			t.Errorf("%s: %q, %v", name, cookies, err)
		}
	}
}

func TestGorillaWritesWhatGoAppsStore(t *testing.T) {
	values, err := gorillaValues(Data{
		"int": int64(1), "strings": []any{"a"}, "ints": []any{int64(1)}, "floats": []any{0.5}, "bools": []any{true},
		"none": []any{}, "mixed": []any{"a", int64(1)}, "lists": []any{[]any{"a"}}, "_flash": []any{"a"},
	})
	want := map[any]any{
		"int": 1, "strings": []string{"a"}, "ints": []int{1}, "floats": []float64{0.5}, "bools": []bool{true},
		"none": []string{}, "mixed": []any{"a", 1}, "lists": []any{[]string{"a"}}, "_flash": []any{"a"},
	}
	if diff := cmp.Diff(want, values); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// Two pairs with one hash key: what the wrong block key makes of a cookie is noise,
// of which nothing may stay.
func TestGorillaPairsThatShareAHashKey(t *testing.T) {
	keys := []string{strings.Repeat("1", 16), strings.Repeat("2", 32), ""}
	secrets := slices.Repeat([]string{gorillaSecret}, len(keys))
	d := Data{"user": "alice"}
	all := newGorilla(t, GorillaOptions{Cookie: "app", Secrets: secrets, BlockKeys: keys})
	for _, key := range keys {
		one := newGorilla(t, GorillaOptions{Cookie: "app", BlockKeys: []string{key}})
		got, err := all.Decode(t.Context(), mustEncode(t, one, d, testNow), Times{Now: testNow})
		if diff := cmp.Diff(d, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", key, err, diff)
		}
	}
}

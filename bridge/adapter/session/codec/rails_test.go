package codec

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	railsSecret = "0123456789abcdef0123456789abcdef"
	railsCookie = "_app_session"
	railsDevise = "warden.user.user.key"
)

func newRails(tb testing.TB, o RailsOptions) Codec {
	tb.Helper()
	if o.Cookie == "" {
		o.Cookie = railsCookie
	}
	if o.Secrets == nil {
		o.Secrets = []string{railsSecret}
	}
	c, err := NewRails(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func railsSignedIn() Data {
	return Data{
		railsDevise: []any{[]any{int64(42)}, "$2a$12$abcdefghijklmnopqrstuv"},
		"cart":      map[string]any{"n": 2.0, "z": nil, "t": "Zoë <&>"},
	}
}

func TestRailsKeyVector(t *testing.T) {
	raw, err := hex.DecodeString("da88cfdad27b92734587a2df5e54e16a70ab3d065a4be8539f0ff7e96e311816")
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	c := newRails(t, RailsOptions{})
	if _, err := aead.Open(nil, make([]byte, 12), c.(*rails).keys[0].Seal(nil, make([]byte, 12), []byte("x"), nil), nil); err != nil {
		t.Errorf("another key than the vector's: %v", err)
	}
}

// TestRailsVectors reads what Rails itself wrote, at testNow and for an hour.
func TestRailsVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/ruby/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		By, Version string
		Cookies     Cookies
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	f := railsFormat("")
	for _, v := range vectors {
		t.Run(v.By, func(t *testing.T) {
			c := newRails(t, RailsOptions{Version: v.Version})
			if diff := cmp.Diff(railsSignedIn(), f.decode(t, c, v.Cookies, testNow.Add(time.Hour-time.Millisecond))); diff != "" {
				t.Error(diff)
			}
			wantForeign(t, c, v.Cookies, testNow.Add(time.Hour))
			other := map[bool]string{true: "8.0", false: "6.1"}[v.Version == "6.1"]
			wantForeign(t, newRails(t, RailsOptions{Version: other}), v.Cookies, testNow)
		})
	}
}

func TestRailsExpiry(t *testing.T) {
	d := Data{"a": "b"}
	for name, test := range map[string]struct {
		maxAge  time.Duration
		expires time.Time
		want    time.Time // zero: never
	}{
		"as told":            {0, testNow.Add(time.Minute), testNow.Add(time.Minute)},
		"as told, not asked": {time.Hour, testNow.Add(time.Minute), testNow.Add(time.Minute)},
		"elsewhere":          {0, testNow.Add(time.Minute).In(time.FixedZone("", 3600)), testNow.Add(time.Minute)},
		"as set":             {time.Hour, time.Time{}, testNow.Add(time.Hour)},
		"never":              {0, time.Time{}, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newRails(t, RailsOptions{MaxAge: test.maxAge})
			cookies, err := c.Encode(t.Context(), d, Times{Now: testNow, Expires: test.expires})
			if err != nil {
				t.Fatal(err)
			}
			f := railsFormat("")
			if test.want.IsZero() {
				f.decode(t, c, cookies, testNow.AddDate(100, 0, 0))
				return
			}
			f.decode(t, c, cookies, test.want.Add(-time.Millisecond))
			wantForeign(t, c, cookies, test.want)
			wantForeign(t, c, cookies, test.want.Add(time.Second))
		})
	}
}

func TestRailsAttacksWithTheRightSecret(t *testing.T) {
	c := newRails(t, RailsOptions{})
	r := c.(*rails)
	sealed := func(plain string) Cookies {
		return Cookies{railsCookie: base64Escape(railsSeal(r.keys[0], []byte(plain)))}
	}
	message := base64Std.EncodeToString([]byte(`{"a":"b"}`))
	const purpose = `"pur":"cookie._app_session"`
	if _, err := c.Decode(t.Context(), sealed(`{"_rails":{"message":"`+message+`",`+purpose+`}}`), Times{Now: testNow}); err != nil {
		t.Fatalf("the envelope without exp: %v", err)
	}
	for name, plain := range map[string]string{
		"no envelope":           `{"a":"b"}`,
		"no purpose":            `{"_rails":{"message":"` + message + `","exp":null,"pur":null}}`,
		"another purpose":       `{"_rails":{"message":"` + message + `","exp":null,"pur":"cookie._other"}}`,
		"newer envelope":        `{"_rails":{"data":{"a":"b"},` + purpose + `}}`,
		"more in the envelope":  `{"_rails":{"message":"` + message + `",` + purpose + `,"x":1}}`,
		"more beside":           `{"_rails":{"message":"` + message + `",` + purpose + `},"x":1}`,
		"more behind":           `{"_rails":{"message":"` + message + `",` + purpose + `}}x`,
		"two purposes":          `{"_rails":{"message":"` + message + `","pur":"cookie.x",` + purpose + `}}`,
		"another order":         `{"_rails":{"exp":null,"message":"` + message + `",` + purpose + `}}`, // which 7.1 does not read
		"ended":                 `{"_rails":{"message":"` + message + `","exp":"2023-11-14T22:13:19.000Z",` + purpose + `}}`,
		"malformed end":         `{"_rails":{"message":"` + message + `","exp":"tomorrow",` + purpose + `}}`,
		"end as a number":       `{"_rails":{"message":"` + message + `","exp":9999999999,` + purpose + `}}`,
		"Marshal":               `{"_rails":{"message":"` + base64Std.EncodeToString([]byte("\x04\b{\x06I\"\x06a\x06:\x06ETi\x06")) + `",` + purpose + `}}`,
		"message not in base64": `{"_rails":{"message":"{}",` + purpose + `}}`,
		"no session":            `{"_rails":{"message":"` + base64Std.EncodeToString([]byte(`["a"]`)) + `",` + purpose + `}}`,
		"large integer":         `{"_rails":{"message":"` + base64Std.EncodeToString([]byte(`{"a":9223372036854775808}`)) + `",` + purpose + `}}`,
		"nothing":               ``,
	} {
		t.Run(name, func(t *testing.T) { wantForeign(t, c, sealed(plain), testNow) })
	}
	// Shorter tags are easier to guess, and a longer one is the same cookie once more.
	cookies := mustEncode(t, c, Data{"a": "b"}, testNow)
	value, err := base64Unescape(cookies[railsCookie])
	if err != nil {
		t.Fatal(err)
	}
	for name, cut := range map[string]func(string) string{
		"tag of 12 bytes": func(v string) string { return v[:len(v)-24] + v[len(v)-24:len(v)-8] },
		"part of the text in the tag": func(v string) string {
			parts := strings.Split(v, railsSeparator)
			text, _ := decodeBase64(base64Std, parts[0])
			tag, _ := decodeBase64(base64Std, parts[2])
			n := len(text) - 8
			return base64Std.EncodeToString(text[:n]) + "--" + parts[1] + "--" + base64Std.EncodeToString(append(text[n:], tag...))
		},
		"no tag":    func(v string) string { return v[:len(v)-26] },
		"empty tag": func(v string) string { return v[:len(v)-24] },
	} {
		t.Run(name, func(t *testing.T) {
			wantForeign(t, c, Cookies{railsCookie: base64Escape(cut(value))}, testNow)
		})
	}
}

// railsAsked is a visit at testdata/ruby/rails_peer.rb.
type railsAsked struct {
	Header     string   `json:"header"`
	Cookie     string   `json:"cookie"`
	Secret     string   `json:"secret"`
	OldSecrets []string `json:"old_secrets,omitempty"`
	Digest     string   `json:"digest"`
	Serializer string   `json:"serializer,omitempty"`
	Metadata   *bool    `json:"metadata,omitempty"`
	// ExpireAfter is session_store's, in seconds.
	ExpireAfter int `json:"expire_after,omitempty"`
	// Change is Ruby for what the app does to its "session".
	Change string `json:"change,omitempty"`
	Now    int64  `json:"now"`
}

// TestRailsRealActionPack runs Action Pack as it is installed: Debian's, or that of
// the directories in RUBYLIB.
func TestRailsRealActionPack(t *testing.T) {
	const packages = "ruby-actionpack ruby-warden"
	if exec.CommandContext(t.Context(), "ruby", "-e", `require "action_dispatch"; require "warden"`).Run() != nil {
		requireReal(t, "Ruby with Action Pack and Warden", packages)
	}
	peer := startLinePeer(t, "testdata/ruby", "ruby", "rails_peer.rb")
	var hello struct{ Version string }
	peer.ask(t, nil, &hello)
	t.Logf("Rails %s", hello.Version)
	for _, app := range []struct{ version, digest string }{{"6.1", "SHA1"}, {"7.0", "SHA256"}} {
		t.Run("load_defaults "+app.version, func(t *testing.T) {
			railsRealCases(t, peer, app.version, app.digest)
		})
	}
}

func railsRealCases(t *testing.T, peer *linePeer, version, digest string) {
	f := railsFormat(version)
	c := newRails(t, RailsOptions{Version: version})
	visit := func(t *testing.T, cookies Cookies, asked railsAsked) peerAnswer {
		t.Helper()
		if asked.Cookie == "" {
			asked.Cookie = railsCookie
		}
		if asked.Secret == "" {
			asked.Secret = railsSecret
		}
		if asked.Now == 0 {
			asked.Now = testNow.Unix()
		}
		asked.Header, asked.Digest = cookieHeader(cookies), digest
		var answer peerAnswer
		peer.ask(t, asked, &answer)
		return answer
	}
	sample := f.sample
	maps.Copy(sample, railsSignedIn())
	delete(sample, "nothing") // which Rails drops
	ours := mustEncode(t, c, sample, testNow)

	t.Run("the app reads ours", func(t *testing.T) {
		answer := visit(t, ours, railsAsked{})
		if answer.name() != "42" {
			t.Errorf("the app takes the person for %q", answer.name())
		}
		got := answer.data(t)
		if id, _ := got["session_id"].(string); len(id) != 32 {
			t.Errorf("session_id: %q", id)
		}
		delete(got, "session_id")
		if diff := cmp.Diff(sample, got); diff != "" {
			t.Errorf("(-given +seen by the app):\n%s", diff)
		}
	})
	t.Run("we read what the app changed", func(t *testing.T) {
		answer := visit(t, ours, railsAsked{Change: `session["list"] = [1, 2.0, nil, {a: "é & <"}]; session.delete("text")`})
		want := maps.Clone(sample)
		want["list"] = []any{int64(1), 2.0, nil, map[string]any{"a": "é & <"}}
		delete(want, "text")
		if diff := cmp.Diff(want, f.decode(t, c, answer.Set, testNow)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("we read the app's own", func(t *testing.T) {
		answer := visit(t, nil, railsAsked{Change: `session["a"] = {"b" => [true, false]}`})
		if diff := cmp.Diff(Data{"a": map[string]any{"b": []any{true, false}}}, f.decode(t, c, answer.Set, testNow)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the end of a session", func(t *testing.T) {
		cookies, err := c.Encode(t.Context(), sample, Times{Now: testNow, Expires: testNow.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		if got := visit(t, cookies, railsAsked{Now: testNow.Unix() + 59}).name(); got != "42" {
			t.Errorf("a second before: %q", got)
		}
		if got := visit(t, cookies, railsAsked{Now: testNow.Unix() + 60}).name(); got != "" {
			t.Errorf("at the end: %q", got)
		}
		theirs := visit(t, nil, railsAsked{Change: `session["a"] = 1`, ExpireAfter: 60}).Set
		f.decode(t, c, theirs, testNow.Add(59*time.Second))
		wantForeign(t, c, theirs, testNow.Add(60*time.Second))
	})
	t.Run("other secrets and names", func(t *testing.T) {
		for name, got := range map[string]string{
			"secret": visit(t, ours, railsAsked{Secret: "another"}).name(),
			"name":   visit(t, Cookies{"_other": ours[railsCookie]}, railsAsked{Cookie: "_other"}).name(),
		} {
			if got != "" {
				t.Errorf("another %s: %q", name, got)
			}
		}
		theirs := visit(t, nil, railsAsked{Change: `session["a"] = 1`, Cookie: "_other"}).Set
		wantForeign(t, c, Cookies{railsCookie: theirs["_other"]}, testNow)
	})
	t.Run("rotation", func(t *testing.T) {
		rotated := newRails(t, RailsOptions{Version: version, Secrets: []string{"the new one", railsSecret}})
		asked := railsAsked{Secret: "the new one", OldSecrets: []string{railsSecret}}
		for name, cookies := range map[string]Cookies{"before": ours, "after": mustEncode(t, rotated, sample, testNow)} {
			answer := visit(t, cookies, asked)
			if answer.name() != "42" {
				t.Errorf("%s: %q", name, answer.name())
			}
			f.decode(t, rotated, cookies, testNow)
		}
		again := asked
		again.Change = `session["a"] = 1`
		if got := f.decode(t, rotated, visit(t, ours, again).Set, testNow); got["a"] != int64(1) || got[railsDevise] == nil {
			t.Errorf("what the app writes anew: %v", got)
		}
	})
	t.Run("serializers", func(t *testing.T) {
		if got := visit(t, ours, railsAsked{Serializer: "hybrid"}).name(); got != "42" {
			t.Errorf("hybrid: %q", got)
		}
		f.decode(t, c, visit(t, ours, railsAsked{Serializer: "hybrid", Change: `session["a"] = 1`}).Set, testNow)
		wantForeign(t, c, visit(t, nil, railsAsked{Serializer: "marshal", Change: `session["a"] = 1`}).Set, testNow)
	})
	t.Run("cookies without a purpose", func(t *testing.T) {
		off := false
		if got := visit(t, ours, railsAsked{Metadata: &off}).name(); got != "42" {
			t.Errorf("ours in such an app: %q", got)
		}
		wantForeign(t, c, visit(t, nil, railsAsked{Metadata: &off, Change: `session["a"] = 1`}).Set, testNow)
	})
}

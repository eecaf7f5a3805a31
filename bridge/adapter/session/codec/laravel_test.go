package codec

import (
	stdcmp "cmp"
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
	laravelSecret = "base64:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	laravelCookie = "laravel_session"
	// laravelLogin is where SessionGuard "web" keeps the user's ID.
	laravelLogin = "login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d"
)

func newLaravel(tb testing.TB, o LaravelOptions) Codec {
	tb.Helper()
	if o.Secrets == nil {
		o.Secrets = []string{laravelSecret}
	}
	c, err := NewLaravel(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func laravelSignedIn() Data {
	return Data{laravelLogin: int64(42), "cart": map[string]any{"n": 2.0, "z": nil, "t": "Zoë <&>"}}
}

// laravelFlash is what Store adds to every session.
func laravelFlash(d Data) Data {
	d = maps.Clone(d)
	d["_flash"] = map[string]any{"old": []any{}, "new": []any{}}
	return d
}

// TestLaravelVectors reads what Laravel itself wrote, at testNow and for an hour.
func TestLaravelVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/php/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		By, Cipher, Secret string
		Encrypt            bool
		Cookies            Cookies
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	f := laravelFormat("", LaravelOptions{})
	for _, v := range vectors {
		t.Run(v.By+" "+v.Cipher, func(t *testing.T) {
			c := newLaravel(t, LaravelOptions{Secrets: []string{v.Secret}, Cipher: v.Cipher, Encrypt: v.Encrypt})
			if diff := cmp.Diff(laravelFlash(laravelSignedIn()), f.decode(t, c, v.Cookies, testNow.Add(time.Hour))); diff != "" {
				t.Error(diff)
			}
			wantForeign(t, c, v.Cookies, testNow.Add(time.Hour+time.Second))
			wantForeign(t, newLaravel(t, LaravelOptions{Secrets: []string{v.Secret}, Cipher: v.Cipher, Encrypt: !v.Encrypt}), v.Cookies, testNow)
		})
	}
}

func TestLaravelExpiry(t *testing.T) {
	for name, test := range map[string]struct {
		maxAge  time.Duration
		expires time.Time
		want    time.Time
	}{
		"as told":            {0, testNow.Add(time.Minute), testNow.Add(time.Minute)},
		"as told, not asked": {time.Hour, testNow.Add(time.Minute), testNow.Add(time.Minute)},
		"as set":             {time.Hour, time.Time{}, testNow.Add(time.Hour)},
		"by default":         {0, time.Time{}, testNow.Add(2 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			c := newLaravel(t, LaravelOptions{MaxAge: test.maxAge})
			cookies, err := c.Encode(t.Context(), Data{"a": "b"}, Times{Now: testNow, Expires: test.expires})
			if err != nil {
				t.Fatal(err)
			}
			laravelFormat("", LaravelOptions{}).decode(t, c, cookies, test.want)
			wantForeign(t, c, cookies, test.want.Add(time.Second))
		})
	}
}

func TestLaravelOwnsCookies(t *testing.T) {
	c := newLaravel(t, LaravelOptions{Cookie: "app_session"}).(Owner)
	for name, want := range map[string]bool{
		"app_session": true, strings.Repeat("aZ09", 10): true,
		"": false, "app_sessions": false, strings.Repeat("a", 39): false, strings.Repeat("a", 41): false,
		strings.Repeat("a", 39) + "-": false, strings.Repeat("ä", 20): false, "remember_web_59ba36addc2b2f9401580f014c7f": false,
	} {
		if got := c.OwnsCookie(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
	for range 100 {
		if id := laravelRandom(); !laravelIsID(id) {
			t.Errorf("%q is no ID", id)
		}
	}
}

func TestLaravelAttacksWithTheRightSecret(t *testing.T) {
	c := newLaravel(t, LaravelOptions{})
	l, id := c.(*laravel), strings.Repeat("a", 40)
	with := func(id, session string) Cookies {
		return Cookies{laravelCookie: l.seal(laravelCookie, []byte(id)), id: l.seal(id, []byte(session))}
	}
	const whole = `{"data":"a:1:{s:1:\"a\";N;}","expires":1700000000}`
	if _, err := c.Decode(t.Context(), with(id, whole), Times{Now: testNow}); err != nil {
		t.Fatal(err)
	}
	swapped := with(id, whole)
	swapped[laravelCookie], swapped[id] = swapped[id], swapped[laravelCookie]
	other := with(strings.Repeat("b", 40), whole)
	for name, cookies := range map[string]Cookies{
		"ended":                    with(id, `{"data":"a:0:{}","expires":1699999999}`),
		"without an end":           with(id, `{"data":"a:0:{}"}`),
		"end is null":              with(id, `{"data":"a:0:{}","expires":null}`),
		"end is text":              with(id, `{"data":"a:0:{}","expires":"9"}`),
		"without data":             with(id, `{"expires":1700000000}`),
		"data is not text":         with(id, `{"data":[],"expires":1700000000}`),
		"more than Laravel writes": with(id, `{"data":"a:0:{}","expires":1700000000,"x":1}`),
		"written twice":            with(id, whole+whole),
		"no JSON":                  with(id, `a:0:{}`),
		"nothing":                  with(id, ``),
		"reference in it":          with(id, `{"data":"a:2:{s:1:\"a\";i:1;s:1:\"b\";R:2;}","expires":1700000000}`),
		"enumeration in it":        with(id, `{"data":"a:1:{s:1:\"a\";E:3:\"A:B\";}","expires":1700000000}`),
		"object of no class":       with(id, `{"data":"a:1:{s:1:\"a\";O:0:\"\":0:{}}","expires":1700000000}`),
		"object cut short":         with(id, `{"data":"a:1:{s:1:\"a\";O:8:\"stdClass\":1:{}}","expires":1700000000}`),
		"class longer than it is":  with(id, `{"data":"a:1:{s:1:\"a\";O:9:\"stdClass\":0:{}}","expires":1700000000}`),
		"session is an object":     with(id, `{"data":"O:8:\"stdClass\":0:{}","expires":1700000000}`),
		"ID is short":              with("short", whole),
		"ID has other characters":  with(strings.Repeat("a", 39)+"_", whole),
		"ID is the cookie's name":  with(laravelCookie, whole),
		"cookies swapped":          swapped,
		"another session's data":   {laravelCookie: with(id, whole)[laravelCookie], id: other[strings.Repeat("b", 40)]},
		"only the data":            {id: with(id, whole)[id]},
		"only the ID":              {laravelCookie: with(id, whole)[laravelCookie]},
		"data without a prefix":    {laravelCookie: with(id, whole)[laravelCookie], id: base64Escape(l.crypt.seal([]byte(whole)))},
	} {
		t.Run(name, func(t *testing.T) { wantForeign(t, c, cookies, testNow) })
	}
	many := with(id, whole)
	for i := range 100 {
		name := strings.Repeat(string(rune('A'+i%26)), 39) + string(rune('0'+i%10))
		many[name] = l.seal(name, []byte(whole))
	}
	if _, err := c.Decode(t.Context(), many, Times{Now: testNow}); err != nil {
		t.Errorf("beside cookies of earlier sessions: %v", err)
	}
}

func TestLaravelOneTextPerPayload(t *testing.T) {
	change := func(t *testing.T, text string, with func(p *laravelPayload)) string {
		t.Helper()
		var p laravelPayload
		b, err := decodeBase64(base64Std, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &p); err != nil {
			t.Fatal(err)
		}
		with(&p)
		if b, err = json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		return base64Std.EncodeToString(b)
	}
	for name, test := range map[string]struct {
		cipher string
		with   func(p *laravelPayload)
	}{
		"CBC with a tag":     {"AES-256-CBC", func(p *laravelPayload) { p.Tag = "AAAA" }},
		"CBC without a MAC":  {"AES-256-CBC", func(p *laravelPayload) { p.MAC = "" }},
		"CBC, uppercase MAC": {"AES-256-CBC", func(p *laravelPayload) { p.MAC = strings.ToUpper(p.MAC) }},
		"GCM with a MAC":     {"AES-256-GCM", func(p *laravelPayload) { p.MAC = "0" }},
		"GCM without a tag":  {"AES-256-GCM", func(p *laravelPayload) { p.Tag = "" }},
		"GCM, text in the tag": {"AES-256-GCM", func(p *laravelPayload) {
			text, _ := decodeBase64(base64Std, p.Value)
			tag, _ := decodeBase64(base64Std, p.Tag)
			p.Value, p.Tag = base64Std.EncodeToString(text[:4]), base64Std.EncodeToString(append(text[4:], tag...))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			crypt := newLaravel(t, LaravelOptions{Cipher: test.cipher}).(*laravel).crypt
			text := crypt.seal([]byte("a secret"))
			same := change(t, text, func(*laravelPayload) {})
			if plain, _, err := crypt.open(same); err != nil || string(plain) != "a secret" {
				t.Fatalf("%q, %v", plain, err)
			}
			if plain, _, err := crypt.open(change(t, text, test.with)); err == nil {
				t.Errorf("opened: %q", plain)
			}
		})
	}
}

// laravelAsked is a visit at testdata/php/laravel_peer.php.
type laravelAsked struct {
	Header  string `json:"header"`
	Cookie  string `json:"cookie"`
	Secret  string `json:"secret"`
	Cipher  string `json:"cipher"`
	Encrypt bool   `json:"encrypt"`
	// Serialization is that of LaravelOptions.
	Serialization string `json:"serialization"`
	Lifetime      int    `json:"lifetime"` // minutes
	// Change is PHP for what the app does to its $session.
	Change string `json:"change,omitempty"`
	Now    int64  `json:"now"`
}

// TestLaravelReal runs Laravel as Debian has it, or that of the autoload.php that
// SSOBRIDGE_LARAVEL names.
func TestLaravelReal(t *testing.T) {
	autoload := stdcmp.Or(os.Getenv("SSOBRIDGE_LARAVEL"), "/usr/share/php/Illuminate/autoload.php")
	_, err := os.Stat(autoload)
	if _, noPHP := exec.LookPath("php"); err != nil || noPHP != nil {
		requireReal(t, "PHP with Laravel", "php-cli php-laravel-framework")
	}
	peer := startLinePeer(t, "testdata/php", "php", "laravel_peer.php", autoload)
	var hello struct {
		Version string
		JSON    bool
	}
	peer.ask(t, nil, &hello)
	t.Logf("Laravel %s", hello.Version)
	const key16 = "base64:MDEyMzQ1Njc4OWFiY2RlZg=="
	for name, o := range map[string]LaravelOptions{
		"defaults": {}, "encrypted": {Encrypt: true}, "AES-128": {Secrets: []string{key16}, Cipher: "AES-128-CBC"},
		"GCM": {Cipher: "AES-256-GCM"}, "AES-128 GCM, encrypted": {Secrets: []string{key16}, Cipher: "AES-128-GCM", Encrypt: true},
		"plain key": {Secrets: []string{"0123456789abcdef0123456789abcdef"}},
		"JSON":      {Serialization: "json"}, "JSON, encrypted": {Serialization: "json", Encrypt: true},
	} {
		t.Run(name, func(t *testing.T) {
			if o.Serialization == "json" && !hello.JSON {
				t.Skipf("Laravel %s has only PHP's serialization; 9 and later have both", hello.Version)
			}
			laravelRealCases(t, peer, o)
		})
	}
}

func laravelRealCases(t *testing.T, peer *linePeer, o LaravelOptions) {
	if o.Secrets == nil {
		o.Secrets = []string{laravelSecret}
	}
	if o.Cipher == "" {
		o.Cipher = "AES-256-CBC"
	}
	visit := func(t *testing.T, cookies Cookies, asked laravelAsked) peerAnswer {
		t.Helper()
		if asked.Cookie == "" {
			asked.Cookie = laravelCookie
		}
		if asked.Secret == "" {
			asked.Secret = o.Secrets[0]
		}
		if asked.Now == 0 {
			asked.Now = testNow.Unix()
		}
		if asked.Lifetime == 0 {
			asked.Lifetime = 120
		}
		asked.Header, asked.Cipher, asked.Encrypt = cookieHeader(cookies), o.Cipher, o.Encrypt
		asked.Serialization = stdcmp.Or(o.Serialization, "php")
		var answer peerAnswer
		peer.ask(t, asked, &answer)
		return answer
	}
	f, c := laravelFormat("", o), newLaravel(t, o)
	sample := laravelSignedIn()
	maps.Copy(sample, Data{"_ssobridge": "1.bWFj", "roles": []any{"admin", int64(1), []any{}}, "pi": 3.5})
	if !o.Encrypt { // there is little room otherwise
		sample = f.sample
		maps.Copy(sample, laravelSignedIn())
	}
	if o.Serialization == "json" { // of PHP, which writes no object without members, and no point
		sample = Data{laravelLogin: int64(42), "cart": map[string]any{"n": 2.5, "z": nil, "t": "Zoë <&>"}, "roles": []any{"a"}}
	}
	ours := mustEncode(t, c, sample, testNow)

	t.Run("the app reads ours", func(t *testing.T) {
		answer := visit(t, ours, laravelAsked{})
		if answer.name() != "42" {
			t.Errorf("the app takes the person for %q", answer.name())
		}
		d, err := c.Decode(t.Context(), ours, Times{Now: testNow})
		if diff := cmp.Diff(d, answer.data(t)); err != nil || diff != "" {
			t.Errorf("%v (-given +seen by the app):\n%s", err, diff)
		}
		again := visit(t, answer.Set, laravelAsked{})
		if got := again.data(t)["_token"]; again.name() != "42" || got != d["_token"] {
			t.Errorf("next: %q, %v", again.name(), got)
		}
	})
	t.Run("we read what the app changed", func(t *testing.T) {
		answer := visit(t, ours, laravelAsked{Change: `$session->put('list', [1, 2.5, null, ['a' => 'é & <', 5 => true]]); $session->forget('roles');`})
		want := laravelFlash(sample)
		want["list"] = []any{int64(1), 2.5, nil, map[string]any{"a": "é & <", "5": true}}
		delete(want, "roles")
		if diff := cmp.Diff(want, f.decode(t, c, answer.Set, testNow)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("we read the app's own", func(t *testing.T) {
		answer := visit(t, nil, laravelAsked{Change: `$guard->loginUsingId(7); $session->flash('status', 'saved');`})
		d := f.decode(t, c, answer.Set, testNow)
		if d[laravelLogin] != int64(7) || d["status"] != "saved" {
			t.Errorf("%v", d)
		}
	})
	t.Run("a new ID", func(t *testing.T) {
		answer := visit(t, ours, laravelAsked{Change: `$session->regenerate(true);`})
		if _, ok := answer.Set[laravelCookie]; !ok || len(answer.Set) != 2 {
			t.Fatalf("%d cookies set", len(answer.Set))
		}
		all := maps.Clone(ours)
		maps.Copy(all, answer.Set)
		if d := f.decode(t, c, all, testNow); d[laravelLogin] != int64(42) {
			t.Errorf("%v", d)
		}
	})
	t.Run("the end of a session", func(t *testing.T) {
		cookies, err := c.Encode(t.Context(), sample, Times{Now: testNow, Expires: testNow.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		if got := visit(t, cookies, laravelAsked{Now: testNow.Unix() + 60}).name(); got != "42" {
			t.Errorf("at the end: %q", got)
		}
		if got := visit(t, cookies, laravelAsked{Now: testNow.Unix() + 61}).name(); got != "" {
			t.Errorf("a second after: %q", got)
		}
		theirs := visit(t, nil, laravelAsked{Lifetime: 1}).Set
		f.decode(t, c, theirs, testNow.Add(time.Minute))
		wantForeign(t, c, theirs, testNow.Add(61*time.Second))
	})
	t.Run("other secrets and names", func(t *testing.T) {
		secret := strings.Repeat("x", len(c.(*laravel).crypt.keys[0].raw))
		renamed := maps.Clone(ours)
		renamed["other_session"] = ours[laravelCookie]
		for name, got := range map[string]string{
			"secret": visit(t, ours, laravelAsked{Secret: secret}).name(),
			"name":   visit(t, renamed, laravelAsked{Cookie: "other_session"}).name(),
		} {
			if got != "" {
				t.Errorf("another %s: %q", name, got)
			}
		}
		before := o
		before.Secrets = []string{secret, o.Secrets[0]}
		f.decode(t, newLaravel(t, before), visit(t, ours, laravelAsked{}).Set, testNow) // APP_PREVIOUS_KEYS
	})
	t.Run("objects", func(t *testing.T) {
		// What Laravel flashes after a form that was filled in wrongly.
		d := f.decode(t, c, visit(t, ours, laravelAsked{Change: `$bag = new Illuminate\Support\ViewErrorBag; $bag->put('default', new Illuminate\Support\MessageBag(['email' => ['Required']])); $session->put('errors', $bag); $session->put('kept', 'yes');`}).Set, testNow)
		if d["kept"] != "yes" || d["errors"] == nil {
			t.Errorf("read as %v", d)
		}
	})
}

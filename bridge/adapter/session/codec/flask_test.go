package codec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFlaskVector(t *testing.T) {
	c := pyFormats[0].must(t, testSecret).(*flask)
	const (
		payload = "eyJfdXNlcl9pZCI6IjQyIiwiX2ZyZXNoIjp0cnVlLCJlbWFpbCI6ImFsaWNlQGV4YW1wbGUuY29tIiwicm9sZXMiOlsiYWRtaW4iLCJkZXYiXX0"
		value   = payload + ".ZVPxAA.mIyUOdFoRnjisKazSNEkWUQcbsE"
	)
	want := Data{"_user_id": "42", "_fresh": true, "email": "alice@example.com", "roles": []any{"admin", "dev"}}
	if diff := cmp.Diff(want, mustDecode(t, c, Cookies{"session": value}, testNow)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The stamp that is written is that much older.
	if got, err := c.signer.sign(payload, testNow.Add(itsdangerousSkew)); got != value || err != nil {
		t.Errorf("sign = %s, %v", got, err)
	}
	// The members of the vector are not sorted, as those of Flask's own JSON are.
	got := mustEncode(t, c, Data{"_user_id": "42", "_fresh": true}, testNow.Add(itsdangerousSkew))
	if want := base64URL.EncodeToString([]byte(`{"_fresh":true,"_user_id":"42"}`)) + ".ZVPxAA."; got["session"][:len(want)] != want {
		t.Errorf("%s", got["session"])
	}
}

// flaskTagged are the values that Flask tags, as Python and as Decode has them.
var flaskTagged = []struct {
	python string
	want   any
}{
	{`(1, "a")`, map[string]any{" t": []any{int64(1), "a"}}},
	{`()`, map[string]any{" t": []any{}}},
	{`[("message", "Hello")]`, []any{map[string]any{" t": []any{"message", "Hello"}}}},
	{`b"\x00\xff"`, map[string]any{" b": "AP8="}},
	{`__import__("markupsafe").Markup("<b>")`, map[string]any{" m": "<b>"}},
	{`__import__("uuid").UUID(int=10)`, map[string]any{" u": "0000000000000000000000000000000a"}},
	{`__import__("datetime").datetime(2023, 11, 14, 22, 13, 20)`, map[string]any{" d": "Tue, 14 Nov 2023 22:13:20 GMT"}},
	{`{" t": [1]}`, map[string]any{" t": []any{int64(1)}}},
	{`{" t": (1, {" m": b""})}`, map[string]any{" t": map[string]any{" t": []any{int64(1), map[string]any{" m": map[string]any{" b": ""}}}}}},
	{`{" di": {" t__": 1}}`, map[string]any{" di": map[string]any{" t__": int64(1)}}},
	{`{" t": 1, "b": 2}`, map[string]any{" t": int64(1), "b": int64(2)}},
	{`{" od": [1]}`, map[string]any{" od": []any{int64(1)}}},
}

func TestFlaskTagsThatFlaskCannotRead(t *testing.T) {
	f := pyFormats[0]
	c := f.must(t, testSecret)
	for _, text := range []string{
		`{" t":[]}`, `{" b":""}`, `{" m":""}`, // no dict
		`{"a":{" t":1}}`, `{"a":{" t":{}}}`, `{"a":{" b":1}}`, `{"a":{" b":"!"}}`, `{"a":{" b":"YQ"}}`, `{"a":{" b":"YR=="}}`,
		`{"a":{" m":1}}`, `{"a":{" u":"x"}}`, `{"a":{" u":1}}`, `{"a":{" d":1}}`,
		`{"a":{" di":1}}`, `{"a":{" di":{}}}`, `{"a":{" di":[]}}`, `{"a":{" di":{"a":1}}}`, `{"a":{" di":{" t":[1]}}}`,
		`{"a":{" di":{"a__":1,"b__":2}}}`, `{"a":{" di":{"a__":{" t":1}}}}`, `{"a":[{" t":1}]}`, `{"a":{"b":{" t":1}}}`,
	} {
		wantForeign(t, c, f.holding(t, c, f.wrap([]byte(text))), testNow)
	}
}

// TestFlaskSessionLooksLikeATag: a session whose one member has a tag's name.
func TestFlaskSessionLooksLikeATag(t *testing.T) {
	c := pyFormats[0].must(t, testSecret)
	for _, d := range []Data{{" t": []any{}}, {" di": map[string]any{"a__": "b"}}, {" di": map[string]any{" t__": []any{}}}} {
		if diff := cmp.Diff(d, mustDecode(t, c, mustEncode(t, c, d, testNow), testNow)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestFlaskClaimBecomesNoMarkup: what the app would not escape in its pages is never
// made of an object that looks like it.
func TestFlaskClaimBecomesNoMarkup(t *testing.T) {
	c := pyFormats[0].must(t, testSecret)
	for tag, want := range map[string]string{
		" m":  `{"claim":{" di":{" m__":"<script>"}}}`,
		" di": `{"claim":{" di":{" di__":"<script>"}}}`,
		" od": `{"claim":{" di":{" od__":"<script>"}}}`, // a tag of the app's own
		"m":   `{"claim":{"m":"<script>"}}`,
	} {
		cookies := mustEncode(t, c, Data{"claim": map[string]any{tag: "<script>"}}, time.Now())
		if text := flaskText(t, c, cookies["session"]); text != want {
			t.Errorf("%s; want %s", text, want)
		}
	}
}

func startFlask(t *testing.T, secrets ...string) *pyPeer {
	t.Helper()
	return startPyPeer(t, "flask_peer", "flask, flask_login", "python3-flask python3-flask-login", secrets...)
}

func TestRealFlask(t *testing.T) {
	t.Parallel()
	peer, c := startFlask(t, testSecret), pyFormats[0].must(t, testSecret)
	t.Run("signs in", func(t *testing.T) { testRealFlask(t, peer, c) })
	t.Run("writes the same", func(t *testing.T) { testRealFlaskWritesTheSame(t, peer, c) })
	t.Run("agrees", func(t *testing.T) { pyAgrees(t, pyFormats[0], peer) })
}

func testRealFlask(t *testing.T, peer *pyPeer, c Codec) {
	t.Helper()
	now := time.Now()
	d := pySample()

	// What is written, Flask reads and takes for a login, with every type.
	cookies := mustEncode(t, c, d, now)
	a := peer.visitOne(t, cookies, "")
	if a.name() != "42" {
		t.Errorf("signed in as %q", a.name())
	}
	d["_fresh"] = false // by Flask-Login, for want of an "_id"
	pyWantSession(t, d, a, "_fresh")
	// It may rewrite the session: what it does not touch is still there.
	got := mustDecode(t, c, a.Set, now)
	if diff := cmp.Diff(d, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a = peer.visitOne(t, mustEncode(t, c, d, now), `session["_flashes"] = [("message", "Hello")]`)
	got = mustDecode(t, c, a.Set, now)
	d["_flashes"] = flaskTagged[2].want
	if diff := cmp.Diff(d, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// What Flask tags.
	for _, test := range flaskTagged {
		a := peer.visitOne(t, cookies, "session.clear(); session['a'] = "+test.python)
		if diff := cmp.Diff(Data{"a": test.want}, mustDecode(t, c, a.Set, now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.python, diff)
		}
	}
	for _, python := range []string{`float("inf")`, `2**63`, `"\ud800"`, `[float("nan")]`} {
		a := peer.visitOne(t, cookies, "session['a'] = "+python)
		wantForeign(t, c, a.Set, now)
	}

	// Compression, both ways.
	long := Data{"_user_id": "42", "text": "compress me " + noise(100)}
	for range 6 {
		long["text"] = long["text"].(string) + long["text"].(string)
	}
	a = peer.visitOne(t, mustEncode(t, c, long, now), "session['b'] = 1")
	pyWantSession(t, long, a)
	long["_fresh"], long["b"] = false, int64(1)
	if diff := cmp.Diff(long, mustDecode(t, c, a.Set, now)); diff != "" {
		t.Error(diff)
	}
	// A session of one member that looks like a tag is still a session.
	a = peer.visitOne(t, mustEncode(t, c, Data{" t": []any{}}, now), "")
	pyWantSession(t, Data{" t": []any{}}, a)
}

// flaskText is the JSON in a cookie.
func flaskText(t *testing.T, c Codec, value string) string {
	t.Helper()
	payload, err := c.(*flask).signer.unsign(value, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.(*flask).packer.unpack(payload)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testRealFlaskWritesTheSame: JSON is the same to the byte.
func testRealFlaskWritesTheSame(t *testing.T, peer *pyPeer, c Codec) {
	t.Helper()
	d := pySample()
	// Escaped, although this Flask knows no tags of these names.
	delete(d, "theirs")
	delete(d, "escaped")
	d["_fresh"] = false
	cookies := mustEncode(t, c, d, time.Now())
	a := peer.visitOne(t, cookies, "session.modified = True")
	if got, want := flaskText(t, c, a.Set["session"]), flaskText(t, c, cookies["session"]); got != want {
		t.Errorf("Flask writes\n%s\nand this codec\n%s", got, want)
	}
}

func TestRealFlaskFallbacks(t *testing.T) {
	t.Parallel()
	peer := startFlask(t, "the new secret", testSecret)
	before, after := pyFormats[0].must(t, testSecret), pyFormats[0].must(t, "the new secret", testSecret)
	for _, c := range []Codec{before, after} {
		a := peer.visitOne(t, mustEncode(t, c, Data{"_user_id": "42"}, time.Now()), "")
		if a.name() != "42" {
			t.Errorf("signed in as %q", a.name())
		}
		mustDecode(t, after, a.Set, time.Now())
		wantForeign(t, before, a.Set, time.Now())
	}
}

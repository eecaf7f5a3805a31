package codec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStarletteVector(t *testing.T) {
	c := pyFormats[1].must(t, testSecret)
	const value = "eyJ1c2VyIjogImFsaWNlIn0=.ZVPxAA.MHUie6XCRMYxBN3arCPqlTMzP-k"
	d := Data{"user": "alice"}
	if diff := cmp.Diff(d, mustDecode(t, c, Cookies{"session": value}, testNow)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The stamp that is written is that much older.
	if got := mustEncode(t, c, d, testNow.Add(itsdangerousSkew)); got["session"] != value {
		t.Errorf("%v", got)
	}
}

func startStarlette(t *testing.T) *pyPeer {
	t.Helper()
	return startPyPeer(t, "starlette_peer", "starlette, itsdangerous", "python3-starlette python3-itsdangerous", testSecret)
}

func TestRealStarlette(t *testing.T) {
	t.Parallel()
	peer := startStarlette(t)
	t.Run("signs in", func(t *testing.T) { testRealStarlette(t, peer, pyFormats[1].must(t, testSecret)) })
	t.Run("agrees", func(t *testing.T) { pyAgrees(t, pyFormats[1], peer) })
}

func testRealStarlette(t *testing.T, peer *pyPeer, c Codec) {
	t.Helper()
	now := time.Now()
	d := pySample()
	d["user"] = "alice"
	cookies := mustEncode(t, c, d, now)
	a := peer.visitOne(t, cookies, `session["cart"] = {"items": [(1, 2.0), None]}; del session["pi"]`)
	if a.name() != "alice" {
		t.Errorf("signed in as %q", a.name())
	}
	pyWantSession(t, d, a)
	delete(d, "pi")
	d["cart"] = map[string]any{"items": []any{[]any{int64(1), 2.0}, nil}}
	if diff := cmp.Diff(d, mustDecode(t, c, a.Set, now)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// To the byte, but for the stamp: what the app did not touch, Starlette writes again.
	a = peer.visitOne(t, cookies, "")
	if got, want := starlettePayload(t, c, a.Set), starlettePayload(t, c, cookies); got != want {
		t.Errorf("Starlette writes\n%s\nand this codec\n%s", got, want)
	}
	for _, python := range []string{`float("inf")`, `2**63`, `"\ud800"`, `[float("nan")]`} {
		wantForeign(t, c, peer.visitOne(t, cookies, "session['a'] = "+python).Set, now)
	}
}

func starlettePayload(t *testing.T, c Codec, cookies Cookies) string {
	t.Helper()
	payload, err := c.(*starlette).signer.unsign(cookies["session"], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := decodeBase64(base64Std, payload)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/session"
)

// TestCompromisedAppSetsTheSealLater: also in an answer that says nothing of the
// session that is there.
func TestCompromisedAppSetsTheSealLater(t *testing.T) {
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		for _, line := range []string{
			session.SealName + "=evil; Path=/; Secure", " " + session.SealName + " =evil", "__Host-session=evil", "=session=evil", "session", "session=a\x01b",
		} {
			t.Run(string(deliver)+"/"+line, func(t *testing.T) {
				w := newWorld(t, adapter.SessionPlan{Deliver: deliver})
				ann := w.in("ann", "Viewer")
				w.visit(ann)
				v, err := w.app.Find(context.Background(), ann, w.cookieLines())
				if err != nil {
					t.Fatal(err)
				}
				h := http.Header{"Set-Cookie": {line, "theme=dark"}}
				if err := v.Answer(context.Background(), http.StatusOK, h); err != nil {
					t.Fatal(err)
				}
				if got := h["Set-Cookie"]; !slices.Equal(got, []string{"theme=dark"}) {
					t.Errorf("the browser is told %q", got)
				}
			})
		}
	}
}

// TestBytesOfACookieAreKept that no text has: JSON would change them.
func TestBytesOfACookieAreKept(t *testing.T) {
	const value = "\xff\xc3(<&>\u2028\"x\\"
	w := newWorld(t, adapter.SessionPlan{Deliver: adapter.DeliverUpstream})
	ann := w.in("ann", "Viewer")
	w.visit(ann, "session="+value)
	if got := w.visit(ann); got != "session="+value {
		t.Errorf("the app receives %q", got)
	}
}

// TestRemovalsOfOldFrameworks: otherwise the browser is given what the app calls
// "deleted", under a seal.
func TestRemovalsOfOldFrameworks(t *testing.T) {
	for _, expires := range []string{
		"Wed, 31-Dec-97 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 -0000", "Thu, 01-Jan-1970 00:00:00 GMT", "Thursday, 01-Jan-70 00:00:00 GMT", "Thu Jan  1 00:00:00 1970",
	} {
		t.Run(expires, func(t *testing.T) {
			w := newWorld(t, adapter.SessionPlan{})
			ann := w.in("ann", "Viewer")
			w.visit(ann)
			w.visit(ann, `session="deleted"; Path=/; Expires=`+expires)
			if len(w.jar) != 0 {
				t.Errorf("the browser still has %v", w.jar)
			}
		})
	}
}

// TestAttributesCannotBeAdded by values, quotes and attributes that are read in other
// ways elsewhere.
func TestAttributesCannotBeAdded(t *testing.T) {
	for _, plain := range []bool{false, true} {
		for _, line := range []string{
			`session="v; Domain=example.com"`, "session=v;Domain=example.com", "session=v; domain = .example.com; Partitioned", "session=v; Path=/x\x00; Domain=example.com",
			"session=v; Path=/a,Domain=example.com", "session=v; SameSite=None", "session=v; Max-Age=1; Path=\"/; HttpOnly\"", "session=v; Secure=0; HttpOnly=false",
			" session = v ; Domain=example.com", "session=v; Path=//evil.example.com", "session=v, other=w; Domain=example.com",
		} {
			t.Run(line, func(t *testing.T) {
				w := newWorld(t, adapter.SessionPlan{PlainNames: plain})
				v, err := w.app.Find(context.Background(), w.in("ann", "Viewer"), nil)
				if err != nil {
					t.Fatal(err)
				}
				h := http.Header{"Set-Cookie": {line}}
				if err := v.Answer(context.Background(), http.StatusOK, h); err != nil {
					t.Fatal(err)
				}
				for _, told := range h["Set-Cookie"] {
					_, attributes, _ := strings.Cut(told, ";")
					if strings.Contains(attributes, "; Domain") || strings.Contains(attributes, "Partitioned") || strings.Contains(told, "SameSite=None") ||
						!strings.HasSuffix(told, "; HttpOnly; Secure; SameSite=Lax") || strings.ContainsAny(told, "\x00\r\n") {
						t.Errorf("the browser is told %q", told)
					}
				}
			})
		}
	}
}

// TestSignOutOfSomebodyWhoHasLostTheirRole: what sessions are bound to cannot be said
// any more, and there is nothing left of theirs all the same.
func TestSignOutOfSomebodyWhoHasLostTheirRole(t *testing.T) {
	for _, deliver := range []adapter.Delivery{adapter.DeliverBrowser, adapter.DeliverUpstream} {
		t.Run(string(deliver), func(t *testing.T) {
			w := newWorld(t, adapter.SessionPlan{Deliver: deliver})
			ann := w.in("ann", "Viewer")
			w.visit(ann)
			w.signer.refuse = true
			v, err := w.app.Look(context.Background(), ann, w.cookieLines())
			if !errors.Is(err, adapter.ErrUnsendable) || v == nil || len(v.Cookies()) != 0 {
				t.Fatalf("%+v, %v", v, err)
			}
			lines, err := v.End(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			w.take(lines)
			if len(w.jar) != 0 {
				t.Errorf("the browser still has %v", w.jar)
			}
			w.signer.refuse = false
			if got := w.visit(ann); got != "session=ann-2" {
				t.Errorf("the app receives %q", got)
			}
		})
	}
}

// TestSessionOfThePromotedIsNotTheDemoteds: the cookies of a role that somebody has no
// more are worth nothing, and those of the role before that are not longer-lived.
func TestSessionOfThePromotedIsNotTheDemoteds(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{})
	w.visit(w.in("ann", "Viewer"))
	viewer := w.cookieLines()
	w.now = noon.Add(time.Hour)
	w.visit(w.in("ann", "Admin"))
	admin := w.cookieLines()
	for _, step := range []struct {
		after   time.Duration
		cookies []string
		want    string
	}{
		{2 * time.Hour, admin, "session=ann-3"},
		{2 * time.Hour, viewer, "session=ann-1"},
		{2 * time.Hour, append(slices.Clone(admin), viewer...), "session=ann-1"},
		{8 * time.Hour, viewer, "session=ann-4"},
	} {
		w.now = noon.Add(step.after)
		v, err := w.app.Find(context.Background(), w.in("ann", "Viewer"), step.cookies)
		if err != nil || !slices.Equal(v.Cookies(), []string{step.want}) {
			t.Errorf("after %s, the app receives %q, %v; want %q", step.after, v.Cookies(), err, step.want)
		}
	}
}

// TestOnePersonWhoSignsOutOverAndOver does not use up the sign-ins of all others.
func TestOnePersonWhoSignsOutOverAndOver(t *testing.T) {
	w := newWorld(t, adapter.SessionPlan{Calls: true})
	for range 200 {
		v, err := w.app.Find(context.Background(), w.in("mallory", "Viewer"), nil)
		if errors.Is(err, session.ErrBusy) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.End(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if w.signer.starts > 20 {
		t.Errorf("the app was asked %d times", w.signer.starts)
	}
	if got := w.visit(w.in("ann", "Viewer")); !strings.HasPrefix(got, "session=ann-") {
		t.Errorf("the app receives %q", got)
	}
	w.now = w.now.Add(2 * time.Second)
	if _, err := w.app.Find(context.Background(), w.in("mallory", "Viewer"), nil); err != nil {
		t.Errorf("later, %v", err)
	}
}

// TestSealSaysNothingOfWhatItIsFor: the same person's, under two keys, have nothing in
// common that passwords could be tried against.
func TestSealSaysNothingOfWhatItIsFor(t *testing.T) {
	var seals [2][]byte
	for i := range seals {
		w := newWorld(t, adapter.SessionPlan{})
		w.visit(w.in("ann", "Viewer"))
		raw, err := base64.RawURLEncoding.DecodeString(w.jar[session.SealName])
		if err != nil {
			t.Fatal(err)
		}
		seals[i] = raw[9:] // behind version and end
	}
	for i := range len(seals[0]) - 4 {
		if bytes.Equal(seals[0][i:i+4], seals[1][i:i+4]) {
			t.Fatalf("bytes %d to %d are the same: %x", i, i+4, seals[0][i:i+4])
		}
	}
}

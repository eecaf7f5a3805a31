package realapps_test

import (
	"net/http"
	"regexp"
	"testing"
)

// TestRadicale: it is the one that showed why aliases matter. Alone, it signs in
// as Ann whoever sends X_Remote_User.
func TestRadicale(t *testing.T) {
	a := startRadicale(t)
	b := startBridge(t, "radicale")
	b.relay.pointAt(a.addr)
	testApp(t, b, a)

	t.Run("OwnCalendarsOnly", func(t *testing.T) {
		const calendar = "/ann%40example.com/meetings/"
		for _, try := range []struct {
			who    string
			b      *browser
			method string
			want   int
		}{
			{"Bob makes it in Ann's folder", b.browser(t, bob), "MKCALENDAR", http.StatusForbidden},
			{"Ann", b.browser(t, ann), "MKCALENDAR", http.StatusCreated},
			{"Bob deletes it", b.browser(t, bob), http.MethodDelete, http.StatusForbidden},
		} {
			if got := try.b.do(try.method, calendar, "", nil).status; got != try.want {
				t.Errorf("%s: status %d, want %d", try.who, got, try.want)
			}
		}
		// The alias, at what it would be used for.
		alias := http.Header{"X_Remote_User": {ann.Email}}
		if got := b.browser(t, bob).do("PROPFIND", calendar, "", alias).status; got != http.StatusForbidden {
			t.Errorf("Bob with X_Remote_User: Ann, through the bridge: status %d, want 403", got)
		}
		if got := newBrowser(t, a.addr).do("PROPFIND", calendar, "", alias).status; got != http.StatusMultiStatus {
			t.Errorf("X_Remote_User: Ann, to Radicale itself: status %d, want 207: is the trap gone?", got)
		}
	})
}

func startRadicale(t *testing.T) realApp {
	t.Helper()
	program := requireProgram(t, "radicale", "apt-get install radicale")
	addr, _ := freeAddr(t)
	dir := t.TempDir()
	write(t, dir, "config", edit(t, setupOf(t, "radicale"), "127.0.0.1:5232", addr)+
		"\n[storage]\nfilesystem_folder = "+dir+"/collections\n")
	start(t, dir, nil, program, "--config", dir+"/config").answers(t, addr, "/")
	return realApp{
		addr:   addr,
		whoami: radicaleUser,
		ann:    identity{User: "/ann%40example.com/"},
		bob:    identity{User: "/bob%40example.com/"},
		// Radicale is a WSGI app.
		believesAlias: true,
	}
}

var principal = regexp.MustCompile(`<current-user-principal>\s*<href>([^<]*)</href>`)

// radicaleUser is whose the request is in Radicale's own words (RFC 5397).
func radicaleUser(b *browser) identity {
	b.t.Helper()
	got := b.do("PROPFIND", "/", `<?xml version="1.0"?><propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>`,
		http.Header{"Depth": {"0"}})
	switch got.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nobody
	case http.StatusMultiStatus:
	default:
		b.t.Fatalf("PROPFIND: status %d: %s", got.status, got.body)
	}
	found := principal.FindStringSubmatch(got.body)
	if found == nil {
		b.t.Fatalf("PROPFIND: no principal in: %s", got.body)
	}
	return identity{User: found[1]}
}

package login

import (
	"net/http"
	"strings"
	"testing"
)

func TestJar(t *testing.T) {
	for _, tt := range []struct {
		name string
		// form and answer are what the two answers set; sent is the header between
		// them, and want the session.
		form, answer []string
		sent, want   string
	}{
		{"later wins", []string{"sid=1"}, []string{"sid=2", "sid=3"}, "sid=1", "3"},
		{"removed", []string{"sid=1; Path=/"}, []string{"sid=; Path=/; Max-Age=0"}, "sid=1", ""},
		{"removed by the past", []string{"sid=1; Path=/"}, []string{"sid=x; Path=/; Expires=Sun, 31 Jan 2027 12:00:00 GMT"}, "sid=1", ""},
		{"renewed", []string{"sid=1; Path=/"}, []string{"sid=; Path=/; Max-Age=0", "sid=2; Path=/"}, "sid=1", "2"},
		{"Max-Age before Expires", nil, []string{"sid=2; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, "", "2"},
		// Apps tidy up what an older version has set elsewhere.
		{"another path's removed", nil, []string{"sid=2; Path=/", "sid=; Path=/old; Max-Age=0"}, "", "2"},
		{"another domain's removed", nil, []string{"sid=2; Path=/", "sid=; Path=/; Domain=.example.com; Max-Age=0"}, "", "2"},
		{"the same domain's removed", nil, []string{"sid=2; Path=/; Domain=Example.com", "sid=; Path=/; Domain=.example.com; Max-Age=0"}, "", ""},
		{"below the form's path", []string{"sid=1; Path=/admin"}, nil, "", "1"},
		{"default path", []string{"sid=1"}, []string{"sid=; Path=/accounts; Max-Age=0"}, "sid=1", ""},
		{"path that is none", []string{"sid=1; Path=accounts"}, nil, "sid=1", "1"},
		{"more cookies", []string{"sid=1; Path=/", "csrf=x; Path=/"}, []string{"sid=2; Path=/"}, "csrf=x; sid=1", "2"},
		{"in quotes", []string{`sid="a,b"; Path=/`}, nil, `sid="a,b"`, `"a,b"`},
		{"as Python writes them", []string{`sid="a\054b\"c"; Path=/`}, nil, `sid="a\054b\"c"`, `"a\054b\"c"`},
		{"in spaces", []string{"sid = a b ; Path=/"}, nil, "sid=a b", "a b"},
		{"no cookies", []string{"sid", "=1", "", ";", "s id=1", "sid=\x01"}, nil, "", ""},
		{"empty", []string{"sid=1; Path=/"}, []string{"sid=; Path=/"}, "sid=1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := &jar{now: noon}
			if err := j.add("/accounts/login", http.Header{"Set-Cookie": tt.form}); err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/accounts/login", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			j.send(req, "/accounts/login")
			if got := req.Header.Get("Cookie"); got != tt.sent {
				t.Errorf("sent %q, want %q", got, tt.sent)
			}
			if err := j.add("/accounts/login", http.Header{"Set-Cookie": tt.answer}); err != nil {
				t.Fatal(err)
			}
			if got := j.value("sid"); got != tt.want {
				t.Errorf("session %q, want %q", got, tt.want)
			}
		})
	}
}

// TestJarBounds: exactly as many as are allowed, and one more.
func TestJarBounds(t *testing.T) {
	lines := make([]string, maxSetCookies)
	for i := range lines {
		lines[i] = "a=1"
	}
	large := "a=" + strings.Repeat("x", maxSetCookieBytes-2)
	for _, tt := range []struct {
		lines []string
		ok    bool
	}{{lines, true}, {append(lines, "a=1"), false}, {[]string{large}, true}, {[]string{large + "x"}, false}} {
		if err := (&jar{now: noon}).add("/", http.Header{"Set-Cookie": tt.lines}); (err == nil) != tt.ok {
			t.Errorf("%d lines: %v", len(tt.lines), err)
		}
	}
}

func TestPathMatches(t *testing.T) {
	for _, tt := range []struct {
		cookie, path string
		want         bool
	}{
		{"/", "/", true}, {"/", "/x", true}, {"/x", "/x", true}, {"/x", "/x/y", true}, {"/x/", "/x/y", true},
		{"/x", "/xy", false}, {"/x/", "/x", false}, {"/x", "/", false},
	} {
		if matches(tt.cookie, tt.path) != tt.want {
			t.Errorf("cookie of %s at %s: %t", tt.cookie, tt.path, !tt.want)
		}
	}
}

package strip

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// guard owns the cookies session and app_sid.
func guard() *Names {
	return New(adapter.Owned{Cookies: []string{"session", "app_sid"}}, nil, nil)
}

func stripped(n *Names, lines ...string) (left []string, dropped int) {
	h := http.Header{"Cookie": lines}
	dropped = n.Header(h)
	return h["Cookie"], dropped
}

func TestOnlyWellFormedCookiesGoOn(t *testing.T) {
	for line, want := range map[string]string{
		"a=1; b=2":                   "a=1; b=2",
		"a=1;b=2;;  c=3 ;":           "a=1; b=2; c=3",
		"a=":                         "a=",
		"a=b=c==":                    "a=b=c==",
		`a="b c"; d="x"; e=""`:       `a="b c"; d="x"; e=""`,
		`a={"k":"v, w","n":1}`:       `a={"k":"v, w","n":1}`,
		"a=Zoë ok; b=1,2, 3":         "a=Zoë ok; b=1,2, 3",
		`a=\u00e9`:                   `a=\u00e9`,
		"cart[1]=x; JSESSIONID.a1=y": "cart[1]=x; JSESSIONID.a1=y",
		"my_session=1; session2=2":   "my_session=1; session2=2",
		"__Host-a=1; __Secure-b=2":   "__Host-a=1; __Secure-b=2",
		"user%5Bname%5D=x; 100%=y":   "user%5Bname%5D=x; 100%=y",
		"session=evil; a=1":          "a=1",
		"SESSION=evil; App-Sid=evil": "",
	} {
		left, dropped := stripped(guard(), line)
		if got := strings.Join(left, "\n"); got != want || dropped != 0 {
			t.Errorf("of %q, %q is left, want %q; %d are not understood", line, got, want, dropped)
		}
	}
	if left, _ := stripped(guard(), "a=1", "session=x", "b=2"); len(left) != 1 || left[0] != "a=1; b=2" {
		t.Errorf("of three headers, %q is left", left)
	}
}

// cookieAttacks are ways to write the cookie session=evil for some server, which another
// one reads otherwise.
var cookieAttacks = map[string]string{
	"CookieWithEmptyName":           "=session=evil",
	"CookieWithTwoEmptyNames":       "==session=evil",
	"CookieWithQuotedEscapedName":   `"s\145ssion"=evil`,
	"CookieWithQuotedName":          `"session"=evil`,
	"CookieWithEncodedBlank":        "%20session=evil",
	"CookieWithPlus":                "+session=evil",
	"CookieWithEncodedNUL":          "session%00x=evil",
	"CookieEncodedTwice":            "%2573ession=evil",
	"CookieWithEncodedLetter":       "%73ession=evil",
	"CookieAsArray":                 "session[]=evil",
	"CookieAsArrayOfPHP":            "app[sid=evil",
	"CookieWithDot":                 "app.sid=evil",
	"CookieWithEncodedDot":          "app%2Esid=evil",
	"CookieWithEncodedBracket":      "session%5B0%5D=evil",
	"CookieAfterBlank":              "a=b session=evil",
	"CookieAfterTab":                "a=b\tsession=evil",
	"CookieAfterComma":              "a=b,session=evil",
	"CookieAfterCommaAndBlank":      "a=b, session=evil",
	"CookieAfterQuotedText":         `a="b"session=evil`,
	"CookieAfterQuotedTextAndBlank": `a="b c" session=evil`,
	"CookieWithinQuotes":            `a="b; session=evil"`,
	"CookieWithinQuotesEscaped":     `a="\"; session=evil; b="`,
	"CookieAfterVersion":            `$Version=1; a="b", session=evil`,
	"CookieWithPath":                `$Version=1; session=evil; $Path=/`,
	"CookieBehindNoBreakSpace":      "\u00a0session=evil",
	"CookieBeforeNoBreakSpace":      "session\u00a0=evil",
	"CookieBehindNextLine":          "\x85session=evil",
	"CookieWithBlankBeforeEquals":   "session =evil",
	"CookieWithoutEquals":           "session",
	"CookieWithVerticalTab":         "a=1;\vsession=evil",
	"CookieWithFormFeed":            "a=1;\fsession=evil",
	"CookieOfOtherCase":             "SeSSion=evil",
}

func TestCookieAttacks(t *testing.T) {
	for name, line := range cookieAttacks {
		t.Run(name, func(t *testing.T) {
			for _, header := range []string{line, "kept=1; " + line, line + "; kept=1"} {
				left, _ := stripped(guard(), header)
				for _, r := range readers {
					checkReader(t, r, header, left)
				}
				if strings.Contains(strings.Join(left, "\n"), "evil") {
					t.Errorf("of %q, %q is left", header, left)
				}
				if strings.Contains(header, "kept") && !strings.Contains(strings.Join(left, "\n"), "kept=1") {
					t.Errorf("of %q, only %q is left", header, left)
				}
			}
		})
	}
}

// TestReadersAreFooled: each reader finds the session in some attack. A reader that is
// fooled by none tests nothing.
func TestReadersAreFooled(t *testing.T) {
	for _, r := range readers {
		fooled := false
		for _, line := range cookieAttacks {
			fooled = fooled || r.findsSession(line)
		}
		if !fooled {
			t.Errorf("%s is fooled by nothing", r.name)
		}
	}
}

func TestDroppedCookiesAreCounted(t *testing.T) {
	if _, dropped := stripped(guard(), "a=1; =b; c; session=x; d =2", `e="`); dropped != 4 {
		t.Errorf("%d are counted, want 4", dropped)
	}
}

func TestCredentials(t *testing.T) {
	h := http.Header{
		"Cookie": {"a=1"}, "Cookie2": {"$Version=1"}, "Authorization": {"Basic x"}, "Proxy-Authorization": {"x"}, "Proxy_authorization": {"x"},
		"X-Hub-Signature": {"kept"},
	}
	if Credentials(h); len(h) != 1 || h["X-Hub-Signature"] == nil {
		t.Errorf("%v", h)
	}
}

// FuzzCookies: no reader finds an owned cookie in what is left, and stripping again
// changes nothing.
func FuzzCookies(f *testing.F) {
	for _, line := range cookieAttacks {
		f.Add(line)
		f.Add("kept=1; " + line + `; x="`)
	}
	n := guard()
	f.Fuzz(func(t *testing.T, line string) {
		left, _ := stripped(n, line)
		for _, r := range readers {
			checkReader(t, r, line, left)
		}
		again, dropped := stripped(n, left...)
		if strings.Join(again, "\n") != strings.Join(left, "\n") || dropped != 0 {
			t.Errorf("%q, then %q, then %q", line, left, again)
		}
	})
}

func checkReader(t *testing.T, r reader, line string, left []string) {
	t.Helper()
	if len(left) > 1 {
		t.Errorf("%q becomes %d headers", line, len(left))
	}
	for _, l := range left {
		if r.findsSession(l) {
			t.Errorf("of %q, %q is left, in which %s finds the session", line, l, r.name)
		}
	}
}

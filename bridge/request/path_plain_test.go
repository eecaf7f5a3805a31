package request

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable
)

func TestPlainPath(t *testing.T) {
	for decoded, want := range map[string]string{
		"/api/user":             "/api/user",
		"/API/User":             "/api/user",
		"/api//user":            "/api/user",
		"//api/user//":          "/api/user/",
		`/api\user`:             "/api/user",
		"/api/user;x=1":         "/api/user",
		"/api;x/user":           "/api/user",
		"/api/%75ser":           "/api/user",
		"/api/%2575ser":         "/api/user",
		"/api%2fuser":           "/api/user",
		"/api/u\u017fer":        "/api/user", // LATIN SMALL LETTER LONG S
		"/setup.":               "/setup",
		"/setup ":               "/setup",
		"/setup. . /x":          "/setup/x",
		"/kiosk::$DATA":         "/kiosk",
		"/kiosk::$data/x":       "/kiosk/x",
		"/a:b/c.d":              "/a:b/c.d",
		"/":                     "/",
		"":                      "",
		"/;x":                   "/",
		"/wiki/100%_of/it":      "/wiki/100%_of/it",
		"/api/user/preferences": "/api/user/preferences",
	} {
		if got := PlainPath(decoded); got != want {
			t.Errorf("%q is read as %q, want %q", decoded, got, want)
		}
	}
}

// TestPlainPathIsPlain: what has been read once reads the same again, so that a rule and
// a request meet.
func TestPlainPathIsPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := "/" + rapid.StringMatching(`[a-cA-C/\\;%25ſ. ]{0,12}`).Draw(t, "path")
		once := PlainPath(path)
		if twice := PlainPath(once); strings.Count(path, "%") < 2 && twice != once {
			t.Errorf("%q, then %q, then %q", path, once, twice)
		}
	})
}

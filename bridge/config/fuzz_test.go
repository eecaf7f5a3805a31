package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzLoad: whatever a file says, Load returns either a complete Config or
// Problems that have a message and lie within a file.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.toml", "testdata/*/*/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte("0=0/:hunter2\xfa")) // a password without quotes
	f.Add([]byte("[:hunter2"))        // or in brackets
	path := filepath.Join(f.TempDir(), "config.toml")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path)
		if err == nil {
			checkComplete(t, c)
			for _, w := range c.Warnings(lintTime) {
				checkProblem(t, Problem{w.File, w.Line, w.Key, w.Message})
			}
			return
		}
		var problems Problems
		if c != nil || !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("Load: %v, %v", c, err)
		}
		for _, p := range problems {
			checkProblem(t, p)
		}
	})
}

// checkComplete checks that the bridge can be built from a Config.
func checkComplete(t *testing.T, c *Config) {
	t.Helper()
	if len(c.Issuers) == 0 || len(c.Apps) == 0 {
		t.Fatalf("no issuers or no apps: %+v", c)
	}
	for _, app := range c.Apps {
		if app.Host == "" || app.Upstream == nil || len(app.Issuers) == 0 || app.AudienceOf(app.Issuers[0]) == "" ||
			app.Mapper == nil || app.Adapter == nil || len(app.Policy.Rules) == 0 && app.Policy.DefaultRole == "" || app.Timeout <= 0 {
			t.Errorf("app lacks something: %+v", app)
		}
	}
	for _, i := range c.Issuers {
		if (i.JWKSURL == "") == (len(i.Static) == 0) || len(i.Algorithms) == 0 || i.Header == "" {
			t.Errorf("issuer lacks something: %+v", i)
		}
	}
}

package config

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lintTime is the time at which testdata/lint is looked at.
var lintTime = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestWarnings compares all that Warnings says about every file of testdata/lint
// with the .golden file beside it.
func TestWarnings(t *testing.T) {
	const dir = "testdata/lint/"
	files, err := filepath.Glob(dir + "*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			c, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, w := range c.Warnings(lintTime) {
				checkProblem(t, Problem{w.File, w.Line, w.Key, w.Message})
				got.WriteString(strings.ReplaceAll(w.String()+"\n", dir, ""))
			}
			checkGolden(t, strings.TrimSuffix(file, ".toml")+".golden", got.String())
		})
	}
}

// TestShippedConfigsHaveNoWarnings: people copy them.
func TestShippedConfigsHaveNoWarnings(t *testing.T) {
	for _, path := range shippedConfigs(t) {
		c, err := LoadPolicy(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.Warnings(time.Now()) {
			t.Error(w)
		}
	}
}

// TestWarningsRepeat: Warnings changes nothing in the Config, which is shared.
func TestWarningsRepeat(t *testing.T) {
	for _, file := range []string{"groups", "ignore", "names", "open", "rules"} {
		c, err := LoadPolicy("testdata/lint/" + file + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		first := c.Warnings(lintTime)
		for range 3 {
			again := c.Warnings(lintTime)
			if len(again) != len(first) {
				t.Fatalf("%s: %d warnings, then %d", file, len(first), len(again))
			}
			for i := range again {
				if again[i] != first[i] {
					t.Errorf("%s: %v, then %v", file, first[i], again[i])
				}
			}
		}
	}
}

func TestPrivileged(t *testing.T) {
	byName, byAdapter, none := &App{}, &App{privileged: []string{"Chief"}}, &App{privileged: []string{}}
	for role, want := range map[string][3]bool{
		"Admin":            {true, false, false},
		"wiki_ADMIN":       {true, false, false},
		"administrator":    {true, false, false},
		"co-owner":         {true, false, false},
		"root":             {true, false, false},
		"SuperUser":        {true, false, false},
		"Chief":            {false, true, false},
		"chief":            {false, false, false},
		"Editor":           {false, false, false},
		"adm":              {false, false, false},
		"":                 {false, false, false},
		"badminton-player": {true, false, false}, // what privileged = [] is for
	} {
		if got := [3]bool{byName.Privileged(role), byAdapter.Privileged(role), none.Privileged(role)}; got != want {
			t.Errorf("%q: %v, want %v", role, got, want)
		}
	}
}

// Between two looks at a file that did not change, a grant ends.
func TestExpiredUntilGoesByTheTimeOfTheCall(t *testing.T) {
	c, err := Load(write(t, map[string]string{"config.toml": minimal + "emails = [\"ann@example.com\"]\nuntil = 2027-01-31T18:00:00Z\n"}))
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]int{until.Add(-1): 0, until: 1, until.Add(time.Hour): 1} {
		if got := c.Warnings(at); len(got) != want {
			t.Errorf("at %s: %v, want %d warnings", at, got, want)
		}
	}
}

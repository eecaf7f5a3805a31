package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestInvalid loads every file of testdata/invalid and compares all that is
// said about it with the .golden file beside it.
func TestInvalid(t *testing.T) {
	const dir = "testdata/invalid/"
	files, err := filepath.Glob(dir + "*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			c, err := Load(file)
			if c != nil {
				t.Error("Load returned a Config although there are problems")
			}
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("Load: %v, want Problems", err)
			}
			for _, p := range problems {
				checkProblem(t, p)
			}
			checkGolden(t, strings.TrimSuffix(file, ".toml")+".golden", strings.ReplaceAll(err.Error()+"\n", dir, ""))
		})
	}
}

// checkGolden compares got with a golden file.
func checkGolden(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
}

// checkProblem checks what holds for every problem: it has a message, which
// does not quote a password, and a line that its file has.
func checkProblem(t *testing.T, p Problem) {
	t.Helper()
	if p.Message == "" || p.File == "" {
		t.Errorf("problem %+v lacks its message or file", p)
	}
	if strings.Contains(p.Message, ":hunter2@") {
		t.Errorf("problem %s quotes a password", p)
	}
	data, err := os.ReadFile(p.File)
	if err != nil {
		t.Errorf("problem %s: %v", p, err)
	}
	if lines := 1 + strings.Count(string(data), "\n"); p.Line < 1 || p.Line > lines {
		t.Errorf("problem %s: the file has %d lines", p, lines)
	}
}

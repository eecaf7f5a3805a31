package mapping

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// decode reads TOML as people write it into v.
func decode(t *testing.T, name string, data []byte, v any) {
	t.Helper()
	md, err := toml.Decode(string(data), v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if undecoded := md.Undecoded(); len(undecoded) > 0 {
		t.Fatalf("%s: unknown keys %v", name, undecoded)
	}
}

// policyFile is a policy in a golden file.
type policyFile struct {
	Groups map[string][]string `toml:"groups"`
	Rule   []Rule              `toml:"rule"`
}

func (f policyFile) policy(source string) Policy {
	for i := range f.Rule {
		f.Rule[i].Source = fmt.Sprintf("%s:%d", source, i+1)
	}
	return Policy{Rules: f.Rule, Lists: f.Groups}
}

// golden holds each NAME.want file of a txtar archive against what answer makes
// of the files before it. With -update it rewrites the archive.
func golden(t *testing.T, path string, answer func(t *testing.T, files map[string][]byte) string) {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for i := range archive.Files {
		f := &archive.Files[i]
		name, isWant := strings.CutSuffix(f.Name, ".want")
		if !isWant {
			files[f.Name] = f.Data
			continue
		}
		t.Run(name, func(t *testing.T) {
			got := answer(t, files)
			if *update {
				f.Data = []byte(got)
			}
			if diff := cmp.Diff(string(f.Data), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", f.Name, diff)
			}
		})
		clear(files)
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func mustCompile(tb testing.TB, p Policy) *Mapper {
	tb.Helper()
	m, err := Compile(p)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// ruleErrors returns Compile's error as the errors that it joins.
func ruleErrors(tb testing.TB, p Policy) []*RuleError {
	tb.Helper()
	m, err := Compile(p)
	if (m == nil) != (err != nil) {
		tb.Fatalf("Compile returned %v and %v", m, err)
	}
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		tb.Fatalf("Compile: %T joins nothing", err)
	}
	var all []*RuleError
	for _, e := range joined.Unwrap() {
		var one *RuleError
		if !errors.As(e, &one) {
			tb.Fatalf("Compile: %T, want *RuleError", e)
		}
		all = append(all, one)
	}
	return all
}

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

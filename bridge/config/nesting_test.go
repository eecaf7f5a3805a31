package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
)

// TestBracketsDoNotOverflowTheStack: a reload of each of these files would end the
// running bridge, since nobody recovers from a stack that overflows.
func TestBracketsDoNotOverflowTheStack(t *testing.T) {
	const n = 2_000_000
	long := strings.Repeat
	for name, text := range map[string]string{
		"arrays":          "x = " + long("[", n),
		"closed":          "x = " + long("[", n) + long("]", n),
		"inline tables":   "x = " + long("{a=", n) + "1" + long("}", n),
		"both":            "x = " + long("[{a=", n/2),
		"lines":           "x = [\n" + long("[\n# ]\n", n/4),
		"dotted key":      "x" + long(".a", n) + " = 1",
		"dotted header":   "[app.x" + long(".a", n) + "]",
		"quoted keys":     `"x"` + long(`."a]"`, n/4) + " = 1",
		"spaced keys":     "x" + long(" . a", n/4) + " = 1",
		"after a string":  `x = ["]]", ''']]''', ` + long("[", n),
		"after quotes":    `x = ["""a""""", ` + long("[", n),
		"after an escape": `x = ["""\"""", ` + long("[", n),
		"after two":       `x = ["", '', """""", '''''', ` + long("[", n),
		"in a test":       "[[app.x.test]]\nclaims = " + long("{a=", n),
	} {
		file := filepath.Join(t.TempDir(), "ssobridge.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err := Load(file)
		if err == nil || !strings.Contains(err.Error(), "nest deeper than 64") || !strings.Contains(err.Error(), "ssobridge.toml:") {
			t.Errorf("%s: %.200v", name, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// TestNestingOfIncludedFiles is bounded as well.
func TestNestingOfIncludedFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.toml": "include = [\"b.toml\"]\n", "b.toml": "\n\nx = " + strings.Repeat("[", 100_000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(filepath.Join(dir, "a.toml")); err == nil || !strings.Contains(err.Error(), "b.toml:3: arrays") {
		t.Errorf("%v", err)
	}
}

func TestTooDeep(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]int{
		"":                                    0,
		"x = " + nested(64):                   0,
		"x = " + nested(65):                   1,
		"\n\nx = " + nested(65):               3,
		strings.Repeat("x = [[]]\n", 100):     0,
		strings.Repeat("[[x]]\n", 100):        0,
		"x = '" + nested(100) + "'":           0,
		`x = "\"` + nested(100) + `"`:         0,
		"x = '''\n" + nested(100) + "'''":     0,
		`x = """"` + nested(100) + `\""""`:    0,
		"# " + nested(100):                    0,
		"x = 1 # '\ny = " + nested(65):        2,
		"x = '\n" + nested(65):                2,
		"a" + strings.Repeat(".a", 63) + "=1": 0,
		"a" + strings.Repeat(".a", 64) + "=1": 1,
		strings.Repeat("x = 1.5\n", 100):      0,
		"x = [" + strings.Repeat("1.5, ", 99): 0,
		"x = '" + strings.Repeat(".", 99):     0,
	} {
		if got := tooDeep([]byte(text)); got != want {
			t.Errorf("%.40q: %d, want %d", text, got, want)
		}
	}
}

// FuzzTooDeep holds the scan against a parser: it refuses nothing that nests less,
// and lets nothing pass that nests much more.
func FuzzTooDeep(f *testing.F) {
	for _, text := range []string{
		"x = [[1], {a.b = 2}]", `x = ["""a""""", '''b''''', "\"", '']`, "[a.'b.c'.d]\n[[e]]\nf = 1979-05-27T07:32:00Z # [[\n",
		"x = " + strings.Repeat("[", 65) + strings.Repeat("]", 65), `"""" = 1`, "x = \"\"\"\\\"\"\"\"\"", "'a\n[",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 10_000 {
			return
		}
		var table map[string]any
		if _, err := toml.Decode(text, &table); err != nil {
			return
		}
		depth, refused := depthOf(table)-1, tooDeep([]byte(text)) > 0
		if refused && depth < maxNesting || !refused && depth > maxNesting*(maxNesting+1) {
			t.Errorf("depth %d, refused: %t", depth, refused)
		}
		// In step to the end: what follows a whole file is seen.
		if !refused && tooDeep([]byte(text+"\nx = "+strings.Repeat("[", maxNesting+1))) == 0 {
			t.Error("brackets behind it are not seen")
		}
	})
}

func depthOf(v any) int {
	deepest := 0
	add := func(v any) { deepest = max(deepest, depthOf(v)) }
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			add(inner)
		}
	case []map[string]any:
		for _, inner := range v {
			add(inner)
		}
	case []any:
		for _, inner := range v {
			add(inner)
		}
	case string, bool, int64, float64, time.Time:
		return 0
	default:
		panic(fmt.Sprintf("%T", v))
	}
	return 1 + deepest
}

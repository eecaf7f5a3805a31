package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

func TestLines(t *testing.T) {
	tests := map[string]struct {
		toml string
		want map[string]int
	}{
		"tables": {
			"a = 1\n\n[b]\nc = 2\n[b.d]\ne = 3\n",
			map[string]int{"a": 1, "b": 3, "b.c": 4, "b.d": 5, "b.d.e": 6},
		},
		"a table's own line, not its child's": {
			"[a.b]\nc = 1\n[a]\nd = 1\n",
			map[string]int{"a": 3, "a.b": 1, "a.b.c": 2, "a.d": 4},
		},
		"dotted keys": {
			"a.b.c = 1\na.d = 2\n[e]\nf.g = 3\n",
			map[string]int{"a": 1, "a.b": 1, "a.b.c": 1, "a.d": 2, "e": 3, "e.f": 4, "e.f.g": 4},
		},
		"quoted keys": {
			"[app.\"a.b\"]\n'x y' = 1\n\"\\u0065\" = 2\n\"\" = 3\n\"q\\\"]\" = 4\n",
			map[string]int{
				"app": 1, `app."a.b"`: 1, `app."a.b"."x y"`: 2, `app."a.b".e`: 3,
				`app."a.b".""`: 4, `app."a.b"."q\"]"`: 5,
			},
		},
		"spaces in keys": {
			"[ a . 'b' ]\n c  .  d  = 1\n",
			map[string]int{"a": 1, "a.b": 1, "a.b.c": 2, "a.b.c.d": 2},
		},
		"arrays of tables": {
			"[[a]]\nb = 1\n[[a]]\nb = 2\n[[a.c]]\n[[a.c]]\nd = 3\n[a.e]\nf = 4\n[[a]]\n[[a.c]]\n",
			map[string]int{
				"a": 1, "a[1]": 1, "a[1].b": 2, "a[2]": 3, "a[2].b": 4,
				"a[2].c": 5, "a[2].c[1]": 5, "a[2].c[2]": 6, "a[2].c[2].d": 7,
				"a[2].e": 8, "a[2].e.f": 9, "a[3]": 10, "a[3].c": 11, "a[3].c[1]": 11,
			},
		},
		"arrays over lines": {
			"a = [\n  1, # one\n  \"two\",\n\n  [3,\n 4], { b = 5 } ]\n",
			map[string]int{
				"a": 1, "a[1]": 2, "a[2]": 3, "a[3]": 3, "a[3][1]": 5, "a[3][2]": 6,
				"a[4]": 6, "a[4].b": 6,
			},
		},
		"inline tables": {
			"a = { b = 1, c.d = { e = 2 } }\nf = [{ g = 1 }, { g = 2 }]\n",
			map[string]int{
				"a": 1, "a.b": 1, "a.c": 1, "a.c.d": 1, "a.c.d.e": 1,
				"f": 2, "f[1]": 2, "f[1].g": 2, "f[2]": 2, "f[2].g": 2,
			},
		},
		"multi-line strings": {
			"a = \"\"\"\n[b]\nc = 1\n\"\"\"\nd = '''\n[e]'''\nf = 1\n",
			map[string]int{"a": 1, "d": 5, "f": 7},
		},
		"byte order mark and CRLF": {
			"\xef\xbb\xbfa = 1\r\n\r\n[b]\r\nc = 2\r\n",
			map[string]int{"a": 1, "b": 3, "b.c": 4},
		},
		"comments": {
			"# a = 1\na = 1 # b = 2\n#[c]\n",
			map[string]int{"a": 2},
		},
		"empty": {"", map[string]int{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			doc, problem := parseDocument("x.toml", []byte(tt.toml))
			if problem != nil {
				t.Fatal(problem)
			}
			if diff := cmp.Diff(tt.want, doc.lines); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

// TestComments: a comment to ssobridge is found wherever comments are, and never
// within a text that looks like one.
func TestComments(t *testing.T) {
	tests := map[string]struct {
		toml string
		want []comment
	}{
		"above a key":    {"\n# ssobridge:x\na = 1\n", []comment{{2, "x", false, 3}}},
		"above a header": {"#ssobridge: x y\n[a]\n##  ssobridge:z\n[[b]]\n", []comment{{1, "x y", false, 2}, {3, "z", false, 4}}},
		"among others":   {"# a\n# ssobridge:x\n# b\n\t# ssobridge:y\n a = 1\n", []comment{{2, "x", false, 5}, {4, "y", false, 5}}},
		"above nothing":  {"# ssobridge:x\n\na = 1\n# ssobridge:y\n# words", []comment{{1, "x", false, 0}, {4, "y", false, 0}}},
		"behind":         {"a = 1 # ssobridge:x\n[b] # ssobridge:y\n", []comment{{1, "x", true, 2}, {2, "y", true, 0}}},
		"in a list": {
			"a = [ # ssobridge:1\n# ssobridge:2\n# ssobridge:3\n# ssobridge:4\n1, # ssobridge:5\n2 # ssobridge:6\n# ssobridge:7\n]\n",
			[]comment{{1, "1", true, 5}, {2, "2", false, 5}, {3, "3", false, 5}, {4, "4", false, 5}, {5, "5", true, 6}, {6, "6", true, 8}, {7, "7", false, 8}},
		},
		"in a list in a list": {"a = [[\n# ssobridge:1\n1]]\n", []comment{{2, "1", false, 3}}},
		"in an inline table":  {"a = {\n# ssobridge:1\nb = 1, # ssobridge:2\n}\n", []comment{{2, "1", false, 3}, {3, "2", true, 4}}},
		"in no text": {
			"a = '# ssobridge:1'\nb = \"\"\"\n# ssobridge:2\n\"\"\"\nc = \"# ssobridge:3\" # ssobridge:4\n'# ssobridge:5' = 1\n",
			[]comment{{5, "4", true, 6}},
		},
		"of another kind": {"# ssobridge\n# see ssobridge:x\n# Ssobridge:x\na = 1 # ssobridge x\n", nil},
		"byte order mark": {"\xef\xbb\xbf# ssobridge:x\r\na = 1\r\n", []comment{{1, "x", false, 2}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			doc, problem := parseDocument("x.toml", []byte(tt.toml))
			if problem != nil {
				t.Fatal(problem)
			}
			if diff := cmp.Diff(tt.want, doc.comments, cmp.AllowUnexported(comment{})); diff != "" {
				t.Errorf("comments (-want +got):\n%s", diff)
			}
			without, problem := parseDocument("x.toml", []byte(strings.ReplaceAll(tt.toml, "ssobridge:", "ssobridge-")))
			if problem != nil {
				t.Fatal(problem)
			}
			if diff := cmp.Diff(without.lines, doc.lines); !strings.Contains(tt.toml, "' = 1") && diff != "" {
				t.Errorf("lines of keys, because of a comment (-without +with):\n%s", diff)
			}
		})
	}
}

// TestNearestLine: a key that the file lacks is reported where it belongs.
func TestNearestLine(t *testing.T) {
	doc, problem := parseDocument("x.toml", []byte("\n[app.\"a.b\"]\n\n[[app.\"a.b\".rule]]\nrole = [\n1]\n"))
	if problem != nil {
		t.Fatal(problem)
	}
	for path, want := range map[string]int{
		`app."a.b".host`:           2,
		`app."a.b".rule[1].groups`: 4,
		`app."a.b".rule[7].groups`: 4,
		`app."a.b".rule[1].role`:   5,
		`app."a.b"."x.y".z`:        2,
		`app.a.b`:                  2,
		`issuer`:                   1,
		``:                         1,
	} {
		if got := doc.line(path); got != want {
			t.Errorf("line(%s) = %d, want %d", path, got, want)
		}
	}
}

// TestDeepNesting: brackets cost no more than their number.
func TestDeepNesting(t *testing.T) {
	for _, n := range []int{32, maxNesting} {
		deep := "a = " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\nb = 1\n"
		doc, problem := parseDocument("x.toml", []byte(deep))
		if problem != nil {
			t.Fatal(problem)
		}
		if len(doc.lines) > maxIndexDepth+2 || doc.line("b") != 2 {
			t.Errorf("%d brackets: %d paths, b in line %d", n, len(doc.lines), doc.line("b"))
		}
	}
}

func TestPrefixes(t *testing.T) {
	got := prefixes(`app."a.\"[b".rule[12].groups[1]`)
	want := []string{
		`app."a.\"[b".rule[12].groups[1]`,
		`app."a.\"[b".rule[12].groups`,
		`app."a.\"[b".rule[12]`,
		`app."a.\"[b".rule`,
		`app."a.\"[b"`,
		`app`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("prefixes (-want +got):\n%s", diff)
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"host", "upstream", "adapter", "trusted_proxies", "until"}
	for name, want := range map[string]string{
		"hots":          `: did you mean "host"?`,
		"Host":          `: upper and lower case matter, write "host"`,
		"adaptor":       `: did you mean "adapter"?`,
		"trusted_proxy": `: did you mean "trusted_proxies"?`,
		"port":          "",
		"colour":        "",
		"":              "",
	} {
		if got := wording.DidYouMean(name, known); got != want {
			t.Errorf("wording.DidYouMean(%q) = %q, want %q", name, got, want)
		}
	}
}

package config

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// fakeOptions is a kind whose adapters say which options they were opened with.
type fakeOptions struct {
	Text   string                `toml:"text"`
	List   []string              `toml:"list"`
	Flag   bool                  `toml:"flag"`
	Number int                   `toml:"number"`
	Every  time.Duration         `toml:"every"`
	Header map[string]fakeHeader `toml:"header"`
	Nested struct {
		A string `toml:"a"`
		B string `toml:"b"`
	} `toml:"nested"`
	Fail []string `toml:"fail"` // keys that Open refuses
	hint string   // without a tag: no option
}

type fakeHeader struct {
	From  string `toml:"from"`
	Const string `toml:"const"`
}

type fakeAdapter struct {
	env     adapter.Env
	options fakeOptions
}

func (o *fakeOptions) Open(env adapter.Env) (adapter.Adapter, error) {
	var errs []error
	for _, key := range o.Fail {
		errs = append(errs, &adapter.OptionError{Key: key, Problem: "refused" + o.hint})
	}
	if errs != nil {
		return nil, fmt.Errorf("opening: %w", errors.Join(errs...))
	}
	return &fakeAdapter{env, *o}, nil
}

func (*fakeAdapter) Owns() adapter.Owned { return adapter.Owned{} }

func (*fakeAdapter) Adapt(context.Context, adapter.Input) (adapter.Output, error) {
	return adapter.Output{}, nil
}

var _ adapter.Adapter = (*fakeAdapter)(nil)

func fakeKinds() map[string]func() adapter.Options {
	return map[string]func() adapter.Options{"fake": func() adapter.Options { return new(fakeOptions) }}
}

var fakePresets = fstest.MapFS{
	"presets/plain.toml": {Data: []byte(`
kind        = "fake"
description = "plain"
setup       = "do this"
roles       = ["user", "admin"]
text        = "plain"
list        = ["a", "b"]
number      = 7
every       = "5s"
header.X-A  = { from = "email", const = "a" }
header.X-B  = { from = "name" }
nested      = { a = "1", b = "2" }
`)},
	"presets/more.toml": {Data: []byte("extends = \"plain\"\ntext = \"more\"\nroles = [\"user\"]\n")},
	"presets/bad.toml":  {Data: []byte("kind = \"fake\"\nfail = [\"header.X-A.from\", \"text\"]\n")},
}

// app is a configuration with one app that uses an adapter.
func app(name string) string {
	return strings.Replace(minimal[1:], `"grafana"`, `"`+name+`"`, 1) // the adapter's line is the first with it
}

func loadFake(t *testing.T, toml string) (*Config, []string) {
	t.Helper()
	path := write(t, map[string]string{"config.toml": toml})
	c, err := load(path, fakeKinds(), fakePresets, true)
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, strings.TrimPrefix(p.String(), path+":"))
	}
	return c, got
}

// TestLayers: what an adapter extends is decoded first, and what it writes
// itself laid over it.
func TestLayers(t *testing.T) {
	toml := strings.Replace(app("mine"), `"Viewer"`, `"user"`, 1) + `
[adapter.mine]
extends = "middle"
list    = ["c"]
flag    = true
[adapter.mine.header]
x_a = { const = "mine" }
X-C = { from = "role" }
[adapter.middle]
extends  = "more"
number   = 0
nested.b = "3"
`
	c, problems := loadFake(t, toml)
	if problems != nil {
		t.Fatal(problems)
	}
	got, ok := c.Apps[0].Adapter.(*fakeAdapter)
	if !ok {
		t.Fatalf("adapter is a %T", c.Apps[0].Adapter)
	}
	want := fakeOptions{
		Text: "more", List: []string{"c"}, Flag: true, Number: 0, Every: 5 * time.Second,
		Header: map[string]fakeHeader{
			"x_a": {Const: "mine"}, // whole, and in place of the other spelling
			"X-B": {From: "name"},
			"X-C": {From: "role"},
		},
	}
	want.Nested.A, want.Nested.B = "1", "3"
	if diff := cmp.Diff(want, got.options, cmp.AllowUnexported(fakeOptions{})); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if e := got.env; e.App != "grafana" || e.Host != "grafana.example.com" || e.Grants == nil || e.Grants.SeveralRoles {
		t.Errorf("opened for %+v", e)
	}
}

// TestInheritedRoles: the vocabulary is the last layer's that has one.
func TestInheritedRoles(t *testing.T) {
	for adapterName, want := range map[string][]string{
		"plain": nil,
		"more":  {`8: app.grafana.rule[1].role: adapter "more" has no role "admin": there is only "user"`},
		"mine":  {`8: app.grafana.rule[1].role: adapter "mine" has no role "admin": there is only "user"`},
		"wider": nil,
	} {
		toml := strings.Replace(app(adapterName), `"Viewer"`, `"admin"`, 1) +
			"[adapter.mine]\nextends = \"more\"\n[adapter.wider]\nextends = \"mine\"\nroles = [\"admin\"]\n"
		if _, got := loadFake(t, toml); !cmp.Equal(want, got) {
			t.Errorf("%s: %q, want %q", adapterName, got, want)
		}
	}
}

// TestOptionProblems: a wrong option is reported where it is written, or where
// the preset that has it was chosen.
func TestOptionProblems(t *testing.T) {
	const role = `"Viewer"`
	tests := map[string]struct {
		toml string
		want []string
	}{
		"in a preset that an app uses": {
			app("bad"),
			[]string{
				`6: app.grafana.adapter: preset "bad": header.X-A.from: refused`,
				`6: app.grafana.adapter: preset "bad": text: refused`,
			},
		},
		"in a preset that an adapter extends": {
			app("mine") + "[adapter.mine]\nextends = \"bad\"\nfail = [\"fail\", \"header.X-A\", \"list\"]\n[adapter.other]\nextends = \"plain\"\nfail = [\"header.X-A.from\"]\n",
			[]string{
				`9: adapter.mine.header.X-A: refused`,
				`9: adapter.mine.list: refused`,
				`11: adapter.mine.fail: refused`,
				`13: adapter.other.extends: preset "plain": header.X-A.from: refused`,
			},
		},
		"in an adapter's own keys": {
			app("mine") + "[adapter.mine]\nextends = \"plain\"\nfail = [\"header.X-A.const\", \"header.X.Dot.from\", \"nested.b\", \"nested.a\"]\n" +
				"[adapter.mine.header]\nX-A.from = \"name\"\n\"X.Dot\".from = \"name\"\n[adapter.mine.nested]\nb = \"\"\n",
			[]string{
				`10: adapter.mine.extends: preset "plain": nested.a: refused`,
				`13: adapter.mine.header.X-A.const: refused`,
				`14: adapter.mine.header."X.Dot".from: refused`,
				`16: adapter.mine.nested.b: refused`,
			},
		},
		"of an adapter that two apps use, once": {
			app("mine") + "[app.two]\nhost = \"two.example.com\"\nupstream = \"http://[::1]\"\nadapter = \"mine\"\nrule = [{ role = \"Viewer\" }]\n" +
				"[adapter.mine]\nkind = \"fake\"\nfail = [\"text\"]\nfial = 1\n",
			[]string{`14: adapter.mine.text: refused`, `17: adapter.mine.fial: unknown key: did you mean "fail"?`},
		},
		"not after a problem in the same table": {
			app("mine") + "[adapter.mine]\nkind = \"fake\"\nfail = [\"header.X-A\", \"header.X-A.from\", \"header.X-B\"]\nheader.X-A = { form = \"x\" }\nheader.X-B = {}\n",
			[]string{`12: adapter.mine.header.X-A.form: unknown key: did you mean "from"?`, `13: adapter.mine.header.X-B: refused`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, got := loadFake(t, strings.ReplaceAll(tt.toml, role, `"user"`))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBuiltinPresets: every preset decodes, and says what people choose it by.
func TestBuiltinPresets(t *testing.T) {
	presets, err := BuiltinPresets()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range presets {
		if p.Kind == "" || p.Description == "" || p.Setup == "" || len(p.Source) == 0 || strings.Contains(p.Description, "\n") {
			t.Errorf("preset %q: %+v", p.Name, p)
		}
	}
	grafana, err := LookupPreset("grafana")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Viewer", "Editor", "Admin"}; !cmp.Equal(want, grafana.Roles) {
		t.Errorf("grafana's roles %q, want %q", grafana.Roles, want)
	}
	if _, err := LookupPreset("grafanna"); err == nil || !strings.HasSuffix(err.Error(), `did you mean "grafana"?`) {
		t.Errorf("LookupPreset(grafanna): %v", err)
	}
}

// TestReadPresets: a preset that extends another shows what it ends up with,
// and one that is wrong is told by its file.
func TestReadPresets(t *testing.T) {
	presets, err := readPresets(fakeKinds(), fakePresets)
	if err != nil {
		t.Fatal(err)
	}
	more := presets[1]
	more.Source = nil
	want := Preset{
		Name: "more", Kind: "fake", Extends: "plain", Description: "plain", Setup: "do this", Roles: []string{"user"},
		Options: map[string]any{
			"text": "more", "list": []any{"a", "b"}, "number": int64(7), "every": "5s", "nested": map[string]any{"a": "1", "b": "2"},
			"header": map[string]any{"X-A": map[string]any{"from": "email", "const": "a"}, "X-B": map[string]any{"from": "name"}},
		},
	}
	if diff := cmp.Diff(want, more); diff != "" {
		t.Errorf("preset (-want +got):\n%s", diff)
	}
	for content, want := range map[string]string{
		"kind = \"fake\"\ntxt = 1\n": "reading presets: presets/x.toml:2: txt: unknown key: did you mean \"text\"?",
		"kind =":                     "reading preset: presets/x.toml:1: kind: invalid TOML: unexpected EOF; expected value: write a value after the =",
		"kind = \"fake\"\n[header]\nX-A = {}\nx_a = {}\n": "reading presets: presets/x.toml:4: header.x_a: " +
			`differs from "X-A" (presets/x.toml:3) only in case and punctuation, which apps do not tell apart: keep one of them`,
	} {
		_, err := readPresets(fakeKinds(), fstest.MapFS{"presets/x.toml": {Data: []byte(content)}})
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

// TestKindsDecodable: the decoder knows the type of every option of every kind.
// It panics for others, so no kind may come with one.
func TestKindsDecodable(*testing.T) {
	values := []any{"text", int64(1), 1.5, true, time.Now(), []any{"text"}, map[string]any{"key": map[string]any{}},
		[]map[string]any{{"key": "text"}}}
	for name, open := range builtinKinds() {
		options := reflect.TypeOf(open()).Elem()
		for field := range options.Fields() {
			key := field.Tag.Get("toml")
			if key == "" {
				continue
			}
			for _, v := range values {
				d := decoder{doc: &document{name: name}, report: newReporter()}
				d.table("", map[string]any{key: v}, open())
			}
		}
	}
}

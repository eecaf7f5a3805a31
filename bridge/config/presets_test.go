package config

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestPresetNeeds: what the comment at the top shows counts if the description says
// "needs", and only as far as it is about the preset itself.
func TestPresetNeeds(t *testing.T) {
	const comment = "# Words.\n#\n#   [adapter.ours]\n#   extends = \"x\"\n#   text = \"mine\"\n#   [adapter.ours.header]\n#   X-A = { from = \"name\" }\n#\n" +
		"# More words.\n#   not TOML\n"
	needs := map[string]any{"text": "mine", "header": map[string]any{"X-A": map[string]any{"from": "name"}}}
	for name, tt := range map[string]struct {
		toml string
		want map[string]any
	}{
		"shown":              {comment + "kind = \"fake\"\ndescription = \"x; needs text\"\n", needs},
		"shown as a variant": {comment + "kind = \"fake\"\ndescription = \"x\"\n", nil},
		"another's":          {strings.Replace(comment, `"x"`, `"y"`, 1) + "kind = \"fake\"\ndescription = \"x; needs text\"\n", nil},
		"not at the top":     {"kind = \"fake\"\ndescription = \"x; needs text\"\n" + comment, nil},
		"words alone":        {"# Words.\nkind = \"fake\"\ndescription = \"x; needs text\"\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			presets, err := readPresets(fakeKinds(), fstest.MapFS{"presets/x.toml": {Data: []byte(tt.toml)}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, presets[0].Needs); diff != "" {
				t.Errorf("needs (-want +got):\n%s", diff)
			}
		})
	}
	for comment, want := range map[string]string{
		"#   [adapter.ours\n": "the table in the comment at the top: ",
		"#   [adapter.ours]\n#   extends = \"x\"\n#   txet = \"mine\"\n": `unknown key: did you mean "text"?`,
	} {
		_, err := readPresets(fakeKinds(), fstest.MapFS{"presets/x.toml": {Data: []byte(comment + "kind = \"fake\"\ndescription = \"needs it\"\n")}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", comment, err, want)
		}
	}
}

// TestPresetsOpen: every preset, with what it needs, opens and says what it sends.
func TestPresetsOpen(t *testing.T) {
	presets, err := BuiltinPresets()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range presets {
		if p.Name == "none" {
			if len(p.Sends)+len(p.Owned.Headers)+len(p.Owned.Cookies) > 0 {
				t.Errorf("none: sends %v, owns %v", p.Sends, p.Owned)
			}
			continue
		}
		if len(p.Sends) == 0 || len(p.Owned.Headers)+len(p.Owned.Cookies) == 0 && p.Name != "guacamole-json" {
			t.Errorf("%s: sends %v, owns %v; if it takes options to open, its description says what it needs, and the comment at its top shows it", p.Name, p.Sends, p.Owned)
		}
	}
	for _, k := range Kinds() {
		if k.Summary == "" || k.Start == "" {
			t.Errorf("kind %s says nothing of itself", k.Name)
		}
	}
}

// TestAdapterOf: an adapter of the file has its own options over those that it
// extends, and looking at it changes nothing.
func TestAdapterOf(t *testing.T) {
	c, err := ParsePolicy("ssobridge.toml", []byte(`
[issuer.pomerium]
jwks_url = "https://a.example.com/jwks.json"
[app.a]
host = "a.example.com"
upstream = "http://127.0.0.1:1"
adapter = "ours"
rule = [{ role = "user", groups = ["g"] }]
[adapter.ours]
extends = "theirs"
description = "ours"
header.Remote-User = { from = "subject" }
[adapter.theirs]
extends = "remote-user"
omit = ["Remote-Name"]
`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p, err := c.AdapterOf("ours", c.Apps[0])
		if err != nil {
			t.Fatal(err)
		}
		header, _ := p.Options["header"].(map[string]any)
		if p.Place != "ssobridge.toml:9" || p.Extends != "theirs" || p.Kind != "headers" || p.Description != "ours" || p.Setup == "" ||
			!cmp.Equal(header["Remote-User"], any(map[string]any{"from": "subject"})) || header["Remote-Email"] == nil ||
			!cmp.Equal(p.Options["omit"], any([]any{"Remote-Name"})) || len(p.Owned.Headers) == 0 {
			t.Errorf("%+v", p)
		}
	}
	preset, err := c.AdapterOf("remote-user", nil)
	if err != nil {
		t.Fatal(err)
	}
	if header, _ := preset.Options["header"].(map[string]any); preset.Place != "" || cmp.Equal(header["Remote-User"], any(map[string]any{"from": "subject"})) {
		t.Errorf("%+v", preset)
	}
	if _, err := c.AdapterOf("oars", nil); err == nil || !strings.Contains(err.Error(), `did you mean "ours"?`) {
		t.Errorf("oars: %v", err)
	}
}

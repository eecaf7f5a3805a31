package demo

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

//go:embed ssobridge.toml.tmpl
var configText string

var configTemplate = template.Must(template.New("ssobridge.toml").Parse(configText))

// configData fills ssobridge.toml.tmpl. Its values are addresses on loopback:
// none needs to be quoted.
type configData struct {
	Listen, AdminListen, JWKSURL string
	upstreams                    upstreams
}

// Upstream returns an app's URL.
func (d configData) Upstream(app string) (string, error) {
	l, ok := d.upstreams[app]
	if !ok {
		return "", fmt.Errorf("no sample app %q", app)
	}
	return "http://" + l.Addr().String(), nil
}

// configFile is ssobridge's configuration, in a directory of its own.
type configFile struct{ dir, path, text string }

// writeConfig writes the configuration that ssobridge is run from. The caller
// removes the directory.
func writeConfig(d configData) (configFile, error) {
	var b strings.Builder
	if err := configTemplate.Execute(&b, d); err != nil {
		return configFile{}, fmt.Errorf("writing the demo's configuration: %w", err)
	}
	dir, err := os.MkdirTemp("", "ssobridge-demo-")
	if err != nil {
		return configFile{}, fmt.Errorf("writing the demo's configuration: %w", err)
	}
	f := configFile{dir: dir, path: filepath.Join(dir, "ssobridge.toml"), text: b.String()}
	if err := os.WriteFile(f.path, []byte(f.text), 0o600); err != nil {
		_ = os.RemoveAll(dir)
		return configFile{}, fmt.Errorf("writing the demo's configuration: %w", err)
	}
	return f, nil
}

// rule returns the lines of a rule, which is called "rule[2]", of an app.
func (f configFile) rule(app, name string) string {
	number, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "rule["), "]"))
	if err != nil || number < 1 {
		return ""
	}
	header := "[[app." + app + ".rule]]\n"
	parts := strings.Split(f.text, "\n"+header)
	if number >= len(parts) {
		return ""
	}
	body, _, _ := strings.Cut(parts[number], "\n\n")
	return header + strings.TrimRight(body, "\n") + "\n"
}

package config

import (
	"slices"
	"strings"
	"testing"
)

// TestAdapterDenyAdds: an [adapter.NAME] cannot take back what the preset below it denies.
func TestAdapterDenyAdds(t *testing.T) {
	text := strings.Replace(minimal, `adapter  = "grafana"`, `adapter  = "mine"`, 1) + `
[adapter.mine]
extends = "grafana"
deny    = [{ path = "/mine" }, { prefix = "/all/", methods = ["POST"] }]
`
	c, err := Load(write(t, map[string]string{"config.toml": text}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range c.Apps[0].AdapterDeny {
		r := &c.Apps[0].AdapterDeny[i]
		got = append(got, r.String()+" by "+r.Adapter)
	}
	for _, want := range []string{"PUT /api/user by grafana", "all methods /mine by mine", "POST below /all/ by mine"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q denies no %q", got, want)
		}
	}
	if c.Apps[0].Paths.Strict {
		t.Error("what an adapter denies makes the app strict about all paths")
	}
}

func TestAdapterDenyProblems(t *testing.T) {
	text := strings.Replace(minimal, `adapter  = "grafana"`, `adapter  = "mine"`, 1) + `
[adapter.mine]
extends = "grafana"
deny    = [{ path = "mine" }, { methods = ["PUT"] }, { path = "/x", methods = ["put"] }]
`
	_, err := Load(write(t, map[string]string{"config.toml": text}))
	if err == nil {
		t.Fatal("it loads")
	}
	for _, want := range []string{
		`adapter.mine.deny[1].path: "mine" does not begin with a slash: write "/mine"`,
		`adapter.mine.deny[2]: missing: write path = "/health"`,
		`adapter.mine.deny[3].methods[1]: methods are written in capitals: write "PUT"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

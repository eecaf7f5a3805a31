package deploy

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// TestComposeAddresses: the addresses that three files must agree on. Were they
// to differ, Grafana would believe nobody, or somebody else.
func TestComposeAddresses(t *testing.T) {
	compose := read(t, "compose/compose.yaml")
	pomerium := one(t, compose, `(?s)\n  pomerium:\n.*?front:\s+ipv4_address: (\S+)`)
	bridge := one(t, compose, `(?s)\n  ssobridge:\n.*?back:\s+ipv4_address: (\S+)`)

	if got := one(t, read(t, "compose/ssobridge/ssobridge.toml"), `\ntrusted_proxies = \["(.*)"\]`); got != pomerium {
		t.Errorf("trusted_proxies is %s, Pomerium is %s", got, pomerium)
	}
	if got := one(t, read(t, "compose/grafana/grafana.ini"), `\nwhitelist +=(.*)`); got != bridge {
		t.Errorf("whitelist is %s, ssobridge is %s", got, bridge)
	}
	for network, subnet := range matches(compose, `(?s)\n  (\w+):\s+internal: true\s.*?subnet: (\S+)`) {
		dynamic := netip.MustParsePrefix(one(t, compose, `subnet: `+regexp.QuoteMeta(subnet)+`\s+ip_range: (\S+)`))
		addresses := regexp.MustCompile(network+`:\s+ipv4_address: (\S+)`).FindAllStringSubmatch(compose, -1)
		if len(addresses) != 2 {
			t.Errorf("on %s there are %d fixed addresses", network, len(addresses))
		}
		for _, match := range addresses {
			address := netip.MustParseAddr(match[1])
			if !netip.MustParsePrefix(subnet).Contains(address) || dynamic.Contains(address) {
				t.Errorf("%s is not in %s, or Docker might give it to another container (%s)", address, subnet, dynamic)
			}
		}
	}
}

// TestComposeIsolation: one way in, and it is Pomerium's.
func TestComposeIsolation(t *testing.T) {
	compose := read(t, "compose/compose.yaml")
	services := matches(compose[:strings.Index(compose, "\nnetworks:")], `(?sm)^  (\w+):\n(.*?)(?:\n\n|\z)`)
	want := map[string][]string{
		"pomerium":  {"edge", "front"},
		"ssobridge": {"front", "back"},
		"grafana":   {"back"},
	}
	for name, service := range services {
		var networks []string
		for _, match := range regexp.MustCompile(`(?m)^      (edge|front|back):`).FindAllStringSubmatch(service, -1) {
			networks = append(networks, match[1])
		}
		if diff := cmp.Diff(want[name], networks); diff != "" {
			t.Errorf("networks of %s (-want +got):\n%s", name, diff)
		}
		if name != "pomerium" && strings.Contains(service, "ports:") {
			t.Errorf("%s publishes ports: users could come around Pomerium", name)
		}
		if !strings.Contains(service, `security_opt: ["no-new-privileges:true"]`) {
			t.Errorf("%s may gain privileges", name)
		}
		image := one(t, service, `image: (\S+)`)
		if !regexp.MustCompile(`:(v?\d+\.\d+\.\d+|local)$`).MatchString(image) {
			t.Errorf("image %s is not pinned", image)
		}
	}
	if len(services) != len(want) {
		t.Errorf("%d services, want %d", len(services), len(want))
	}
}

// TestComposeRoute: what ssobridge needs of Pomerium's route.
func TestComposeRoute(t *testing.T) {
	c := loadCompose(t)
	route := one(t, read(t, "compose/pomerium/config.yaml"), `(?s)\nroutes:(.*)`)
	for _, line := range []string{
		"from: https://" + c.Apps[0].Host,
		"to: http://ssobridge" + c.Server.Listen,
		"pass_identity_headers: true",
		"preserve_host_header: true",
		"allow_websockets: true",
	} {
		if !strings.Contains(route, " "+line+"\n") {
			t.Errorf("Pomerium's route lacks %q", line)
		}
	}
	grace, err := time.ParseDuration(one(t, read(t, "compose/compose.yaml"), `stop_grace_period: (\S+)`))
	if err != nil || grace <= c.Server.DrainTimeout {
		t.Errorf("stop_grace_period %s (%v) is not longer than drain_timeout %s", grace, err, c.Server.DrainTimeout)
	}
}

// TestGrafanaIni: Grafana is told what the preset says, but for what the network
// makes different.
func TestGrafanaIni(t *testing.T) {
	preset, err := config.LookupPreset("grafana")
	if err != nil {
		t.Fatal(err)
	}
	want := ini(preset.Setup)
	if len(want) < 10 {
		t.Fatalf("the preset sets only %v", want)
	}
	want["auth.proxy.whitelist"] = one(t, read(t, "compose/compose.yaml"), `(?s)back:\s+ipv4_address: (\S+)`)
	want["server.http_addr"] = "0.0.0.0"
	got := ini(read(t, "compose/grafana/grafana.ini"))
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s = %q, want %q", key, got[key], value)
		}
	}
}

// ini reads an INI file into values by "section.key".
func ini(text string) map[string]string {
	values := map[string]string{}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			values[section+"."+strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return values
}

// one returns what the pattern's group matches first.
func one(t *testing.T, text, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("nothing matches %s", pattern)
	}
	return strings.TrimSpace(match[1])
}

// matches returns what the pattern's second group matches, by its first.
func matches(text, pattern string) map[string]string {
	found := map[string]string{}
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found[match[1]] = match[2]
	}
	return found
}

// loadCompose loads the compose folder's configuration with a key made as its
// README says.
func loadCompose(t *testing.T) *config.Config {
	t.Helper()
	dir := composeWithKeys(t)
	c, err := config.Load(dir + "/ssobridge/ssobridge.toml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// composeWithKeys copies what the README's commands work on to a new directory
// and runs those of its step 2 there.
func composeWithKeys(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir+"/ssobridge", os.DirFS("compose/ssobridge")); err != nil {
		t.Fatal(err)
	}
	// A checkout that is in use has a key already, and secrets next to it.
	if err := os.RemoveAll(dir + "/ssobridge/pomerium.pub.pem"); err != nil {
		t.Fatal(err)
	}
	runBlock(t, dir, "## 2. Keys and secrets")
	return dir
}

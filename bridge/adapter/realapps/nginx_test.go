package realapps_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestNginxInFront: with nginx between Pomerium and the bridge, all is as without,
// whether nginx drops names with an underscore, as it does by default, or not.
// Radicale would believe them.
func TestNginxInFront(t *testing.T) {
	for name, setting := range map[string]string{"default": "", "underscores_in_headers on": "underscores_in_headers on;"} {
		t.Run(name, func(t *testing.T) {
			nginx := requireProgram(t, "nginx", "apt-get install nginx-light")
			a := startRadicale(t)
			b := startBridge(t, "radicale")
			b.relay.pointAt(a.addr)
			addr, _ := freeAddr(t)
			dir := t.TempDir()
			write(t, dir, "nginx.conf", strings.NewReplacer(
				"@DIR@", dir, "@LISTEN@", addr, "@UNDERSCORES@", setting, "@BRIDGE@", b.addr,
			).Replace(testdata(t, "nginx/nginx.conf")))
			start(t, dir, nil, nginx, "-c", filepath.Join(dir, "nginx.conf"), "-p", dir, "-e", "stderr").answers(t, addr, "/")
			b.addr = addr // where browsers now get to
			testApp(t, b, a)
		})
	}
}

package deploy

import (
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// Kubernetes kills what is not done when terminationGracePeriodSeconds are over.
func TestKubernetesWaitsForTheDrain(t *testing.T) {
	readme := read(t, "README.md")
	table := one(t, readme, "(?s)```toml\n(.*?)```")
	c, err := config.ParsePolicy("README.md", []byte(table+`
[issuer.pomerium]
jwks_url = "https://grafana.example.com/.well-known/pomerium/jwks.json"
[app.grafana]
host     = "grafana.example.com"
upstream = "http://grafana:3000"
adapter  = "grafana"
rule     = [{ role = "Viewer" }]
`))
	if err != nil {
		t.Fatal(err)
	}
	grace, err := time.ParseDuration(one(t, readme, `terminationGracePeriodSeconds: (\d+)`) + "s")
	if err != nil {
		t.Fatal(err)
	}
	if most := c.Server.ShutdownDelay + c.Server.DrainTimeout; c.Server.ShutdownDelay == 0 || grace < most+5*time.Second {
		t.Errorf("%s are not enough for %s", grace, most)
	}
}

package server_test

import (
	"os"
	"strings"
	"testing"
)

// A warning is logged at start and at each reload, and keeps neither from
// happening.
func TestWarningsAreLogged(t *testing.T) {
	r := start(t, echoRole, func(r *run) {
		b, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		r.overwrite(strings.Replace(string(b), "[app.wiki]", "[groups]\nnobody = [\"nobody\"]\n\n[app.wiki]", 1))
	})
	const line = `level=WARN msg="strange in the configuration" code=unused-list source=`
	r.log.wait(t, line)
	if log := r.log.String(); !strings.Contains(log, "/ssobridge.toml:17 key=groups.nobody problem=") {
		t.Errorf("the log does not say where: %s", log)
	}
	r.reload <- struct{}{}
	r.log.wait(t, "msg=reloaded")
	if log := r.log.String(); strings.Count(log, line) != 2 {
		t.Errorf("not warned twice: %s", log)
	}
}

// A grant that has ended must not keep the bridge from starting.
func TestNoWarningRefusesAConfiguration(t *testing.T) {
	r := start(t, echoRole, func(r *run) {
		b, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		r.overwrite(string(b) + "\n[[app.wiki.rule]]\nrole = \"Reader\"\nuntil = 2020-01-31T18:00:00Z\n")
	})
	r.log.wait(t, "code=expired-until")
	r.log.wait(t, "msg=serving")
}

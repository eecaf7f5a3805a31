package server_test

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// h2specFloor is how many of h2spec's 145 cases must pass. Those that net/http does
// not are its own.
const h2specFloor = 140

// TestH2Spec runs h2spec, which sends what RFC 9113's predecessors forbid, against
// the TLS listener. $SSOBRIDGE_H2SPEC is the program.
func TestH2Spec(t *testing.T) {
	program, err := exec.LookPath(os.Getenv("SSOBRIDGE_H2SPEC"))
	if err != nil {
		const how = "SSOBRIDGE_H2SPEC names no program; go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible makes one"
		if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	r, _ := startTLS(t, newAuthority(t), "")
	host, port, err := net.SplitHostPort(r.addrs.Listen.String())
	if err != nil {
		t.Fatal(err)
	}
	output, runErr := exec.CommandContext(t.Context(), program, "--tls", "--insecure", "--host", host, "--port", port, "--timeout", "2").CombinedOutput()
	total := regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`).FindSubmatch(output)
	if total == nil {
		t.Fatalf("h2spec: %v\n%s", runErr, output)
	}
	if passed, _ := strconv.Atoi(string(total[2])); passed < h2specFloor {
		t.Errorf("%s:\n%s", total[0], output)
	}
	t.Logf("%s", total[0])
	if status, text := r.admin("/healthz"); status != 200 {
		t.Errorf("afterwards: %d %s", status, text)
	}
}

package server_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// h2specFloor is how many of h2spec's 145 cases must pass. Those that net/http does
// not are its own.
const h2specFloor = 141

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
	// h2spec's Host is its target's address. The app is public and reads bodies to their
	// end: what refuses a request early may be done before its fault comes.
	r, _ := startTLSApp(t, newAuthority(t), "", func(w http.ResponseWriter, q *http.Request) {
		if _, err := io.Copy(io.Discard, q.Body); err == nil {
			_, _ = io.WriteString(w, "hello")
		}
	})
	r.reloaded(fmt.Sprintf(`%s
[app.open]
host     = "127.0.0.1"
upstream = %q
adapter  = "plain"

[[app.open.rule]]
role   = "Reader"
emails = ["ann@example.com"]

[[app.open.public]]
prefix  = "/open/"
methods = ["GET", "POST"]
`, r.text(), r.app.URL))
	host, port, err := net.SplitHostPort(r.addrs.Listen.String())
	if err != nil {
		t.Fatal(err)
	}
	output, runErr := exec.CommandContext(t.Context(), program, "--tls", "--insecure", "--host", host, "--port", port, "--path", "/open/", "--timeout", "2").CombinedOutput()
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

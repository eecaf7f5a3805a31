package bridge_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// pythonReads prints, for each Cookie header, which of Python's servers find a cookie
// with the value evil.
const pythonReads = `
import json, sys
from http.cookies import SimpleCookie
from django.http.cookie import parse_cookie as django
from werkzeug.http import parse_cookie as werkzeug

def read(how, raw):
    try:
        return how(raw).items()
    except Exception:
        return []

def simple(raw):
    c = SimpleCookie()
    c.load(raw.decode("latin1"))
    return {name: m.value for name, m in c.items()}

servers = {
    "werkzeug": lambda raw: werkzeug({"HTTP_COOKIE": raw.decode("latin1")}),
    "django": lambda raw: django(raw.decode("utf-8", "replace")),
    "http.cookies": simple,
}
print(json.dumps([
    sorted(s for s, how in servers.items() if ("shop_sid", "evil") in read(how, line.encode("latin1")))
    for line in json.load(sys.stdin)
]))
`

func pythonsThatRead(t *testing.T, headers []string) [][]string {
	t.Helper()
	latin1 := make([]string, len(headers)) // JSON has no bytes
	for i, header := range headers {
		for j := range len(header) {
			latin1[i] += string(rune(header[j]))
		}
	}
	stdin, err := json.Marshal(latin1)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, python := range []string{"python3", "/usr/bin/python3"} { // the first in PATH need not be Debian's
		cmd := exec.CommandContext(t.Context(), python, "-c", pythonReads)
		cmd.Stdin = bytes.NewReader(stdin)
		if out, err = cmd.Output(); err == nil {
			break
		}
	}
	if err != nil {
		const what = "python3 with django and werkzeug is not installed"
		if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
			t.Fatalf("%s (%v), and SSOBRIDGE_REQUIRE_REAL=1; on Debian: apt-get install python3-django python3-werkzeug", what, err)
		}
		t.Skipf("%s (%v); on Debian: apt-get install python3-django python3-werkzeug", what, err)
	}
	var found [][]string
	if err := json.Unmarshal(out, &found); err != nil || len(found) != len(headers) {
		t.Fatalf("%v: %s", err, out)
	}
	return found
}

// TestServersFindNothingSmuggled asks the servers themselves.
func TestServersFindNothingSmuggled(t *testing.T) {
	config := strings.Replace(rigConfig, `"grafana"`, `"guarded"`, 1) + `
[adapter.guarded]
kind            = "headers"
session_cookies = ["shop_sid"]
header          = { X-Webauth-User = { from = "email", required = true }, X-Webauth-Role = { from = "role" } }
`
	written := smuggledCookies("shop_sid", "evil")
	names := slices.Sorted(maps.Keys(written))
	sent, received := make([]string, len(names)), make([]string, len(names))
	r := newRig(t, withConfig(config))
	for i, name := range names {
		sent[i] = written[name]
		wantStatus(t, r.get("Cookie: "+sent[i]+"; kept=1"), http.StatusOK)
		for _, line := range lines(r.upstream.last(t), "Cookie") {
			received[i] = strings.TrimPrefix(line, "Cookie: ")
		}
	}
	before, after := pythonsThatRead(t, sent), pythonsThatRead(t, received)
	fooled := map[string]bool{}
	for i, name := range names {
		for _, server := range before[i] {
			fooled[server] = true
		}
		if len(after[i]) > 0 {
			t.Errorf("%s: %v find it in %q", name, after[i], received[i])
		}
	}
	if len(fooled) != 3 {
		t.Errorf("of what was sent, only %v find anything: the test tests nothing", fooled)
	}
}

package bridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// realReaders are servers that read Cookie headers as they do for apps. Each is asked for
// the values of the cookie shop_sid in each of the lines.
var realReaders = map[string]func(t *testing.T, lines []string) []string{
	"Rack":          rackReads,
	"PHP":           phpReads,
	"Node's cookie": nodeReads,
}

// TestRealServersFindNothingSmuggled asks PHP, Rack and Node's cookie. Python's servers
// are asked by TestServersFindNothingSmuggled.
func TestRealServersFindNothingSmuggled(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(rigConfig, `"grafana"`, `"guarded"`, 1)+`
[adapter.guarded]
kind            = "headers"
session_cookies = ["shop_sid"]
header          = { X-Webauth-User = { from = "email", required = true }, X-Webauth-Role = { from = "role" } }
`))
	written := smuggledCookies("shop_sid", "evil")
	written["nothing"] = "shop_sid=evil"
	names := slices.Collect(func(yield func(string) bool) {
		for name := range written {
			if !yield(name) {
				return
			}
		}
	})
	slices.Sort(names)
	sent, received := make([]string, len(names)), make([]string, len(names))
	for i, name := range names {
		sent[i] = written[name]
		wantStatus(t, r.get("Cookie: "+sent[i]+"; kept=1"), http.StatusOK)
		for _, line := range lines(r.upstream.last(t), "Cookie") {
			received[i] = strings.TrimPrefix(line, "Cookie: ")
		}
	}
	for server, read := range realReaders {
		t.Run(server, func(t *testing.T) {
			if before := read(t, sent); !slices.Contains(before, "evil") {
				t.Errorf("of what was sent, it finds only %q: the test tests nothing", before)
			}
			for i, value := range read(t, received) {
				if value != "" {
					t.Errorf("%s: it finds %q in %q", names[i], value, received[i])
				}
			}
		})
	}
}

// latin1 makes of each byte a character, because JSON has no bytes.
func latin1(lines []string) []byte {
	texts := make([]string, len(lines))
	for i, line := range lines {
		for j := range len(line) {
			texts[i] += string(rune(line[j]))
		}
	}
	text, err := json.Marshal(texts)
	if err != nil {
		panic(err)
	}
	return text
}

// unread skips a test on a laptop, and fails it in CI.
func unread(t *testing.T, err error, install string) {
	t.Helper()
	if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
		t.Fatalf("%v, and SSOBRIDGE_REQUIRE_REAL=1; %s", err, install)
	}
	t.Skipf("%v; %s", err, install)
}

// readsBy runs a program that reads lines as JSON, and prints one value for each.
func readsBy(t *testing.T, lines []string, install, name string, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = bytes.NewReader(latin1(lines))
	out, err := cmd.Output()
	if err != nil {
		unread(t, err, install)
	}
	var values []string
	if err := json.Unmarshal(out, &values); err != nil || len(values) != len(lines) {
		t.Fatalf("%v: %s", err, out)
	}
	return values
}

func rackReads(t *testing.T, lines []string) []string {
	const program = `puts JSON.parse(STDIN.read).map { |line|
	  (Rack::Request.new("HTTP_COOKIE" => line.encode("ISO-8859-1").b).cookies["shop_sid"] || "").to_s }.to_json`
	ruby := "ruby"
	if _, err := os.Stat("/usr/bin/ruby"); err == nil { // the first in PATH need not be Debian's
		ruby = "/usr/bin/ruby"
	}
	return readsBy(t, lines, "on Debian: apt-get install ruby-rack", ruby, "-rjson", "-rrack", "-e", program)
}

func nodeReads(t *testing.T, lines []string) []string {
	const program = `const cookie = require(process.argv[1]);
	let text = ""; process.stdin.on("data", d => text += d).on("end", () =>
	  console.log(JSON.stringify(JSON.parse(text).map(line => String(cookie.parse(line).shop_sid || "")))))`
	module := filepath.Join(os.Getenv("SSOBRIDGE_EXPRESS"), "node_modules", "cookie")
	if _, err := os.Stat(module); err != nil {
		unread(t, err, "run npm ci in bridge/adapter/realapps/testdata/express, and set SSOBRIDGE_EXPRESS to that directory")
	}
	return readsBy(t, lines, "install Node.js", "node", "-e", program, module)
}

// phpReads asks PHP's own web server, as only a server fills $_COOKIE.
func phpReads(t *testing.T, lines []string) []string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.php"), []byte(`<?php $c = $_COOKIE["shop_sid"] ?? ""; echo is_array($c) ? "" : $c;`), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	ctx, stop := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, "php", "-S", addr, "-t", dir)
	if err := cmd.Start(); err != nil {
		stop()
		unread(t, err, "on Debian: apt-get install php-cli")
	}
	defer func() {
		stop()
		_ = cmd.Wait()
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	values := make([]string, len(lines))
	for i, line := range lines {
		values[i] = phpAnswer(t, client, addr, line)
	}
	return values
}

// phpAnswer asks until PHP listens.
func phpAnswer(t *testing.T, client *http.Client, addr, line string) string {
	t.Helper()
	for tries := 0; ; tries++ {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if line != "" {
			r.Header["Cookie"] = []string{line}
		}
		resp, err := client.Do(r)
		if err == nil {
			defer func() { _ = resp.Body.Close() }()
			return body(t, resp)
		}
		if tries == 600 {
			t.Fatalf("PHP does not answer: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
}

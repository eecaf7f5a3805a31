package config

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestUnquotedSecretIsNotEchoed: what somebody wrote without quotes may be a password.
func TestUnquotedSecretIsNotEchoed(t *testing.T) {
	for _, secret := range []string{
		"hunter2", "Hunter2", "7hunter2", "1_2__3", "0xhunter", "1.2hunter", "-hunter2", "2027-hunter", "@hunter2", "hun ter2", "truehunter",
		"[hunter2", "{ file = hunter2 }", "infhunter", "1e5hunter", `"hunter2`, `'hunter2`, `"hunter\q2"`,
	} {
		_, err := Load(write(t, map[string]string{"config.toml": "[adapter.x]\nsecret = " + secret + "\n"}))
		if err == nil {
			t.Errorf("%s: loaded", secret)
			continue
		}
		message := err.Error()[strings.Index(err.Error(), "config.toml:"):]
		for _, part := range []string{"hun", "Hun", "7h", "1_2", "0x", "1.2", "2027-h", "1e5"} {
			if strings.Contains(secret, part) && strings.Contains(message, part) {
				t.Errorf("%s: echoed in %s", secret, message)
			}
		}
	}
}

// TestPortOutOfRange: a port that no machine has is called so.
func TestPortOutOfRange(t *testing.T) {
	for _, text := range []string{
		"[server]\nlisten = \":99999\"\n" + minimal,
		"[server]\nadmin_listen = \"127.0.0.1:65536\"\n" + minimal,
		strings.Replace(minimal, "http://127.0.0.1:3000", "http://127.0.0.1:70000", 1),
	} {
		if _, err := Load(write(t, map[string]string{"config.toml": text})); err == nil || !strings.Contains(err.Error(), "is out of range: ports go from 1 to 65535") {
			t.Errorf("%v", err)
		}
	}
}

// TestUpstreamIsTheBridge: each request would come back.
func TestUpstreamIsTheBridge(t *testing.T) {
	for _, test := range []struct {
		listen, upstream string
		loop             bool
	}{
		{":8080", "http://127.0.0.1:8080", true},
		{":8080", "http://localhost:8080", true},
		{":8080", "http://[::1]:8080", true},
		{":8080", "http://0.0.0.0:8080", true},
		{":8080", "http://127.0.0.1:9090", true}, // admin_listen
		{":8080", "http://127.0.0.1:8081", false},
		{":8080", "http://app:8080", false}, // another container's
		{":8080", "http://10.0.0.7:8080", false},
		{"0.0.0.0:80", "http://127.0.0.1", true},
		{"127.0.0.1:8080", "http://localhost:8080", true},
		{"10.0.0.7:8080", "http://127.0.0.1:8080", false},
		{"10.0.0.7:8080", "http://10.0.0.7:8080/base", true},
		{"unix:/run/ssobridge/listen.sock", "unix:/run/ssobridge/listen.sock", true},
		{"unix:/run/ssobridge/listen.sock", "unix:/run/app.sock", false},
	} {
		text := fmt.Sprintf("[server]\nlisten = %q\n", test.listen) + strings.Replace(minimal, "http://127.0.0.1:3000", test.upstream, 1)
		_, err := Load(write(t, map[string]string{"config.toml": text}))
		if loop := err != nil && strings.Contains(err.Error(), "the bridge itself"); loop != test.loop || err != nil && !loop {
			t.Errorf("upstream %s of listen %s: %v", test.upstream, test.listen, err)
		}
	}
}

// TestSyntaxErrorHidesNoOther: what is wrong in the other files is said as well, and what
// may stand in the broken one is not called missing.
func TestSyntaxErrorHidesNoOther(t *testing.T) {
	path := write(t, map[string]string{
		"config.toml": "include = [\"more/*.toml\"]\n[server]\nlisten = \"nothing\"\n",
		"more/a.toml": "[issuer.pomerium\n",
		"more/b.toml": "[app.b]\nhost = \"b.example.com\"\nupstream = \"nothing\"\nissuer = \"pomerium\"\nadapter = \"a-own\"\n" +
			"[[app.b.rule]]\nrole = \"x\"\ngroups = [\"@a-list\"]\n[adapter.c]\nextends = \"a-own\"\n",
		"more/d.toml": "x\n",
	})
	_, err := Load(path)
	if err == nil {
		t.Fatal("loaded")
	}
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		line = strings.TrimPrefix(line, strings.TrimSuffix(path, "config.toml"))
		lines = append(lines, strings.Join(strings.SplitN(line, ":", 4)[:3], ":"))
	}
	want := "config.toml:3: server.listen\nmore/a.toml:1: invalid TOML\nmore/b.toml:3: app.b.upstream\nmore/d.toml:1: invalid TOML"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s\n%v", got, want, err)
	}
}

// TestUnreadableIncludeDirectory: a directory that cannot be read is not called empty.
func TestUnreadableIncludeDirectory(t *testing.T) {
	path := write(t, map[string]string{"config.toml": "include = [\"more/*.toml\"]\n" + minimal, "more/a.toml": ""})
	dir := strings.TrimSuffix(path, "config.toml") + "more"
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if _, err := os.ReadDir(dir); err == nil { // root reads every directory, but no file as one
		path = write(t, map[string]string{"config.toml": "include = [\"more/*.toml\"]\n" + minimal, "more": ""})
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "more cannot be read (") {
		t.Errorf("%v", err)
	}
}

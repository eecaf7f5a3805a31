package realapps_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// required skips without something that is not installed, and fails where it
// must be.
func required(t *testing.T, what, install string) {
	t.Helper()
	if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
		t.Fatalf("%s is not installed, and SSOBRIDGE_REQUIRE_REAL=1; on Debian: %s", what, install)
	}
	t.Skipf("%s is not installed; on Debian: %s", what, install)
}

// requireProgram returns the path of a program, which is also looked for where
// Debian keeps servers.
func requireProgram(t *testing.T, name, install string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	required(t, name, install)
	return ""
}

// process is a program that a test started.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// start runs a program in dir until the test ends; what it printed is shown if
// the test has failed.
func start(t *testing.T, dir string, env []string, name string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := &logBuffer{}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: workers are ended with their master.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("starting %s: %v", name, err)
	}
	p := &process{name: filepath.Base(name), cmd: cmd, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // killed is how it ends
		close(p.done)
	}()
	t.Cleanup(func() {
		cancel()
		<-p.done
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // whoever of its group is left
		log.show(t, p.name)
	})
	return p
}

// answers waits until there is something at a path, if only a refusal.
func (p *process) answers(t *testing.T, addr, path string) {
	t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	p.wait(t, "answer at "+addr+path, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode < 500 && resp.StatusCode != http.StatusNotFound
	})
}

// wait tries until something holds, the process ends, or the deadline is over.
func (p *process) wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	over := time.After(deadline)
	for !holds() {
		select {
		case <-p.done:
			t.Fatalf("%s ended: %v", p.name, p.cmd.ProcessState)
		case <-over:
			t.Fatalf("%s does not %s within %s", p.name, what, deadline)
		case <-tick.C:
		}
	}
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr(t *testing.T) (addr, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err = net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return addr, port
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// testdata is the text of a file.
func testdata(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) show(t *testing.T, name string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.Failed() {
		t.Logf("%s said:\n%s", name, l.b.String())
	}
}

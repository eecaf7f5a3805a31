package server_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/server"
)

// processConfig is the environment variable that makes this test binary a bridge
// with the configuration that it names.
const processConfig = "SSOBRIDGE_TEST_SERVE"

func runProcess(path string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	passed, err := server.PassedListeners()
	if err != nil {
		log.Error("passed", "error", err)
		return 2
	}
	if err := server.Run(ctx, server.Options{ConfigPath: path, Log: log, Passed: passed}); err != nil {
		log.Error("run", "error", err)
		return 1
	}
	return 0
}

// process is a bridge of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string
}

// startProcess runs a bridge with r's configuration and these sockets, as systemd
// would: from descriptor 3 on, with the process's own number in LISTEN_PID.
func (r *run) startProcess(names string, files ...*os.File) *process {
	r.t.Helper()
	if files == nil {
		return r.startShell(`exec "$0"`, nil)
	}
	return r.startShell(`LISTEN_PID=$$ exec "$0"`, []string{"LISTEN_FDNAMES=" + names, fmt.Sprintf("LISTEN_FDS=%d", len(files))}, files...)
}

// startShell runs a bridge by a script, to which it is $0.
func (r *run) startShell(script string, env []string, files ...*os.File) *process {
	r.t.Helper()
	test, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	p := &process{t: r.t, cmd: exec.Command("/bin/sh", "-c", script, test), lines: make(chan string, 1000)}
	p.cmd.ExtraFiles = files
	p.cmd.Env = append(env, processConfig+"="+r.path, "PATH="+os.Getenv("PATH"), "GORACE="+os.Getenv("GORACE"))
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	r.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	return p
}

// wait waits for a line with text in it and returns it.
func (p *process) wait(text string) string {
	p.t.Helper()
	var before []string
	for line := range p.lines {
		if strings.Contains(line, text) {
			return line
		}
		before = append(before, line)
	}
	p.t.Fatalf("it ended without saying %q:\n%s", text, strings.Join(before, "\n"))
	return ""
}

// term ends it as systemd does, and waits for that.
func (p *process) term() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.wait("msg=stopped")
	for range p.lines { // to its end, before Wait closes the pipe
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("it ended with %v", err)
	}
}

// configured is a run whose server nobody has started: its Pomerium, its app and
// its configuration.
func configured(t *testing.T) *run {
	t.Helper()
	r := start(t, echoRole, nil)
	r.waitReady()
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	// Keys that are there at once: a process that starts answers at once.
	keys := t.TempDir() + "/jwks.json"
	put(t, keys, string(r.issuer.JWKS()))
	var text []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "jwks_url") {
			line = fmt.Sprintf("jwks_file = %q\n", keys)
		}
		text = append(text, line)
	}
	r.path = t.TempDir() + "/ssobridge.toml"
	put(t, r.path, strings.Join(text, ""))
	return r
}

// socket is a listening socket as systemd holds it.
func socket(t *testing.T) (*os.File, net.Addr) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	_ = l.Close()
	return file, l.Addr()
}

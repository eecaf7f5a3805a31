// Package storetest runs real Redis servers for tests, and does to them what happens
// to servers.
package storetest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// deadline is how long a server may take for what it is waited for.
const deadline = 20 * time.Second

// Require returns the path of a server, Redis or Valkey. Without one, the test is
// skipped, and fails where SSOBRIDGE_REQUIRE_REAL is 1.
func Require(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
		tb.Fatal("redis-server is not installed, and SSOBRIDGE_REQUIRE_REAL=1; on Debian: apt-get install redis-server")
	}
	tb.Skip("redis-server is not installed; on Debian: apt-get install redis-server")
	return ""
}

// Server is a Redis on loopback.
type Server struct {
	// Addr is "host:port".
	Addr string

	t    testing.TB
	path string
	args []string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  *Log
}

// Start runs a server at a free port until the test ends. It keeps nothing on disk
// but by SHUTDOWN SAVE. A "--tls-port" among args has no value: it makes the port one of TLS.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	addr, port := FreeAddr(tb)
	portKey := "--port"
	for i, arg := range args {
		if arg == "--tls-port" {
			portKey, args = "--tls-port", append(args[:i:i], append([]string{"--port", "0"}, args[i+1:]...)...)
			break
		}
	}
	return Run(tb, addr, append([]string{portKey, port, "--bind", "127.0.0.1", "--dir", tb.TempDir(), "--save", "", "--daemonize", "no"}, args...)...)
}

// Run runs a server that these arguments make listen at addr, until the test ends.
func Run(tb testing.TB, addr string, args ...string) *Server {
	tb.Helper()
	s := &Server{Addr: addr, t: tb, path: Require(tb), args: args}
	s.Start()
	return s
}

// Start runs it again after it has ended.
func (s *Server) Start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd, done, log := exec.CommandContext(ctx, s.path, s.args...), make(chan struct{}), &Log{} //nolint:gosec // G204: a server, for tests
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		s.t.Fatalf("starting %s: %v", s.path, err)
	}
	s.cmd, s.done, s.log = cmd, done, log
	go func() {
		_ = cmd.Wait() // killed is how it ends
		close(done)
	}()
	s.t.Cleanup(func() {
		cancel() // kills it
		<-done
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", filepath.Base(s.path), log)
		}
	})
	s.Until("accept connections", func() bool {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", s.Addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// Until tries until something holds, the server ends, or it takes too long.
func (s *Server) Until(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	over := time.After(deadline)
	for !holds() {
		select {
		case <-s.done:
			s.t.Fatalf("the server ended: %v\n%s", s.cmd.ProcessState, s.log)
		case <-over:
			s.t.Fatalf("the server does not %s within %s", what, deadline)
		case <-tick.C:
		}
	}
}

// Signal sends it a signal: SIGSTOP makes it hang, SIGCONT go on.
func (s *Server) Signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends it as a crash does.
func (s *Server) Kill() {
	s.t.Helper()
	s.Signal(syscall.SIGKILL)
	<-s.done
}

// Restart ends it as an administrator does, and starts it with what it had.
func (s *Server) Restart() {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	// It closes the connection instead of answering, which the library knows.
	if err := client.ShutdownSave(context.Background()).Err(); err != nil {
		s.t.Fatalf("SHUTDOWN SAVE: %v", err)
	}
	<-s.done
	s.Start()
}

// Client returns an administrator's client, for the caller to close.
func (s *Server) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2, DisableIdentity: true})
}

// Do sends a command as an administrator would.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	client := s.Client()
	defer func() { _ = client.Close() }()
	answer, err := client.Do(context.Background(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args[0], err)
	}
	return answer
}

// FreeAddr returns an address on loopback at which nobody listens, and its port.
func FreeAddr(tb testing.TB) (addr, port string) {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	_, port, err = net.SplitHostPort(addr)
	if err != nil {
		tb.Fatal(err)
	}
	return addr, port
}

// Log is what was written to it. It is safe for concurrent use.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

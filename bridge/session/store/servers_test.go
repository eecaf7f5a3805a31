package store

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startDeadline is how long a server may take to start.
const startDeadline = 20 * time.Second

// requireRedis returns the path of a server, Redis or Valkey.
func requireRedis(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
		t.Fatal("redis-server is not installed, and SSOBRIDGE_REQUIRE_REAL=1; on Debian: apt-get install redis-server")
	}
	t.Skip("redis-server is not installed; on Debian: apt-get install redis-server")
	return ""
}

// server is a real Redis.
type server struct {
	t    testing.TB
	path string
	dir  string
	addr string
	args []string

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  *logBuffer
}

// startServer runs a server at a free loopback port until the test ends.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	_, port := freeAddr(t)
	s := &server{t: t, path: requireRedis(t), dir: t.TempDir(), addr: "127.0.0.1:" + port}
	portKey := "--port"
	for i, arg := range args {
		if arg == "--tls-port" {
			portKey, args = "--tls-port", append(args[:i:i], append([]string{"--port", "0"}, args[i+1:]...)...)
			break
		}
	}
	s.args = append([]string{portKey, port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--daemonize", "no"}, args...)
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.log = &logBuffer{}
	s.cmd = exec.CommandContext(ctx, s.path, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.WaitDelay = 5 * time.Second
	if err := s.cmd.Start(); err != nil {
		cancel()
		s.t.Fatalf("starting %s: %v", s.path, err)
	}
	cmd, done, log := s.cmd, make(chan struct{}), s.log
	s.done = done
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
	s.until("accept connections", func() bool {
		conn, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// until tries until something holds, the server ends, or the deadline is over.
func (s *server) until(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	over := time.After(startDeadline)
	for !holds() {
		select {
		case <-s.done:
			s.t.Fatalf("the server ended: %v\n%s", s.cmd.ProcessState, s.log)
		case <-over:
			s.t.Fatalf("the server does not %s within %s", what, startDeadline)
		case <-tick.C:
		}
	}
}

func (s *server) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// kill ends it as a crash does.
func (s *server) kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	<-s.done
}

// do sends a command as an administrator would.
func (s *server) do(args ...any) any {
	s.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.addr, Protocol: 2, DisableIdentity: true})
	defer func() { _ = client.Close() }()
	answer, err := client.Do(context.Background(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args[0], err)
	}
	return answer
}

func freeAddr(t testing.TB) (addr, port string) {
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

// startCluster runs a cluster of two servers.
func startCluster(t testing.TB) (first, second *server) {
	t.Helper()
	one := func() *server {
		return startServer(t, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
	}
	first, second = one(), one()
	first.do("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
	second.do("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
	host, port, _ := net.SplitHostPort(second.addr)
	first.do("CLUSTER", "MEET", host, port)
	for _, s := range []*server{first, second} {
		s.until("join the cluster", func() bool {
			info := s.do("CLUSTER", "INFO").(string)
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384")
		})
	}
	return first, second
}

// startSentinel runs a Sentinel that watches a server.
func startSentinel(t testing.TB, master *server, lines ...string) *server {
	t.Helper()
	_, port := freeAddr(t)
	dir := t.TempDir()
	host, masterPort, _ := net.SplitHostPort(master.addr)
	config := filepath.Join(dir, "sentinel.conf")
	portKey := "port "
	if i := slices.Index(lines, "tls-port"); i >= 0 {
		lines[i], portKey = "port 0", "tls-port "
	}
	lines = append([]string{
		portKey + port, "bind 127.0.0.1", "dir " + dir,
		fmt.Sprintf("sentinel monitor mymaster %s %s 1", host, masterPort),
		"sentinel down-after-milliseconds mymaster 300",
		"sentinel failover-timeout mymaster 3000",
	}, lines...)
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, path: requireRedis(t), dir: dir, addr: "127.0.0.1:" + port, args: []string{config, "--sentinel"}}
	s.start()
	return s
}

// authority makes certificates for 127.0.0.1, and files of them.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}
	a.cert, a.key = a.sign("ca", template, nil)
	return a
}

// sign writes NAME.pem and NAME.key.
func (a *authority) sign(name string, template *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent := a.cert
	if by == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(filepath.Join(a.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return cert, key
}

func (a *authority) issue(name string) tls.Certificate {
	a.t.Helper()
	a.sign(name, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.key)
	pair, err := tls.LoadX509KeyPair(a.file(name+".pem"), a.file(name+".key"))
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// serverArgs make a server speak TLS, and want a client certificate if it asks for one.
func (a *authority) serverArgs(askClients string) []string {
	a.issue("server")
	return []string{
		"--tls-port", "--tls-cert-file", a.file("server.pem"), "--tls-key-file", a.file("server.key"),
		"--tls-ca-cert-file", a.file("ca.pem"), "--tls-auth-clients", askClients,
	}
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

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

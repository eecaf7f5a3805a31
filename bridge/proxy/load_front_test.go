//go:build unix

package proxy_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/internal/baseline"
	"github.com/ssobridge/ssobridge/bridge/server"
)

// TestLoadFront is a front: it serves until its input ends, and says what it has used
// for every line of it.
func TestLoadFront(t *testing.T) {
	name := os.Getenv("SSOBRIDGE_LOAD_FRONT")
	if name == "" {
		t.Skip("run by TestLoad")
	}
	dir, upstream := os.Getenv("SSOBRIDGE_LOAD_DIR"), os.Getenv("SSOBRIDGE_LOAD_UPSTREAM")
	addr := ""
	if name == "ssobridge" {
		addr = serveBridge(t, dir, upstream)
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr = l.Addr().String()
		handler := plainProxy(upstream)
		if name == "ReverseProxy+ecdsa" {
			handler = verifyingProxy(t, dir, handler)
		}
		go func() { _ = http.Serve(l, handler) }()
	}
	fmt.Println(addr)
	for in := bufio.NewReader(os.Stdin); ; {
		if _, err := in.ReadString('\n'); err != nil {
			os.Exit(0)
		}
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		line, _ := json.Marshal(usage{time.Duration(r.Utime.Nano() + r.Stime.Nano()), residentBytes()})
		fmt.Println(string(line))
	}
}

// residentBytes is what the process has in memory, or 0 where that cannot be known.
func residentBytes() int64 {
	if runtime.GOOS != "linux" {
		return 0
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func plainProxy(upstream string) http.Handler {
	// As many idle connections as package proxy keeps: dialing is not what is compared.
	transport := &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true}
	return baseline.ReverseProxy(&url.URL{Scheme: "http", Host: upstream}, transport)
}

// verifyingProxy checks signatures by the key in dir.
func verifyingProxy(t *testing.T, dir string, next http.Handler) http.Handler {
	text, err := os.ReadFile(filepath.Join(dir, "pomerium.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return baseline.Verifying(public.(*ecdsa.PublicKey), next)
}

// serveBridge runs ssobridge as `serve` does.
func serveBridge(t *testing.T, dir, upstream string) string {
	path := filepath.Join(dir, "ssobridge.toml")
	toml := fmt.Sprintf(`
[server]
listen       = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[issuer.pomerium]
public_key_file = "pomerium.pem"

[app.app]
host     = %q
upstream = "http://%s"
adapter  = "grafana"
# The load is one person's.
max_concurrent_per_person = 0

[[app.app.rule]]
role   = "Viewer"
emails = ["*@example.com"]
`, loadHost, upstream)
	if err := os.WriteFile(path, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	started := make(chan string, 1)
	go func() {
		err := server.Run(context.Background(), server.Options{
			ConfigPath: path, Log: slog.New(slog.DiscardHandler),
			Started: func(a server.Addrs) { started <- a.Listen.String() },
		})
		fmt.Fprintln(os.Stderr, "ssobridge ended:", err)
		os.Exit(1)
	}()
	return <-started
}

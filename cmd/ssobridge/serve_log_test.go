package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// serveOnce answers each connection's first request so, and leaves the connection open.
func serveOnce(t *testing.T, answer string) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, answer)
				}
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	return l.Addr()
}

// An app that answers HEAD with a body has its beginning written to the standard log by
// net/http, which is where nobody filters it.
func TestAnswersOfAppsAreNotLogged(t *testing.T) {
	const secret = "SESSION-SECRET"
	app := serveOnce(t, "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"+secret+strings.Repeat("x", 40-len(secret)))
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"key.pem": string(issuer.PublicPEM()),
		"c.toml": fmt.Sprintf(`
[server]
listen       = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[issuer.pomerium]
public_key_file = "key.pem"
[app.wiki]
host     = "wiki.example.com"
upstream = "http://%s"
adapter  = "remote-user"
[[app.wiki.rule]]
role   = "reader"
emails = ["*@example.com"]
`, app),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var standard bytes.Buffer
	before := log.Writer()
	log.SetOutput(&standard)
	defer log.SetOutput(before)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	said, stderr := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--config", filepath.Join(dir, "c.toml"), "--log-level", "debug"}, nil, io.Discard, stderr)
		_ = stderr.Close()
	}()
	timeout := time.AfterFunc(20*time.Second, func() { _ = said.CloseWithError(os.ErrDeadlineExceeded) })
	defer timeout.Stop()
	var all strings.Builder
	lines := bufio.NewScanner(said)
	wait := func(pattern string) string {
		t.Helper()
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
			if m := regexp.MustCompile(pattern).FindStringSubmatch(lines.Text()); m != nil {
				return m[len(m)-1]
			}
		}
		t.Fatalf("it did not say %s:\n%s", pattern, all.String())
		return ""
	}
	address := wait(`msg=serving listen=(\S+)`)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		q, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://"+address+"/", nil)
		if err != nil {
			t.Error(err)
			return
		}
		q.Host, q.Close = "wiki.example.com", true
		q.Header.Set("X-Pomerium-Jwt-Assertion", issuer.Assertion(verifiertest.Claims{Audience: "wiki.example.com", Subject: "ann-id", Email: "ann@example.com"}))
		resp, err := http.DefaultTransport.RoundTrip(q)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%v %v", resp, err)
			return
		}
		_ = resp.Body.Close()
	}()
	wait(`level=DEBUG msg="said by a library" text="Unsolicited response received on idle HTTP channel"`)
	<-asked
	stop()
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
	}
	if code := <-ended; code != exitOK {
		t.Errorf("it ended with %d", code)
	}
	if strings.Contains(all.String()+standard.String(), secret) {
		t.Errorf("what the app answered is in the log:\n%s%s", &all, &standard)
	}
	if log.Writer() != &standard {
		t.Error("the standard log is not as it was")
	}
}

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

var update = flag.Bool("update", false, "rewrite golden output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ssobridge": main})
}

// TestScripts runs testdata/script/*.txtar: every command as a user types it,
// by a process of its own. Besides testscript's commands there are
//
//	pomerium                 start an issuer; $JWKS is its key set, key.pem its public key
//	upstream                 start an app that answers with what it received; $UPSTREAM is its URL
//	assertion FILE K=V...    write an assertion of that issuer: aud, sub, email, name, group (repeatable), exp (a duration from now)
//	serve ARGS...            start ssobridge serve; $ADDR and $ADMIN are where it listens
//	get HOST PATH [FILE]     send a request with the assertion in FILE; the answer is stdout
//	admin PATH               send a request to the admin listener; the answer is stdout
//	hup TEXT                 send SIGHUP and wait until the log says TEXT
//	term TEXT                send SIGTERM and wait until the log says TEXT
//	stop                     send SIGTERM and wait for the end, which must be clean
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[worldKey{}] = &world{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"pomerium":  with((*world).startPomerium),
			"upstream":  with((*world).startUpstream),
			"assertion": with((*world).assertion),
			"serve":     with((*world).serve),
			"get":       with((*world).get),
			"admin":     with((*world).admin),
			"hup":       with((*world).hup),
			"term":      with((*world).term),
			"stop":      with((*world).stop),
		},
	})
}

type worldKey struct{}

// world is what one script has started.
type world struct {
	issuer *verifiertest.Issuer
	cmd    *exec.Cmd
	log    *processLog
}

func with(f func(*world, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		f(ts.Value(worldKey{}).(*world), ts, args)
	}
}

func (w *world) startPomerium(ts *testscript.TestScript, _ []string) {
	issuer, err := verifiertest.NewIssuer()
	ts.Check(err)
	w.issuer = issuer
	server := httptest.NewServer(issuer.Handler())
	ts.Defer(server.Close)
	ts.Setenv("JWKS", server.URL+verifiertest.JWKSPath)
	ts.Setenv("KEYID", issuer.KeyID())
	ts.Check(os.WriteFile(ts.MkAbs("key.pem"), issuer.PublicPEM(), 0o600))
}

func (w *world) startUpstream(ts *testscript.TestScript, _ []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s\n", r.Method, r.URL)
		_ = r.Header.WriteSubset(w, map[string]bool{"User-Agent": true, "Accept-Encoding": true, "X-Webauth-Groups": true})
	}))
	ts.Defer(server.Close)
	ts.Setenv("UPSTREAM", server.URL)
}

func (w *world) assertion(ts *testscript.TestScript, args []string) {
	var c verifiertest.Claims
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "aud":
			c.Audience = value
		case "sub":
			c.Subject = value
		case "email":
			c.Email = value
		case "name":
			c.Name = value
		case "group":
			c.Groups = append(c.Groups, value)
		case "exp":
			d, err := time.ParseDuration(value)
			ts.Check(err)
			c.Expires = time.Now().Add(d)
		default:
			ts.Fatalf("assertion: unknown key %q", key)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(w.issuer.Assertion(c)+"\n"), 0o600))
}

var servingLine = regexp.MustCompile(`msg=serving listen=(\S+) admin_listen=(\S+)`)

func (w *world) serve(ts *testscript.TestScript, args []string) {
	path, err := exec.LookPath("ssobridge")
	ts.Check(err)
	w.log = newProcessLog()
	w.cmd = exec.Command(path, append([]string{"serve"}, args...)...)
	w.cmd.Dir = ts.MkAbs(".")
	w.cmd.Stderr = w.log
	ts.Check(w.cmd.Start())
	ts.Defer(func() {
		if w.cmd != nil {
			_ = w.cmd.Process.Kill()
			_ = w.cmd.Wait()
		}
	})
	m := w.log.wait(ts, servingLine)
	ts.Setenv("ADDR", m[1])
	ts.Setenv("ADMIN", m[2])
	if strings.Contains(w.log.String(), "keys changed") || strings.Contains(ts.ReadFile(args[len(args)-1]), "public_key_file") {
		return
	}
	w.log.wait(ts, regexp.MustCompile("keys changed"))
}

func (w *world) get(ts *testscript.TestScript, args []string) {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+ts.Getenv("ADDR")+args[1], nil)
	ts.Check(err)
	q.Host = args[0]
	if len(args) > 2 {
		q.Header.Set("X-Pomerium-Jwt-Assertion", strings.TrimSpace(ts.ReadFile(args[2])))
	}
	// What a client sends to be somebody else.
	q.Header.Set("X-Webauth-User", "mallory@example.com")
	q.Header["X_webauth_role"] = []string{"Admin"}
	answer(ts, q)
}

func (w *world) admin(ts *testscript.TestScript, args []string) {
	q, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+ts.Getenv("ADMIN")+args[0], nil)
	ts.Check(err)
	answer(ts, q)
}

func answer(ts *testscript.TestScript, q *http.Request) {
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(q)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	_, err = fmt.Fprintf(ts.Stdout(), "%d\n%s", resp.StatusCode, bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
	ts.Check(err)
}

func (w *world) hup(ts *testscript.TestScript, args []string) { w.signal(ts, syscall.SIGHUP, args) }

func (w *world) term(ts *testscript.TestScript, args []string) { w.signal(ts, syscall.SIGTERM, args) }

func (w *world) signal(ts *testscript.TestScript, s os.Signal, args []string) {
	w.log.reset()
	ts.Check(w.cmd.Process.Signal(s))
	w.log.wait(ts, regexp.MustCompile(args[0]))
	_, err := io.WriteString(ts.Stdout(), w.log.String())
	ts.Check(err)
}

func (w *world) stop(ts *testscript.TestScript, _ []string) {
	ts.Check(w.cmd.Process.Signal(syscall.SIGTERM))
	err := w.cmd.Wait()
	w.cmd = nil
	ts.Check(err)
}

// processLog lets a script wait for what a process writes.
type processLog struct {
	mu    sync.Mutex
	b     bytes.Buffer
	wrote chan struct{}
}

func newProcessLog() *processLog { return &processLog{wrote: make(chan struct{}, 1)} }

func (l *processLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.wrote <- struct{}{}:
	default:
	}
	return l.b.Write(p)
}

func (l *processLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *processLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *processLog) wait(ts *testscript.TestScript, pattern *regexp.Regexp) []string {
	timeout := time.After(20 * time.Second)
	for {
		if m := pattern.FindStringSubmatch(l.String()); m != nil {
			return m
		}
		select {
		case <-l.wrote:
		case <-timeout:
			ts.Fatalf("the log never matched %s:\n%s", pattern, l)
		}
	}
}

package demo

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ssobridge/ssobridge/bridge/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// demo is a running one, known by what it printed only.

type demo struct {
	guide                     string
	grafana, wiki, gitea, pom string // base URLs, without the last slash
	bridge, admin             string
	config                    string
	log                       *lockedBuffer
	stop                      func() error // ends it, as Ctrl-C does
}

// outbox hands on the one text that is written to it.

type outbox chan string

func (o outbox) Write(p []byte) (int, error) {
	o <- string(p)
	return len(p), nil
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startDemo runs the demo on free ports, in an empty TMPDIR that is empty again
// after it.

func startDemo(t *testing.T) *demo {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	d := &demo{log: &lockedBuffer{}}
	out := make(outbox, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{Out: out, Log: slog.New(slog.NewTextHandler(d.log, nil))})
	}()
	d.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
		left, err := os.ReadDir(tmp)
		if err != nil || len(left) > 0 {
			t.Errorf("the demo left %v in the temporary directory (%v)", left, err)
		}
	})
	select {
	case d.guide = <-out:
	case err := <-ended:
		ended <- err
		t.Fatalf("the demo ended with %v", err)
	}
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(d.guide)
		if m == nil {
			t.Fatalf("nothing like %s was printed:\n%s", pattern, d.guide)
		}
		return m[1]
	}
	d.grafana = find(`  (http://grafana\.localhost:\d+)/ `)
	d.wiki = find(`  (http://wiki\.localhost:\d+)/ `)
	d.gitea = find(`  (http://gitea\.localhost:\d+)/ `)
	d.pom = find(`  (http://localhost:\d+)/ `)
	d.bridge = find(`'Host: grafana.localhost' (http://127\.0\.0\.1:\d+)/`)
	d.admin = find(`curl (http://127\.0\.0\.1:\d+)/readyz`)
	d.config = find(`explain --config (\S+) `)
	return d
}

func (d *demo) app(name string) string {
	return map[string]string{"grafana": d.grafana, "wiki": d.wiki, "gitea": d.gitea}[name]
}

// TestOperators uses the admin addresses as printed. That Run has printed them
// means that ssobridge is ready.
func TestOperators(t *testing.T) {
	d := startDemo(t)
	if status, body := curl(t, d.admin+"/readyz", nil); status != http.StatusOK {
		t.Errorf("/readyz: status %d\n%s", status, body)
	}
	curl(t, d.grafana+"/", http.Header{"Cookie": {sessionCookie + "=carol"}})
	_, body := curl(t, d.admin+"/metrics", nil)
	if want := `ssobridge_refusals_total{app="grafana",reason="no_role"} 1`; !strings.Contains(body, want) {
		t.Errorf("no %s in /metrics", want)
	}
	if strings.Contains(d.log.String(), "level=WARN") || strings.Contains(d.log.String(), "level=ERROR") {
		t.Errorf("ssobridge warned:\n%s", d.log)
	}
}

// TestPrintedCommands pastes what was printed into a shell.
func TestPrintedCommands(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl found, so the printed commands are not tried")
	}
	d := startDemo(t)
	// An old curl does not know what *.localhost is; the rest of its command
	// stays as printed.
	home := t.TempDir()
	rc := "silent\nresolve = \"*:" + d.grafana[strings.LastIndex(d.grafana, ":")+1:] + ":127.0.0.1\"\n"
	if err := os.WriteFile(filepath.Join(home, ".curlrc"), []byte(rc), 0o600); err != nil {
		t.Fatal(err)
	}
	wants := []struct{ about, want string }{
		{"allowed, as Admin", "  role    Admin\n"},
		{"refused: no rule gives Carol a role", `"person":"carol@contractor.example"`},
		{"spoofed: stays Bob the Editor", "  user    bob@example.com\n  name    Bob Baker\n  role    Editor\n"},
		{"refused: past Pomerium, without an assertion", `"error":"unauthenticated"`},
		{"an assertion, for ssobridge inspect and explain --assertion", "eyJ"},
		{"are the issuer's keys there?", `{"ready":true,`},
		{"requests by app and outcome, refusals by reason", `ssobridge_requests_total{app="grafana",outcome="allowed"} 2`},
	}
	for _, tt := range wants {
		t.Run(tt.about, func(t *testing.T) {
			_, command, found := strings.Cut(d.guide, "  # "+tt.about+"\n")
			if !found {
				t.Fatal("not printed")
			}
			line, _, _ := strings.Cut(strings.ReplaceAll(command, "\\\n", ""), "\n")
			shell := exec.CommandContext(t.Context(), "sh", "-c", line)
			shell.Env = []string{"PATH=" + os.Getenv("PATH"), "CURL_HOME=" + home}
			out, err := shell.CombinedOutput()
			if err != nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("%s\nprinted (%v)\n%s\nwant in it: %s", line, err, out, tt.want)
			}
		})
	}
	if n := strings.Count(d.guide, "\n  # "); n != len(wants) {
		t.Errorf("%d commands are printed, and %d tried", n, len(wants))
	}
}

// TestConfig loads the printed configuration from the printed place, as
// explain would.
func TestConfig(t *testing.T) {
	d := startDemo(t)
	text, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(d.guide, string(text)) {
		t.Error("the file is not what was printed")
	}
	c, err := config.Load(d.config)
	if err != nil {
		t.Fatal(err)
	}
	if failures := c.FailedTests(time.Now()); len(failures) > 0 {
		t.Errorf("policy tests fail: %v", failures)
	}
	f := configFile{text: string(text)}
	for _, a := range c.Apps {
		for i, r := range a.Policy.Rules {
			name := fmt.Sprintf("rule[%d]", i+1)
			if got := f.rule(a.Name, name); !strings.Contains(got, `= "`+r.Role+`"`) {
				t.Errorf("%s of %s is quoted as %q", name, a.Name, got)
			}
		}
		if got := f.rule(a.Name, fmt.Sprintf("rule[%d]", len(a.Policy.Rules)+1)); got != "" {
			t.Errorf("a rule that is not there is quoted as %q", got)
		}
	}
	for _, name := range []string{"", "none", "rule[0]", "rule[-1]", "rule[x]"} {
		if got := f.rule("grafana", name); got != "" {
			t.Errorf("%q is quoted as %q", name, got)
		}
	}
}

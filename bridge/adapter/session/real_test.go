package session

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/lookup"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/realdb"
)

// djangoApp is testdata/django_app.py, on a database that a test has for itself.
type djangoApp struct {
	t   *testing.T
	in  *json.Encoder
	out *bufio.Reader
}

type djangoVisit struct {
	Engine   string `json:"engine"`
	Cookie   string `json:"cookie"`
	Password string `json:"password,omitempty"`
}

type djangoAnswer struct {
	User string            `json:"user"` // empty: nobody
	Seen int               `json:"seen"` // visits, by the session
	Set  map[string]string `json:"set"`
}

func startDjango(t *testing.T, database, secret string) *djangoApp {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	// The Python that Debian's modules are for need not be the first one in PATH.
	python := ""
	for _, candidate := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, candidate, "-c", "import django, psycopg2").Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		const what = "Python with django and psycopg2 is not installed"
		if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
			t.Fatal(what + ", and SSOBRIDGE_REQUIRE_REAL=1; on Debian: python3-django python3-psycopg2")
		}
		t.Skip(what + "; on Debian: python3-django python3-psycopg2")
	}
	socket, _, _ := strings.Cut(strings.TrimPrefix(database, "host="), " ")
	cmd := exec.CommandContext(ctx, python, "-B", "testdata/django_app.py", socket, secret)
	var log strings.Builder
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("Django ended with %v and said:\n%s", err, &log)
		}
	})
	app := &djangoApp{t, json.NewEncoder(in), bufio.NewReader(out)}
	var ready string
	app.read(&ready)
	return app
}

func (a *djangoApp) read(v any) {
	a.t.Helper()
	line, err := a.out.ReadBytes('\n')
	if err != nil {
		a.t.Fatalf("Django says nothing: %v", err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		a.t.Fatal(err)
	}
}

func (a *djangoApp) visit(v djangoVisit) (answer djangoAnswer) {
	a.t.Helper()
	if err := a.in.Encode(v); err != nil {
		a.t.Fatal(err)
	}
	a.read(&answer)
	return answer
}

func cookieHeader(cookies map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(cookies)) {
		pairs = append(pairs, name+"="+cookies[name])
	}
	return strings.Join(pairs, "; ")
}

// djangoOptions are those of the presets django-signed-cookies and django-db.
func djangoOptionsOf(engine, database, secret string) *Options {
	o := &Options{
		Codec: "django", Secrets: secretsOf(secret),
		Fields: map[string]document.Field{
			"_auth_user_id":      {Lookup: "id", Type: "string", Required: true},
			"_auth_user_backend": {Const: "django.contrib.auth.backends.ModelBackend"},
			"_auth_user_hash":    {Lookup: "password", As: "django_auth_hash", Required: true},
		},
		Lookup: lookup.Options{
			Database: lookup.Database{Driver: "postgres", DSN: secretOf(database)},
			Query:    "SELECT id, password, email FROM auth_user WHERE email = $1 AND is_active",
			By:       document.Field{From: "email"}, Match: "email",
		},
	}
	if engine == "db" {
		o.Django.Backend, o.Django.Database = "db", o.Lookup.Database
	}
	return o
}

// TestRealDjangoSignsIn: with what its own database says of somebody, Django takes a
// session for that person's own, goes on with it, and ends it when the password
// changes.
func TestRealDjangoSignsIn(t *testing.T) {
	database := realdb.Postgres(t)
	secret := appSecret + "-django"
	app := startDjango(t, database, secret)
	for _, engine := range []string{"signed_cookies", "db"} {
		t.Run(engine, func(t *testing.T) {
			app.t = t
			a := mustOpen(t, djangoOptionsOf(engine, database, secret), serving)
			in := inputOf(ann())
			in.Time = time.Now() // Django's clock is the real one
			cookies := begin(t, a, in)
			first := app.visit(djangoVisit{Engine: engine, Cookie: cookieHeader(cookies)})
			if first.User != "ann" || first.Seen != 0 {
				t.Fatalf("%+v", first)
			}
			// The app has written to its session: it stays Ann's, with what is in it.
			maps.Copy(cookies, first.Set)
			if got := read(t, a, in, cookies); got != adapter.SessionKept {
				t.Errorf("after the app's first answer: %s", got)
			}
			if second := app.visit(djangoVisit{Engine: engine, Cookie: cookieHeader(cookies)}); second.User != "ann" || second.Seen != 1 {
				t.Errorf("%+v", second)
			}
			bob := inputOf(ann())
			bob.Time, bob.Principal.Subject, bob.Principal.Email = in.Time, "77b1", "bob@example.com"
			// Of whom nothing but their number is in the session, another email is another
			// row.
			moved := in
			renamed := *in.Principal
			moved.Principal = &renamed
			renamed.Email = "ann@example.org"
			if got := read(t, a, moved, cookies); got != adapter.SessionOther {
				t.Errorf("to Ann of another email: %s", got)
			}
			if got := read(t, a, bob, cookies); got != adapter.SessionOther {
				t.Errorf("to Bob: %s", got)
			}
			if got := app.visit(djangoVisit{Engine: engine, Cookie: cookieHeader(begin(t, a, bob))}); got.User != "bob" {
				t.Errorf("%+v", got)
			}
			for _, email := range []string{"eve@example.com", "two@example.com", "nobody@example.com"} {
				bob.Principal.Email = email
				if list, err := a.StartSession(t.Context(), bob, nobody{}); !errors.Is(err, adapter.ErrUnsendable) || list != nil {
					t.Errorf("%s: %v, %v", email, list, err)
				}
			}
			if got := app.visit(djangoVisit{Engine: engine, Cookie: cookieHeader(cookies), Password: "another " + engine}); got.User != "" {
				t.Errorf("after the password has changed: %+v", got)
			}
			again := begin(t, a, in)
			if got := app.visit(djangoVisit{Engine: engine, Cookie: cookieHeader(again)}); got.User != "ann" {
				t.Errorf("begun again: %+v", got)
			}
			ender, ends := a.(adapter.SessionEnder)
			if ends != (engine == "db") {
				t.Fatalf("can be ended: %t", ends)
			}
			if !ends {
				return
			}
			if err := ender.EndSession(t.Context(), again); err != nil {
				t.Fatal(err)
			}
			if got := app.visit(djangoVisit{Engine: engine, Cookie: cookieHeader(again)}); got.User != "" {
				t.Errorf("after its end: %+v", got)
			}
		})
	}
}

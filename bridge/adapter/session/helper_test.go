package session

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/mapping"
	"github.com/ssobridge/ssobridge/verifier"
)

var noon = time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)

const (
	appSecret   = "hush-0123456789abcdef0123456789"
	otherSecret = "else-0123456789abcdef0123456789ab"
)

var serving = adapter.Env{App: "wiki", Host: "wiki.example.com", ReadSecrets: true}

func secretOf(value string) adapter.Secret {
	return adapter.NewSecret(func() (string, error) { return value, nil })
}

func secretsOf(values ...string) []adapter.Secret {
	all := make([]adapter.Secret, len(values))
	for i, value := range values {
		all[i] = secretOf(value)
	}
	return all
}

// ann is a person with something in every field.
func ann() *verifier.Principal {
	return &verifier.Principal{
		Subject: "2f6a", Email: "ann@example.com", Name: "Ann Exämple", Groups: []string{"sre", "staff"},
		SessionID: "8b05c98c", IssuedAt: noon.Add(-time.Minute), ExpiresAt: noon.Add(4 * time.Minute),
		Claims: map[string]any{"iss": "wiki.example.com", "department": "Engineering", "level": 3.0, "text_id": "9007199254740993"},
	}
}

func inputOf(p *verifier.Principal) adapter.Input {
	return adapter.Input{
		Principal: p, Time: noon,
		Decision: mapping.Decision{Roles: []string{"editor"}, Rule: 2, Attributes: map[string]string{"org": "Main"}},
	}
}

// framework is how an app of one format is told of somebody.
type framework struct {
	codec string
	// secrets are two in the form that the format has them.
	secret, other string
	change        func(tb testing.TB, o *Options)
	// ownEnd: the format says itself when a session ends. oneSecret: it has no second.
	ownEnd, oneSecret bool
}

// frameworks are all of them. What they need runs until the test ends.
func frameworks(tb testing.TB) []framework {
	tb.Helper()
	address := ""
	return []framework{
		{codec: "flask"},
		{codec: "starlette"},
		{codec: "django"},
		{codec: "cookie-session"},
		{codec: "express-session", ownEnd: true, change: func(inner testing.TB, o *Options) {
			inner.Helper()
			program := redisProgram(inner)
			if address == "" {
				address = startRedis(tb, program)
			}
			o.ExpressSession.Redis = secretOf(address)
		}},
		{codec: "authjs", ownEnd: true},
		{codec: "nextauth", ownEnd: true, oneSecret: true},
		{codec: "gorilla", change: func(_ testing.TB, o *Options) {
			o.Cookie = "app-session"
			delete(o.Fields, "profile")
		}},
		{codec: "rails", ownEnd: true, change: func(_ testing.TB, o *Options) { o.Cookie = "_wiki_session" }},
		{
			codec: "laravel", ownEnd: true,
			secret: "base64:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", other: "base64:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
		},
	}
}

func (f framework) secrets() (first, second string) {
	if f.secret != "" {
		return f.secret, f.other
	}
	return appSecret + "-1", otherSecret
}

// options are those of an app whose sessions have a field of each sort.
func (f framework) options(tb testing.TB) *Options {
	tb.Helper()
	first, _ := f.secrets()
	o := &Options{
		Codec: f.codec, Secrets: secretsOf(first),
		Fields: map[string]document.Field{
			"user_id": {From: "email", Required: true},
			"name":    {From: "name"},
			"roles":   {From: "roles"},
			"level":   {Claim: "level", Type: "number"},
			"fresh":   {Const: true},
			"org":     {Attribute: "org"},
			"profile": {Object: map[string]document.Field{"department": {Claim: "department"}}},
		},
		AppMayChange: []string{"fresh"},
	}
	if f.change != nil {
		f.change(tb, o)
	}
	return o
}

func mustOpen(tb testing.TB, o *Options, env adapter.Env) adapter.SessionReader {
	tb.Helper()
	a, err := o.Open(env)
	if err != nil {
		tb.Fatal(err)
	}
	return a.(adapter.SessionReader)
}

// opened returns the adapter itself.
func opened(tb testing.TB, a adapter.Adapter) *sessionAdapter {
	tb.Helper()
	if stored, is := a.(*storedAdapter); is {
		return stored.sessionAdapter
	}
	return a.(*sessionAdapter)
}

// nobody is an app that must not be called.
type nobody struct{}

func (nobody) Do(*http.Request) (*http.Response, error) { return nil, errors.New("the app was called") }

// begin starts a session, and returns its cookies.
func begin(tb testing.TB, a adapter.SessionStarter, in adapter.Input) map[string]string {
	tb.Helper()
	list, err := a.StartSession(tb.Context(), in, nobody{})
	if err != nil {
		tb.Fatal(err)
	}
	cookies := make(map[string]string, len(list))
	for _, c := range list {
		cookies[c.Name] = c.Value
	}
	return cookies
}

func read(tb testing.TB, a adapter.SessionReader, in adapter.Input, cookies map[string]string) adapter.SessionVerdict {
	tb.Helper()
	before := maps.Clone(cookies)
	v, err := a.ReadSession(tb.Context(), in, cookies)
	if err != nil {
		tb.Fatal(err)
	}
	if !maps.Equal(before, cookies) {
		tb.Error("ReadSession changed the cookies")
	}
	return v
}

func redisProgram(tb testing.TB) string {
	tb.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
			tb.Fatal("redis-server is not installed, and SSOBRIDGE_REQUIRE_REAL=1; on Debian: redis-server")
		}
		tb.Skip("redis-server is not installed; on Debian: redis-server")
	}
	return program
}

// startRedis runs a Redis until the test ends, and returns its address.
func startRedis(tb testing.TB, program string) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "ssobridge") //nolint:usetesting // short enough for the name of a socket
	if err != nil {
		tb.Fatal(err)
	}
	socket := filepath.Join(dir, "redis")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		cancel()
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed is how it ends
		_ = os.RemoveAll(dir)
	})
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	defer func() { _ = client.Close() }()
	for end := time.Now().Add(10 * time.Second); client.Ping(tb.Context()).Err() != nil; {
		if time.Now().After(end) {
			tb.Fatal("redis-server does not answer within 10 seconds")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "unix://" + socket
}

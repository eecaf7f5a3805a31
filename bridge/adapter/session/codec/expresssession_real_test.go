package codec

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// startRedis runs a Redis of its own until the test ends.
func startRedis(t *testing.T) *redis.Client {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		requireReal(t, "redis-server", "redis-server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() {
		_ = client.Close()
		cancel()
		_ = cmd.Wait() // killed is how it ends
		if t.Failed() {
			t.Logf("redis-server said:\n%s", log.Bytes())
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	over := time.After(20 * time.Second)
	for client.Ping(ctx).Err() != nil {
		select {
		case <-tick.C:
		case <-over:
			t.Fatal("redis-server does not answer")
		}
	}
	return client
}

// realExpress is the app, and codecs on its Redis.
type realExpress struct {
	*nodePeer
	redis *redis.Client
}

func startExpressSession(t *testing.T) *realExpress {
	t.Helper()
	client := startRedis(t)
	return &realExpress{startNodePeer(t, "express-session", []string{"the new secret", testSecret}, "REDIS_URL=redis://"+client.Options().Addr), client}
}

func (r *realExpress) codec(secrets ...string) *expressSession {
	r.t.Helper()
	c, err := NewExpressSession(ExpressSessionOptions{Secrets: secrets, Redis: r.redis})
	if err != nil {
		r.t.Fatal(err)
	}
	return c.(*expressSession)
}

func (r *realExpress) visit(c Cookies, change Data) nodeAnswer {
	return r.get(nodeVisit{path: "/express-session", cookies: c, change: change})
}

// ttl is how long the session of a cookie has left in Redis.
func (r *realExpress) ttl(c *expressSession, cookies Cookies) time.Duration {
	r.t.Helper()
	id, err := c.id(cookies)
	if err != nil {
		r.t.Fatal(err)
	}
	ttl, err := r.redis.PTTL(r.t.Context(), c.prefix+id).Result()
	if err != nil {
		r.t.Fatal(err)
	}
	return ttl
}

// TestRealExpressSession: express with express-session, connect-redis and Passport.
func TestRealExpressSession(t *testing.T) {
	app := startExpressSession(t)
	of := func(t *testing.T) *realExpress {
		t.Helper()
		if err := app.redis.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return &realExpress{app.of(t), app.redis}
	}
	t.Run("both ways", func(t *testing.T) { testRealExpressSession(t, of(t)) })
	t.Run("of the app", func(t *testing.T) { testRealExpressSessionOfTheApp(t, of(t)) })
	t.Run("ends", func(t *testing.T) { testRealExpressSessionEnds(t, of(t)) }) // closes Redis
}

// testRealExpressSession: what is written here, the app reads, and the other way round.
func testRealExpressSession(t *testing.T, app *realExpress) {
	t.Helper()
	both, newer, older := app.codec("the new secret", testSecret), app.codec("the new secret"), app.codec(testSecret)
	for name, c := range map[string]*expressSession{"first secret": both, "second secret": older} {
		d := nodeSample() // with Passport's user
		cookies := mustEncode(t, c, d, time.Now())
		seen := app.visit(cookies, Data{"views": int64(1), "zoë": "東京"})
		if seen.user != "ann@example.com" {
			t.Errorf("%s: the app takes us for %q", name, seen.user)
		}
		if diff := cmp.Diff(nodeSeenData(d), seen.session); diff != "" {
			t.Errorf("%s: the app sees (-want +got):\n%s", name, diff)
		}
		want := nodeSeenData(d)
		want["views"], want["zoë"] = int64(1), "東京"
		if diff := cmp.Diff(want, mustDecode(t, both, cookies, time.Now())); diff != "" {
			t.Errorf("%s: after a change (-want +got):\n%s", name, diff)
		}
		// The app says the cookie's new end, and signs with its first secret.
		if diff := cmp.Diff(want, mustDecode(t, newer, seen.set, time.Now())); diff != "" {
			t.Errorf("%s: the app's cookie (-want +got):\n%s", name, diff)
		}
	}
	bad := mustEncode(t, both, Data{"passport": map[string]any{"user": "43"}}, time.Now())
	if seen := app.visit(bad, nil); seen.user != "" {
		t.Errorf("a person that the app does not have: %q", seen.user)
	}
	forged := mustEncode(t, app.codec("x"), nodeSample(), time.Now())
	if seen := app.visit(forged, nil); seen.user != "" {
		t.Errorf("with another secret: %q", seen.user)
	}
	wantForeign(t, both, forged, time.Now())
}

func testRealExpressSessionOfTheApp(t *testing.T, app *realExpress) {
	t.Helper()
	c := app.codec("the new secret")
	d := nodeSeenData(nodeSample())
	delete(d, "passport")
	cookies := app.get(nodeVisit{path: "/express-session/login", change: d}).set
	d["passport"] = map[string]any{"user": "42"}
	if diff := cmp.Diff(d, mustDecode(t, c, cookies, time.Now())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if ttl := app.ttl(c, cookies); ttl < 23*time.Hour || ttl > 24*time.Hour {
		t.Errorf("%s are left", ttl)
	}
	left := app.get(nodeVisit{path: "/express-session/logout", cookies: cookies})
	wantForeign(t, c, cookies, time.Now())
	if len(left.set) > 0 && !maps.Equal(left.set, cookies) {
		if d, err := c.Decode(t.Context(), left.set, Times{}); err == nil && d["passport"] != nil {
			t.Errorf("after signing out: %v", d)
		}
	}
}

func testRealExpressSessionEnds(t *testing.T, app *realExpress) {
	t.Helper()
	c := app.codec("the new secret")
	d := Data{"passport": map[string]any{"user": "42"}}

	cookies := mustEncode(t, c, d, time.Now()) // for an hour
	if err := app.redis.Expire(t.Context(), onlyKey(t, app.redis), time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	app.visit(cookies, nil)
	if ttl := app.ttl(c, cookies); ttl < 59*time.Minute || ttl > time.Hour {
		t.Errorf("after a visit, %s are left", ttl)
	}
	if err := c.End(t.Context(), cookies); err != nil {
		t.Fatal(err)
	}
	wantForeign(t, c, cookies, time.Now())
	if seen := app.visit(cookies, nil); seen.user != "" {
		t.Errorf("after its end, the app takes us for %q", seen.user)
	}
	if err := c.End(t.Context(), cookies); err != nil {
		t.Errorf("of what has ended: %v", err)
	}

	// Redis counts: nothing else says when a session has ended.
	cookies = mustEncode(t, c, d, time.Now())
	mustDecode(t, c, cookies, time.Now())
	if err := app.redis.ExpireAt(t.Context(), onlyKey(t, app.redis), time.Now().Add(-time.Second)).Err(); err != nil {
		t.Fatal(err)
	}
	wantForeign(t, c, cookies, time.Now())

	cookies = mustEncode(t, c, d, time.Now())
	if err := app.redis.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decode(t.Context(), cookies, Times{}); err == nil || errors.Is(err, ErrForeign) {
		t.Errorf("without Redis: %v", err)
	}
}

func onlyKey(t *testing.T, client *redis.Client) string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	return keys[0]
}

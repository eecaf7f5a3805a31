package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

// TestRedisOverTLS: the server is verified, and so is the bridge if the server wants to.
func TestRedisOverTLS(t *testing.T) {
	storetest.Require(t)
	ca, stranger := newAuthority(t), newAuthority(t)
	server := storetest.Start(t, ca.serverArgs("no")...)
	strict := storetest.Start(t, ca.serverArgs("yes")...)
	roots := &tls.Config{RootCAs: ca.pool()}
	// TLS 1.3 refuses after the handshake, so that the reason can be lost.
	const refusal = "it refuses the TLS connection|connection reset|closed the connection|broken pipe"
	for _, test := range []struct {
		name, address string
		config        *tls.Config
		problem       string
	}{
		{"own CA", "rediss://" + server.Addr, roots, ""},
		{"own CA, by name", "rediss://" + strings.Replace(server.Addr, "127.0.0.1", "localhost", 1), roots, ""},
		{"client certificate", "rediss://" + strict.Addr, &tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{ca.issue("client")}}, ""},
		{"the system's CAs", "rediss://" + server.Addr, nil, "certificate signed by unknown authority: ca_file names"},
		{"another CA", "rediss://" + server.Addr, &tls.Config{RootCAs: stranger.pool()}, "unknown authority"},
		{"no client certificate", "rediss://" + strict.Addr, roots, refusal},
		{"a stranger's client certificate", "rediss://" + strict.Addr, &tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{stranger.issue("client")}}, refusal},
		{"without TLS", "redis://" + server.Addr, nil, "one without TLS?"},
		{"nobody trusted", "rediss://" + server.Addr, &tls.Config{RootCAs: x509.NewCertPool()}, "unknown authority"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openRedis(t, test.address, func(o *Options) { o.TLS = test.config })
			_, err := s.Load(t.Context(), "key")
			if test.problem == "" {
				if err != nil {
					t.Fatal(err)
				}
				subject{store: s}.put(t, "key", subject{store: s}.load(t, "key"), "value "+test.name)
				return
			}
			said := func(problem string) bool { return strings.Contains(err.Error(), problem) }
			if !errors.Is(err, ErrUnavailable) || !slices.ContainsFunc(strings.Split(test.problem, "|"), said) {
				t.Errorf("%v, want %q", err, test.problem)
			}
		})
	}
	t.Run("TLS to a server without", func(t *testing.T) {
		plain := storetest.Start(t)
		_, err := openRedis(t, "rediss://"+plain.Addr, func(o *Options) { o.TLS = roots; o.Timeout = time.Second }).Load(t.Context(), "key")
		if !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
		t.Log(err)
	})
}

// TestLeastPrivilege: a user with what the documentation says, and nothing more.
func TestLeastPrivilege(t *testing.T) {
	s := storetest.Start(t)
	s.Do("ACL", "SETUSER", "bridge", "on", ">canary-password", "~ours:*", "-@all", "+getrange", "+set", "+del", "+eval", "+evalsha")
	s.Do("ACL", "SETUSER", "reader", "on", ">canary-password", "~ours:*", "-@all", "+getrange")
	s.Do("ACL", "SETUSER", "default", "off", "resetpass")
	as := func(user, password, prefix string) Store {
		return openRedis(t, "redis://"+s.Addr, func(o *Options) { o.Username, o.Password, o.KeyPrefix = user, password, prefix })
	}
	bridge := subject{store: as("bridge", "canary-password", "ours:")}
	e := bridge.put(t, "key", Entry{}, "value")
	bridge.want(t, "key", "value")
	bridge.put(t, "key", e, "next")
	if err := bridge.store.Delete(t.Context(), "key"); err != nil {
		t.Error(err)
	}
	for name, test := range map[string]struct {
		store   Store
		problem string
	}{
		"wrong password": {as("bridge", "canary-wrong", "ours:"), "(WRONGPASS): write its username and password"},
		"no password":    {as("", "", "ours:"), "(NOAUTH): write its username and password"},
		"too few rights": {as("reader", "canary-password", "ours:"), "(NOPERM): the user needs GETRANGE, SET, DEL, EVAL and EVALSHA"},
		"another prefix": {as("bridge", "canary-password", "theirs:"), "(NOPERM)"},
	} {
		_, _, err := test.store.Swap(t.Context(), "canary-key", Entry{}, []byte("canary-value"), time.Minute)
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s: %v, want %q", name, err, test.problem)
		}
		if strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestScriptForgotten: a server that restarts, or fails over, forgets scripts.
func TestScriptForgotten(t *testing.T) {
	s := storetest.Start(t)
	r := subject{store: openRedis(t, "redis://"+s.Addr)}
	e := r.put(t, "key", Entry{}, "value")
	s.Do("SCRIPT", "FLUSH")
	r.put(t, "key", e, "next")
	r.want(t, "key", "next")
}

func TestFlushAll(t *testing.T) {
	s := storetest.Start(t)
	r := subject{store: encrypt(t, openRedis(t, "redis://"+s.Addr), "a")}
	e := r.put(t, "key", Entry{}, "value")
	s.Do("FLUSHALL")
	r.lose(t, "key", e, "next", "")
	r.put(t, "key", Entry{}, "again")
}

// TestTimeToLiveIsTheServers: sessions leave the Redis by themselves.
func TestTimeToLiveIsTheServers(t *testing.T) {
	s := storetest.Start(t)
	r := subject{store: openRedis(t, "redis://"+s.Addr)}
	e := r.put(t, "key", Entry{}, "value")
	r.put(t, "key", e, "next")
	if ttl := s.Do("PTTL", "ssobridge:key").(int64); ttl < 50_000 || ttl > 60_000 {
		t.Errorf("lives for %d ms", ttl)
	}
}

// TestForeignValues: what somebody else has put under a key is nothing, and gives way,
// if it is a text at all.
func TestForeignValues(t *testing.T) {
	s := storetest.Start(t)
	for _, open := range []func() Store{
		func() Store { return openRedis(t, "redis://"+s.Addr) },
		func() Store { return encrypt(t, openRedis(t, "redis://"+s.Addr), "a") },
	} {
		r := subject{store: open()}
		s.Do("SET", "ssobridge:huge", strings.Repeat("x", 8<<20))
		r.want(t, "huge", "")
		r.put(t, "huge", r.load(t, "huge"), "value")
		s.Do("FLUSHALL")
	}
	s.Do("RPUSH", "ssobridge:list", "canary")
	_, err := openRedis(t, "redis://"+s.Addr).Load(t.Context(), "list")
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "(WRONGTYPE): somebody else writes") {
		t.Error(err)
	}
}

// TestServerRestarts: no operation fails once it is back.
func TestServerRestarts(t *testing.T) {
	s := storetest.Start(t)
	r := subject{store: encrypt(t, openRedis(t, "redis://"+s.Addr), "a")}
	var wg sync.WaitGroup
	for i := range 10 { // connections to become stale
		wg.Go(func() { r.put(t, fmt.Sprint(i), Entry{}, "value") })
	}
	wg.Wait()
	s.Kill()
	s.Start()
	for i := range 10 {
		r.put(t, fmt.Sprint(i), Entry{}, "value")
	}
}

// TestKilledUnderLoad: all that is ever reported is that the store is not available,
// and when the server is back all is well within seconds.
func TestKilledUnderLoad(t *testing.T) {
	s := storetest.Start(t)
	log := &storetest.Log{}
	metrics := NewMetrics()
	r := openRedis(t, "redis://"+s.Addr, func(o *Options) {
		o.Timeout, o.Metrics, o.Log = time.Second, metrics, slog.New(slog.NewTextHandler(log, nil))
	})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			e := Entry{}
			for n := 0; ctx.Err() == nil; n++ {
				now, _, err := r.Swap(ctx, fmt.Sprint(i), e, fmt.Appendf(nil, "canary %d", n), time.Minute)
				if err == nil {
					e = now
				} else if ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
					t.Error(err)
				}
			}
		})
	}
	ok := func() float64 {
		return testutil.ToFloat64(metrics.operations.WithLabelValues(placeRedis, opSwap, outcomeOK))
	}
	s.Until("take the load", func() bool { return ok() > 100 })
	s.Kill()
	before := ok()
	s.Start()
	s.Until("take the load again", func() bool { return ok() > before+100 })
	stop()
	wg.Wait()
	said := log.String()
	if !strings.Contains(said, "the session store fails") || !strings.Contains(said, "the session store answers again") {
		t.Errorf("logged:\n%s", said)
	}
	if strings.Contains(said, "canary") || strings.Count(said, "\n") > 10 {
		t.Errorf("logged too much:\n%s", said)
	}
}

// TestHungServer: a server that hangs holds nobody up for longer than the timeout, and
// after a few nobody at all.
func TestHungServer(t *testing.T) {
	s := storetest.Start(t)
	const timeout = 200 * time.Millisecond
	clock := newClock()
	server := openRedis(t, "redis://"+s.Addr, func(o *Options) { o.Timeout, o.Now = timeout, clock.now })
	r := subject{store: server}
	e := r.put(t, "key", Entry{}, "value")
	s.Signal(syscall.SIGSTOP)
	defer s.Signal(syscall.SIGCONT)
	operations := []func() error{
		func() error { _, err := server.Load(t.Context(), "key"); return err },
		func() error { _, _, err := server.Swap(t.Context(), "key", e, []byte("next"), time.Minute); return err },
		func() error { return server.Delete(t.Context(), "other") },
	}
	for i := range breakAfter {
		started := time.Now()
		err := operations[i%len(operations)]()
		if took := time.Since(started); took < timeout/2 || took > 10*timeout {
			t.Errorf("operation %d took %s", i, took)
		}
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no answer within 200ms") {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	started := time.Now()
	for range 100 {
		if _, err := server.Load(t.Context(), "key"); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "in a row") {
			t.Fatal(err)
		}
	}
	if took := time.Since(started); took > timeout {
		t.Errorf("100 operations that are not tried took %s", took)
	}
	clock.advance(breakFor)
	if _, err := server.Load(t.Context(), "key"); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("not tried again: %v", err)
	}
	s.Signal(syscall.SIGCONT)
	clock.advance(breakFor)
	// What hung in the server has happened now, or not: asking again tells.
	now, _, err := server.Swap(t.Context(), "key", e, []byte("next"), time.Minute)
	if err != nil || string(now.Value) != "next" {
		t.Errorf("%q, %v", now.Value, err)
	}
	r.want(t, "key", "next")
}

// TestClientHasGone: somebody who does not wait for the answer says nothing about the
// server.
func TestClientHasGone(t *testing.T) {
	s := storetest.Start(t)
	log := &storetest.Log{}
	r := openRedis(t, "redis://"+s.Addr, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) })
	s.Signal(syscall.SIGSTOP)
	defer s.Signal(syscall.SIGCONT)
	for range 2 * breakAfter {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := r.Load(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
		cancel()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Delete(gone, "key"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if log.String() != "" {
		t.Errorf("logged: %s", log)
	}
}

// TestSentinelFailover: when the server dies, its replica takes over.
func TestSentinelFailover(t *testing.T) {
	master := storetest.Start(t)
	master.Do("SET", "ssobridge:key", "value")
	replica := storetest.Start(t, append([]string{"--replicaof"}, strings.Split(strings.ReplaceAll(master.Addr, ":", " "), " ")...)...)
	replica.Until("follow", func() bool {
		return strings.Contains(replica.Do("INFO", "replication").(string), "master_link_status:up") && replica.Do("GET", "ssobridge:key") == "value"
	})
	sentinel := startSentinel(t, master)
	sentinel.Until("find the replica", func() bool {
		info := fmt.Sprint(sentinel.Do("SENTINEL", "REPLICAS", "mymaster"))
		return strings.Contains(info, replica.Addr) && !strings.Contains(info, "master-link-status err")
	})
	r := openRedis(t, "redis+sentinel://"+sentinel.Addr+"/mymaster")
	if e, err := r.Load(t.Context(), "key"); err != nil || string(e.Value) != "value" {
		t.Fatalf("%q, %v", e.Value, err)
	}
	master.Kill()
	replica.Until("take over", func() bool {
		_, won, err := r.Swap(t.Context(), "other", Entry{}, []byte("value"), time.Minute)
		return err == nil && won
	})
	if e, err := r.Load(t.Context(), "key"); err != nil || string(e.Value) != "value" {
		t.Errorf("after the failover: %q, %v", e.Value, err)
	}
	_, err := openRedis(t, "redis+sentinel://"+sentinel.Addr+"/canary", func(o *Options) { o.Timeout = time.Second }).Load(t.Context(), "key")
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "the Sentinels know no server by that name") {
		t.Errorf("another name: %v", err)
	}
}

// TestSentinelOverTLS, with passwords of their own for Sentinel and server.
func TestSentinelOverTLS(t *testing.T) {
	storetest.Require(t)
	ca := newAuthority(t)
	master := storetest.Start(t, append(ca.serverArgs("no"), "--requirepass", "server-password")...)
	sentinel := startSentinel(t, master, "requirepass sentinel-password", "sentinel auth-pass mymaster server-password",
		"tls-replication yes", "tls-cert-file "+ca.file("server.pem"), "tls-key-file "+ca.file("server.key"),
		"tls-ca-cert-file "+ca.file("ca.pem"), "tls-auth-clients no", "tls-port")
	open := func(change func(*Options)) subject {
		return subject{store: openRedis(t, "rediss+sentinel://"+sentinel.Addr+"/mymaster", func(o *Options) {
			o.TLS, o.SentinelPassword, o.Password = &tls.Config{RootCAs: ca.pool()}, "sentinel-password", "server-password"
			change(o)
		})}
	}
	open(func(*Options) {}).put(t, "key", Entry{}, "value")
	for name, change := range map[string]func(*Options){
		"no Sentinel password": func(o *Options) { o.SentinelPassword = "" },
		"no password":          func(o *Options) { o.Password = "" },
	} {
		_, err := open(change).store.Load(t.Context(), "key")
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "(NOAUTH)") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClusterPart: while one server of a cluster is gone, the keys of others are there.
func TestClusterPart(t *testing.T) {
	first, second := startCluster(t)
	r := openRedis(t, "redis+cluster://"+first.Addr, func(o *Options) { o.Timeout = time.Second })
	keys := []string{"b", "a"} // slots 3300 and 15495 without the prefix
	for i := 0; len(keys) < 20; i++ {
		keys = append(keys, fmt.Sprint("key", i))
	}
	for _, key := range keys {
		subject{store: r}.put(t, key, Entry{}, "value")
	}
	if n := first.Do("DBSIZE").(int64); n == 0 || n == 20 || n+second.Do("DBSIZE").(int64) != 20 {
		t.Errorf("%d keys are on the first server", n)
	}
	there := fmt.Sprint(first.Do("KEYS", "*"))
	second.Kill()
	for _, key := range keys {
		if strings.Contains(there+" ", "ssobridge:"+key+" ") || strings.Contains(there, "ssobridge:"+key+"]") {
			subject{store: r}.want(t, key, "value")
		}
	}
}

// TestNotAClusterAlone: a server of a cluster, used as if it were alone, says what to
// write; so does a server that is none of a cluster.
func TestNotAClusterAlone(t *testing.T) {
	first, _ := startCluster(t)
	alone := openRedis(t, "redis://"+first.Addr)
	moved := 0
	for i := range 20 {
		if _, err := alone.Load(t.Context(), fmt.Sprint("key", i)); err != nil {
			if !strings.Contains(err.Error(), "(MOVED): it is part of a cluster") {
				t.Error(err)
			}
			moved++
			if moved == breakAfter-1 {
				break
			}
		}
	}
	if moved == 0 {
		t.Error("nothing was elsewhere")
	}
	_, err := openRedis(t, "redis+cluster://"+storetest.Start(t).Addr).Load(t.Context(), "key")
	if !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestUnixSocket(t *testing.T) {
	storetest.Require(t)
	socket := t.TempDir() + "/s"
	storetest.Start(t, "--unixsocket", socket)
	r := subject{store: openRedis(t, "unix://"+socket)}
	e := r.put(t, "key", Entry{}, "value")
	r.put(t, "key", e, "next")
}

// TestOpenAsConfigured opens what serve would, with all in front of it.
func TestOpenAsConfigured(t *testing.T) {
	s := storetest.Start(t)
	metrics := NewMetrics()
	open, closer, err := Open(Options{Address: "redis://" + s.Addr + "/3", Timeout: time.Second, Keys: testKeys("a"), Relogin: true, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}()
	f := subject{store: open}
	e := f.put(t, "key", Entry{}, "canary")
	f.put(t, "key", e, "canary 2")
	if kept := fmt.Sprint(s.Do("KEYS", "*")); kept != "[]" {
		t.Errorf("database 0 has %s", kept)
	}
	s.Do("SWAPDB", 0, 3)
	if kept := s.Do("GET", "ssobridge:key").(string); strings.Contains(kept, "canary") || len(kept) != len("canary 2")+sealOverhead {
		t.Errorf("the Redis has %q", kept)
	}
	s.Do("SWAPDB", 0, 3)
	f.want(t, "key", "canary 2")
	s.Kill()
	f.want(t, "key", "")
	begun := f.put(t, "key", Entry{}, "meanwhile")
	f.want(t, "key", "meanwhile")
	s.Start()
	f.lose(t, "key", begun, "after", "")
	if n := testutil.ToFloat64(metrics.operations.WithLabelValues(placeMemory, opSwap, outcomeOK)); n == 0 {
		t.Error("no metric says that memory stood in")
	}
	if n := testutil.ToFloat64(metrics.operations.WithLabelValues(placeRedis, opLoad, outcomeFailed)); n == 0 {
		t.Error("no metric says that the Redis failed")
	}
}

func TestMetricsAreLinted(t *testing.T) {
	problems, err := testutil.CollectAndLint(NewMetrics())
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

// TestClientsAreTight: of all kinds, old TLS is refused, and time is limited everywhere.
func TestClientsAreTight(t *testing.T) {
	for _, address := range []string{"rediss://h", "rediss+cluster://h", "rediss+sentinel://h/m"} {
		given := &tls.Config{MinVersion: tls.VersionTLS10, ServerName: "given"}
		r := openRedis(t, address, func(o *Options) { o.TLS = given })
		var o *redis.Options
		switch c := r.client.(type) {
		case *redis.Client: // alone, or through Sentinels
			o = c.Options()
		case *redis.ClusterClient:
			all := c.Options()
			o = &redis.Options{
				TLSConfig: all.TLSConfig, DialTimeout: all.DialTimeout, ReadTimeout: all.ReadTimeout, WriteTimeout: all.WriteTimeout,
				PoolTimeout: all.PoolTimeout, ContextTimeoutEnabled: all.ContextTimeoutEnabled, DialerRetries: all.DialerRetries,
			}
		}
		if s := o.TLSConfig; s == nil || s.MinVersion != tls.VersionTLS12 || s.ServerName != "given" || s.InsecureSkipVerify {
			t.Errorf("%s: TLS %+v", address, s)
		}
		for _, timeout := range []time.Duration{o.DialTimeout / 2, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout} {
			if timeout != r.timeout {
				t.Errorf("%s: times out after %s, want %s", address, timeout, r.timeout)
			}
		}
		if !o.ContextTimeoutEnabled || o.DialerRetries != 1 {
			t.Errorf("%s: goes on after the timeout", address)
		}
		if given.MinVersion != tls.VersionTLS10 {
			t.Error("the caller's configuration is changed")
		}
	}
}

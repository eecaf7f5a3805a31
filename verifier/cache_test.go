package verifier_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// cached is an issuer, by its keys' URL or by discovery, and a file to cache its
// keys in.
type cached struct {
	t          *testing.T
	idp        *idp
	discovered bool
	allowHTTP  bool
	net        http.RoundTripper
	file       string
	skew       time.Duration // of the process's clock
	log        bytes.Buffer
	logger     *slog.Logger // into log
}

// kept is what has a CacheFile.
type kept interface {
	verifier.KeySource
	Run(ctx context.Context)
	Refresh(ctx context.Context) error
	Status() verifier.KeyStatus
}

// inCache calls test for keys of a known URL and for discovered ones, each in a
// bubble of test time.
func inCache(t *testing.T, test func(c *cached)) {
	t.Helper()
	for name, discovered := range map[string]bool{"RemoteKeys": false, "Provider": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(newCached(t, discovered)) })
		})
	}
}

func newCached(t *testing.T, discovered bool) *cached {
	t.Helper()
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	idp := &idp{issuer: issuer, url: idpURL}
	c := &cached{t: t, idp: idp, discovered: discovered, net: &inMemory{handler: idp}, file: filepath.Join(t.TempDir(), "keys.json")}
	c.logger = slog.New(slog.NewTextHandler(&c.log, nil))
	return c
}

// start is a process that starts: it has what the file has.
func (c *cached) start() kept {
	c.t.Helper()
	client := &http.Client{Transport: c.net}
	now := func() time.Time { return time.Now().Add(c.skew) }
	var (
		keys kept
		err  error
	)
	if c.discovered {
		keys, err = verifier.NewProvider(verifier.ProviderOptions{
			Issuer: c.idp.url, Client: client, AllowHTTP: c.allowHTTP, CacheFile: c.file, MaxStale: time.Hour, Now: now, Log: c.logger,
		})
	} else {
		keys, err = verifier.NewRemoteKeys(verifier.RemoteKeysOptions{
			URL: c.idp.document()["jwks_uri"].(string), Client: client, CacheFile: c.file, MaxStale: time.Hour, Now: now, Log: c.logger,
		})
	}
	c.must(err)
	return keys
}

// run starts Run and lets it come to rest; it ends with stop.
func (c *cached) run(keys kept) (stop func()) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	var running sync.WaitGroup
	running.Go(func() { keys.Run(ctx) })
	synctest.Wait()
	return func() { cancel(); running.Wait() }
}

// fill leaves a file with the keys there are.
func (c *cached) fill() { c.run(c.start())() }

// outage takes down all of the issuer.
func (c *cached) outage() {
	c.idp.setFault(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	c.idp.issuer.SetFault(verifiertest.Status(http.StatusBadGateway))
}

func (c *cached) text() string {
	c.t.Helper()
	b, err := os.ReadFile(c.file)
	c.must(err)
	return string(b)
}

func (c *cached) write(text string) { c.must(os.WriteFile(c.file, []byte(text), 0o600)) }

// replace is a spoiler for refuses.
func replace(old, fresh string) func(*cached) {
	return func(c *cached) {
		text := c.text()
		if !strings.Contains(text, old) {
			c.t.Fatalf("no %s in %s", old, text)
		}
		c.write(strings.Replace(text, old, fresh, 1))
	}
}

func (c *cached) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// refuses fills the file, spoils it, and checks that the next start does without
// it, says so, and says want; and that it comes by its keys all the same.
func (c *cached) refuses(want string, spoil func(*cached)) {
	c.t.Helper()
	c.fill()
	spoil(c)
	c.log.Reset()
	keys := c.start()
	wantKey(c.t, keys, c.idp.issuer.KeyID(), verifier.ReasonKeysUnavailable)
	if log := c.log.String(); !strings.Contains(log, "cached keys not used") || !strings.Contains(log, want) {
		c.t.Errorf("the log does not say %q: %s", want, log)
	}
	c.skew = 0
	c.must(keys.Refresh(c.t.Context()))
	wantKey(c.t, keys, c.idp.issuer.KeyID(), "")
}

func TestRestartDuringAnOutageUsesTheCachedKeys(t *testing.T) {
	inCache(t, func(c *cached) {
		t := c.t
		keyID := c.idp.issuer.KeyID()
		wantKey(t, c.start(), keyID, verifier.ReasonKeysUnavailable)
		if c.log.Len() > 0 {
			t.Errorf("no file is nothing to report: %s", c.log.String())
		}
		c.fill()
		c.outage()
		keys := c.start()
		wantKey(t, keys, keyID, "")
		if err := keys.Refresh(t.Context()); err == nil {
			t.Fatal("the issuer should be down")
		}
		stop := c.run(keys)
		defer stop()
		pass(30 * time.Minute)
		wantKey(t, keys, keyID, "")
		if st := keys.Status(); !st.Usable || st.LastError == nil || !strings.HasSuffix(st.URL, verifiertest.JWKSPath) {
			t.Errorf("30 minutes into an outage: %+v", st)
		}
		// They age as if this process had fetched them.
		pass(30 * time.Minute)
		wantKey(t, keys, keyID, "")
		pass(time.Nanosecond)
		wantKey(t, keys, keyID, verifier.ReasonKeysUnavailable)
		wantKey(t, c.start(), keyID, verifier.ReasonKeysUnavailable)
		info, err := os.Stat(c.file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		left, err := filepath.Glob(c.file + ".*")
		if err != nil || left != nil {
			t.Errorf("left over: %v, %v", left, err)
		}
		// Recovery, by the process that began with the file.
		c.idp.heal()
		c.idp.issuer.SetFault(nil)
		c.must(c.idp.issuer.Rotate())
		pass(33 * time.Second)
		wantKey(t, keys, c.idp.issuer.KeyID(), "")
	})
}

func TestCacheFollowsRotationAndAge(t *testing.T) {
	inCache(t, func(c *cached) {
		t := c.t
		stop := c.run(c.start())
		defer stop()
		before := c.text()
		pass(5 * time.Minute) // some fetches
		if c.text() != before {
			t.Error("unchanged keys were written again")
		}
		c.must(c.idp.issuer.Rotate())
		pass(66 * time.Second)
		wantKey(t, c.start(), c.idp.issuer.KeyID(), "")
		// Unchanged keys are confirmed in the file now and then.
		pass(49 * time.Minute)
		c.outage()
		pass(45 * time.Minute)
		wantKey(t, c.start(), c.idp.issuer.KeyID(), "")
	})
}

// Keys that are only tried must not replace, for the next start, those in use.
func TestCacheIsWrittenByRunOnly(t *testing.T) {
	inCache(t, func(c *cached) {
		keys := c.start()
		c.must(keys.Refresh(c.t.Context()))
		if _, err := os.Stat(c.file); !os.IsNotExist(err) {
			c.t.Errorf("Refresh has written: %v", err)
		}
		c.run(keys)()
		wantKey(c.t, c.start(), c.idp.issuer.KeyID(), "")
		before := c.text()
		c.must(c.idp.issuer.Rotate())
		c.must(keys.Refresh(c.t.Context()))
		if c.text() != before {
			c.t.Error("Refresh has written after Run")
		}
	})
}

// atEOF is a body that calls f when it has been read.
type atEOF struct {
	io.ReadCloser
	f func()
}

func (b atEOF) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.f()
	}
	return n, err
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whoever has told Run to end may have others write the file already.
func TestCacheIsNotWrittenAfterTheEnd(t *testing.T) {
	inCache(t, func(c *cached) {
		ctx, cancel := context.WithCancel(c.t.Context())
		net := c.net
		c.net = roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := net.RoundTrip(r)
			if err == nil && r.URL.Path == verifiertest.JWKSPath {
				resp.Body = atEOF{resp.Body, cancel}
			}
			return resp, err
		})
		keys := c.start()
		keys.Run(ctx)
		wantKey(c.t, keys, c.idp.issuer.KeyID(), "") // the last answer was good
		if _, err := os.Stat(c.file); !os.IsNotExist(err) {
			c.t.Errorf("written: %v", err)
		}
	})
}

// Whoever could plant keys could sign in as anyone.
func TestCachedKeysThatCannotBeTrustedAreNotUsed(t *testing.T) {
	const notOurs = "is not a file that only its owner can write"
	for name, tt := range map[string]struct {
		want  string
		spoil func(c *cached)
	}{
		"writable for the group": {notOurs, func(c *cached) { c.must(os.Chmod(c.file, 0o620)) }},
		"writable for others":    {notOurs, func(c *cached) { c.must(os.Chmod(c.file, 0o602)) }},
		"a symbolic link": {notOurs, func(c *cached) {
			c.must(os.Rename(c.file, c.file+"x"))
			c.must(os.Symlink(c.file+"x", c.file))
		}},
		"a directory":          {notOurs, func(c *cached) { c.must(os.Remove(c.file)); c.must(os.Mkdir(c.file, 0o700)) }},
		"huge":                 {notOurs, func(c *cached) { c.write(c.text() + strings.Repeat(" ", 3<<20)) }},
		"from the future":      {"from the future", func(c *cached) { c.skew = -time.Nanosecond }},
		"damaged":              {"is damaged", func(c *cached) { c.write(c.text()[:len(c.text())-20]) }},
		"empty":                {"is damaged", func(c *cached) { c.write("") }},
		"of nobody":            {"", func(c *cached) { c.write("{}") }},
		"without keys":         {"no usable key", replace(`"keys":[`, `"keys":[],"other":[`)},
		"with a symmetric key": {"", replace(`"keys":[`, `"keys":[{"kty":"oct","k":"AAAA"},`)},
	} {
		t.Run(name, func(t *testing.T) {
			inCache(t, func(c *cached) { c.refuses(tt.want, tt.spoil) })
		})
	}
}

// A file is for those keys only that it was written for, whoever is configured
// under its name now.
func TestCachedKeysOfAnotherPlaceAreNotUsed(t *testing.T) {
	for name, tt := range map[string]struct {
		discovered bool
		want       string
		spoil      func(c *cached)
	}{
		"another jwks_url":  {false, "another URL", replace("idp.example.com", "idp.example.org")},
		"another path":      {false, "another URL", replace("jwks.json", "jwks2.json")},
		"a discovered one":  {false, "another issuer", func(c *cached) { c.discovered = true; c.fill(); c.discovered = false }},
		"a jwks_url":        {true, "another issuer", func(c *cached) { c.discovered = false; c.fill(); c.discovered = true }},
		"another issuer":    {true, "another issuer", replace(`"issuer":"`+idpURL, `"issuer":"https://evil.example.com/realms/x`)},
		"another realm":     {true, "another issuer", replace(idpURL, idpURL+"y")},
		"a slash more":      {true, "another issuer", replace(idpURL, idpURL+"/")},
		"other case":        {true, "another issuer", replace(idpURL, strings.ToUpper(idpURL))},
		"no jwks_uri":       {true, "not an absolute URL", replace(`"jwks_url"`, `"other"`)},
		"cloud metadata":    {true, "internal address", replace(`l":"https://idp.example.com`, `l":"https://169.254.169.254`)},
		"a private address": {true, "internal address", replace(`l":"https://idp.example.com`, `l":"https://10.0.0.1`)},
		"this machine":      {true, "internal address", replace(`l":"https://idp.example.com`, `l":"http://localhost:8080`)},
		"plain http":        {true, "plain http", replace(`l":"https://idp.example.com`, `l":"http://idp.example.com`)},
		"user info":         {true, "user info", replace(`l":"https://`, `l":"https://a:b@`)},
		"a long jwks_uri":   {true, "over 2048 bytes", replace("jwks.json", "jwks.json?"+strings.Repeat("a", 2048))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newCached(t, tt.discovered).refuses(tt.want, tt.spoil) })
		})
	}
}

// A rule that is stricter now holds for what was discovered before.
func TestCachedPlaceIsUnderTodaysRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCached(t, true)
		c.idp.moveKeys("http://idp.example.com" + verifiertest.JWKSPath)
		c.allowHTTP = true
		c.fill()
		c.outage()
		wantKey(t, c.start(), c.idp.issuer.KeyID(), "")
		c.allowHTTP = false
		wantKey(t, c.start(), c.idp.issuer.KeyID(), verifier.ReasonKeysUnavailable)
		if log := c.log.String(); !strings.Contains(log, "plain http") {
			t.Errorf("the log does not say why: %s", log)
		}
	})
}

// From the file on it is discovery as ever: ID tokens are verified during the
// outage, and once it ends the keys are followed to where they have moved.
func TestProviderGoesOnFromTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCached(t, true)
		successor, err := verifiertest.NewIssuer()
		c.must(err)
		c.net = &inMemory{handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Host == "keys.example.com" {
				successor.Handler().ServeHTTP(w, r)
				return
			}
			c.idp.ServeHTTP(w, r)
		})}
		c.fill()
		c.outage()
		p := c.start()
		defer c.run(p)()
		v := newOIDC(t, p, verifier.Options{})
		old := idToken(c.idp.issuer, nil, nil)
		if _, err := v.Verify(t.Context(), old); err != nil {
			t.Errorf("during the outage: %v", err)
		}
		foreign := idToken(newIssuer(t), nil, nil)
		refused, err := v.Verify(t.Context(), foreign)
		wantRefusal(t, refused, err, verifier.ReasonKeyUnknown, foreign)

		const moved = "https://keys.example.com" + verifiertest.JWKSPath
		c.idp.moveKeys(moved)
		c.idp.heal()
		pass(66 * time.Second)
		refused, err = v.Verify(t.Context(), old)
		wantRefusal(t, refused, err, verifier.ReasonKeyUnknown, old)
		if _, err := v.Verify(t.Context(), idToken(successor, nil, nil)); err != nil {
			t.Errorf("after the move: %v", err)
		}
		next := c.start()
		wantKey(t, next, successor.KeyID(), "")
		if st := next.Status(); st.URL != moved {
			t.Errorf("the file says %s", st.URL)
		}
	})
}

func TestCacheThatCannotBeWrittenIsNoReasonToStop(t *testing.T) {
	inCache(t, func(c *cached) {
		c.file = filepath.Join(c.t.TempDir(), "absent", "keys.json")
		keys := c.start()
		stop := c.run(keys)
		pass(66 * time.Second)
		wantKey(c.t, keys, c.idp.issuer.KeyID(), "")
		stop()
		if !strings.Contains(c.log.String(), "keys not cached") {
			c.t.Errorf("nothing in the log: %s", c.log.String())
		}
	})
}

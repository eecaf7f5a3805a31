package verifier_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// cached is an issuer with a JWKS endpoint, and a file to cache its keys in.
type cached struct {
	t      *testing.T
	issuer *verifiertest.Issuer
	url    string
	file   string
	now    time.Time
	log    bytes.Buffer
}

func newCached(t *testing.T) *cached {
	t.Helper()
	issuer, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(issuer.Handler())
	t.Cleanup(server.Close)
	return &cached{t: t, issuer: issuer, url: server.URL + verifiertest.JWKSPath,
		file: filepath.Join(t.TempDir(), "pomerium.json"), now: time.Now()}
}

// start is a process that starts: it has what the file has.
func (c *cached) start() *verifier.RemoteKeys {
	c.t.Helper()
	client := verifier.NewKeyClient(nil, nil)
	c.t.Cleanup(client.CloseIdleConnections)
	keys, err := verifier.NewRemoteKeys(verifier.RemoteKeysOptions{
		URL: c.url, Client: client, CacheFile: c.file, MaxStale: time.Hour,
		Now: func() time.Time { return c.now }, Log: slog.New(slog.NewTextHandler(&c.log, nil)),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return keys
}

func (c *cached) fill() {
	c.t.Helper()
	if err := c.start().Refresh(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func reason(err error) verifier.Reason {
	e, ok := err.(*verifier.Error) //nolint:errorlint // KeySource promises the type
	if !ok {
		return ""
	}
	return e.Reason
}

func TestRestartDuringAnOutageUsesTheCachedKeys(t *testing.T) {
	c := newCached(t)
	if _, err := c.start().Key(t.Context(), c.issuer.KeyID()); reason(err) != verifier.ReasonKeysUnavailable {
		t.Fatalf("without a file: %v", err)
	}
	c.fill()
	c.issuer.SetFault(verifiertest.Status(http.StatusBadGateway))
	keys := c.start()
	if err := keys.Refresh(t.Context()); err == nil {
		t.Fatal("the issuer should be down")
	}
	if _, err := keys.Key(t.Context(), c.issuer.KeyID()); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	// They age as if this process had fetched them.
	c.now = c.now.Add(time.Hour + time.Second)
	if _, err := keys.Key(t.Context(), c.issuer.KeyID()); reason(err) != verifier.ReasonKeysUnavailable {
		t.Errorf("after max_stale: %v", err)
	}
	if _, err := c.start().Key(t.Context(), c.issuer.KeyID()); reason(err) != verifier.ReasonKeysUnavailable {
		t.Errorf("after max_stale and another restart: %v", err)
	}
	info, err := os.Stat(c.file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, err := filepath.Glob(c.file + ".*")
	if err != nil || left != nil {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestCacheFollowsRotationAndAge(t *testing.T) {
	c := newCached(t)
	keys := c.start()
	for range 2 {
		if err := keys.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(c.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	if err := keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.start().Key(t.Context(), c.issuer.KeyID()); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if after, err := os.Stat(c.file); err != nil || os.SameFile(before, after) {
		t.Errorf("the file was not replaced: %v", err)
	}
	// Unchanged keys are confirmed in the file now and then.
	c.now = c.now.Add(30 * time.Minute)
	if err := keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(45 * time.Minute)
	if _, err := c.start().Key(t.Context(), c.issuer.KeyID()); err != nil {
		t.Errorf("confirmed 45 minutes ago: %v", err)
	}
}

// Whoever could plant keys could sign in as anyone.
func TestCachedKeysThatCannotBeTrustedAreNotUsed(t *testing.T) {
	other, err := verifiertest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(c *cached, text string){
		"writable for others": func(c *cached, _ string) { c.must(os.Chmod(c.file, 0o620)) },
		"a symbolic link": func(c *cached, _ string) {
			c.must(os.Rename(c.file, c.file+"x"))
			c.must(os.Symlink(c.file+"x", c.file))
		},
		"of another URL":  func(c *cached, text string) { c.write(strings.Replace(text, "127.0.0.1", "127.0.0.2", 1)) },
		"from the future": func(c *cached, _ string) { c.now = c.now.Add(-time.Minute) },
		"damaged":         func(c *cached, text string) { c.write(text[:len(text)-20]) },
		"empty":           func(c *cached, _ string) { c.write("") },
		"with a symmetric key": func(c *cached, text string) {
			c.write(strings.Replace(text, `"keys":[`, `"keys":[{"kty":"oct","k":"AAAA"},`, 1))
		},
		"with two of one ID": func(c *cached, text string) {
			c.write(strings.Replace(text, `"keys":[`, `"keys":[`+firstKey(other)+`,`+firstKey(other)+`,`, 1))
		},
		"huge":        func(c *cached, text string) { c.write(text + strings.Repeat(" ", 3<<20)) },
		"a directory": func(c *cached, _ string) { c.must(os.Remove(c.file)); c.must(os.Mkdir(c.file, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCached(t)
			c.fill()
			text, err := os.ReadFile(c.file)
			if err != nil {
				t.Fatal(err)
			}
			spoil(c, string(text))
			c.log.Reset()
			if _, err := c.start().Key(t.Context(), c.issuer.KeyID()); reason(err) != verifier.ReasonKeysUnavailable {
				t.Errorf("got %v", err)
			}
			if !strings.Contains(c.log.String(), "cached keys not used") {
				t.Errorf("nothing in the log: %s", c.log.String())
			}
		})
	}
}

func (c *cached) write(text string) { c.must(os.WriteFile(c.file, []byte(text), 0o600)) }

func (c *cached) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func firstKey(i *verifiertest.Issuer) string {
	s := string(i.JWKS())
	return s[strings.Index(s, "[")+1 : strings.LastIndex(s, "]")]
}

func TestCacheThatCannotBeWrittenIsNoReasonToStop(t *testing.T) {
	c := newCached(t)
	c.file = filepath.Join(t.TempDir(), "absent", "pomerium.json")
	keys := c.start()
	if err := keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Key(t.Context(), c.issuer.KeyID()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(c.log.String(), "keys not cached") {
		t.Errorf("nothing in the log: %s", c.log.String())
	}
}

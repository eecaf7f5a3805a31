package codec

import (
	"context"
	"errors"
	"maps"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// expressStore is what express-session asks of Redis, without one.
type expressStore struct {
	mu   sync.Mutex
	text map[string]string
	ttl  map[string]time.Duration
	err  error
}

// expressFake is a client of a store of its own, which never connects.
func expressFake(tb testing.TB) redis.UniversalClient {
	tb.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:0"})
	tb.Cleanup(func() { _ = client.Close() })
	client.AddHook(&expressStore{text: map[string]string{}, ttl: map[string]time.Duration{}})
	return client
}

func (s *expressStore) DialHook(redis.DialHook) redis.DialHook {
	return func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no Redis here") }
}

func (s *expressStore) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (s *expressStore) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err != nil {
			return s.err
		}
		key, _ := cmd.Args()[1].(string)
		switch cmd := cmd.(type) {
		case *redis.StringCmd: // GETRANGE key 0 end
			text := s.text[key]
			cmd.SetVal(text[:min(len(text), int(cmd.Args()[3].(int64))+1)])
		case *redis.StatusCmd: // SET key value EX seconds
			s.text[key] = string(cmd.Args()[2].([]byte))
			if cmd.Args()[3] != "ex" {
				return errors.New("not EX")
			}
			s.ttl[key] = time.Duration(cmd.Args()[4].(int64)) * time.Second
		case *redis.IntCmd: // DEL key
			delete(s.text, key)
		}
		return nil
	}
}

// expressHolding stores JSON under a new ID.
func expressHolding(tb testing.TB, c Codec, text string) Cookies {
	tb.Helper()
	s := c.(*expressSession)
	id := expressID()
	if err := s.redis.Set(tb.Context(), s.prefix+id, []byte(text), time.Hour).Err(); err != nil {
		tb.Fatal(err)
	}
	return s.naming(id)
}

// naming is the cookie of an ID.
func (s *expressSession) naming(id string) Cookies {
	return Cookies{s.cookie: expressEscape("s:" + expressSign(s.keys[0], id))}
}

// openExpress returns a codec and what it stores.
func openExpress(t *testing.T) (*expressSession, *expressStore) {
	t.Helper()
	store := &expressStore{text: map[string]string{}, ttl: map[string]time.Duration{}}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:0"})
	t.Cleanup(func() { _ = client.Close() })
	client.AddHook(store)
	c, err := NewExpressSession(ExpressSessionOptions{Secrets: []string{testSecret}, Redis: client})
	if err != nil {
		t.Fatal(err)
	}
	return c.(*expressSession), store
}

func TestExpressSessionVector(t *testing.T) {
	c, store := openExpress(t)
	const id = "bridge-sid-0000000000000000000001"
	vector := Cookies{"connect.sid": "s%3Abridge-sid-0000000000000000000001.M%2Fo9505G8Oo0PO%2FK47xKuEIMYJas%2FGHvk7MTX9ZMCm8"}
	if got := c.naming(id); !maps.Equal(got, vector) {
		t.Errorf("%v", got)
	}
	wantForeign(t, c, vector, testNow) // nothing is stored
	store.text["sess:"+id] = `{"cookie":{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"},"passport":{"user":"42"}}`
	if diff := cmp.Diff(Data{"passport": map[string]any{"user": "42"}}, mustDecode(t, c, vector, testNow)); diff != "" {
		t.Error(diff)
	}
}

func TestExpressSessionIsStored(t *testing.T) {
	c, store := openExpress(t)
	now := testNow.Add(123400 * time.Microsecond)
	for _, test := range []struct {
		expires time.Time
		ttl     time.Duration
		cookie  string
	}{
		{now.Add(time.Hour), time.Hour, `{"expires":"2023-11-14T23:13:20.123Z","httpOnly":true,"originalMaxAge":3600000,"path":"/"}`},
		{now.Add(1500 * time.Millisecond), 2 * time.Second, `{"expires":"2023-11-14T22:13:21.623Z","httpOnly":true,"originalMaxAge":1500,"path":"/"}`},
		{time.Time{}, 24 * time.Hour, `{"expires":"2023-11-15T22:13:20.123Z","httpOnly":true,"originalMaxAge":86400000,"path":"/"}`},
	} {
		clear(store.text)
		cookies, err := c.Encode(t.Context(), Data{"passport": map[string]any{"user": "42"}}, Times{Now: now, Expires: test.expires})
		if err != nil {
			t.Fatal(err)
		}
		for key, text := range store.text {
			if want := `{"cookie":` + test.cookie + `,"passport":{"user":"42"}}`; text != want {
				t.Errorf("%s\nwant %s", text, want)
			}
			if store.ttl[key] != test.ttl {
				t.Errorf("for %s, want %s", store.ttl[key], test.ttl)
			}
			if !regexp.MustCompile(`^sess:[A-Za-z0-9_-]{32}$`).MatchString(key) {
				t.Errorf("key %q", key)
			}
		}
		if again := mustEncode(t, c, Data{}, now); maps.Equal(again, cookies) {
			t.Error("two sessions have one ID")
		}
	}
	for _, expires := range []time.Time{now, now.Add(-time.Second)} {
		if _, err := c.Encode(t.Context(), Data{}, Times{Now: now, Expires: expires}); err == nil {
			t.Error("a session without a future")
		}
	}
	for _, name := range append([]string{"cookie", "toString"}, expressOwn...) {
		if _, err := c.Encode(t.Context(), Data{name: "x"}, Times{Now: now}); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// TestExpressCookieSpellings: what decodeURIComponent makes the same of, and what has
// a good signature and is no signed ID.
func TestExpressCookieSpellings(t *testing.T) {
	c, store := openExpress(t)
	const text = `{"cookie":{}}`
	signed := expressSign(c.keys[0], "an id (of ~ours'*!)")
	store.text["sess:an id (of ~ours'*!)"] = text
	mustDecode(t, c, c.naming("an id (of ~ours'*!)"), testNow)
	store.text["sess:"], store.text["sess:.x"], store.text["sess:x.y"], store.text["sess:\xff"] = text, text, text, text
	mustDecode(t, c, c.naming("x.y"), testNow)
	for _, value := range []string{
		signed, "s:" + signed, "j:" + signed, expressEscape("s:" + signed[1:]), expressEscape("S:" + signed), expressEscape("s:s:" + signed),
		c.naming("")[c.cookie], "s%3A", "s%3A.", "s%", "s%3", "s%3Ax.%ff", "%73" + c.naming("x.y")[c.cookie][1:], expressEscape("s:" + expressSign(c.keys[0], "\xff")),
	} {
		wantForeign(t, c, Cookies{c.cookie: value}, testNow)
	}
}

// TestExpressStoredByOthers: what express-session would not take from its store.
func TestExpressStoredByOthers(t *testing.T) {
	c, store := openExpress(t)
	for _, text := range []string{`{}`, `{"cookie":null}`, `{"cookie":"x"}`, `{"cookie":1}`, `{"cookie":[]}`, `{"cookie":{}}` + string(make([]byte, MaxUnpacked))} {
		store.text["sess:x"] = text
		wantForeign(t, c, c.naming("x"), testNow)
	}
	store.text["sess:x"] = `{"cookie":{},"a":"` + noise(MaxUnpacked-20) + `"}`
	mustDecode(t, c, c.naming("x"), testNow)
	store.text["sess:x"] = `{"cookie":{},"a":"` + noise(MaxUnpacked-19) + `"}`
	wantForeign(t, c, c.naming("x"), testNow)
}

// TestExpressStoreFails: that a session cannot be read does not say that it is none.
func TestExpressStoreFails(t *testing.T) {
	c, store := openExpress(t)
	cookies := mustEncode(t, c, Data{}, testNow)
	store.err = errors.New("away")
	if d, err := c.Decode(t.Context(), cookies, Times{}); d != nil || errors.Is(err, ErrForeign) || !errors.Is(err, store.err) {
		t.Errorf("Decode: %v, %v", d, err)
	}
	if c, err := c.Encode(t.Context(), Data{}, Times{Now: testNow}); c != nil || !errors.Is(err, store.err) {
		t.Errorf("Encode: %v, %v", c, err)
	}
	if err := c.End(t.Context(), cookies); !errors.Is(err, store.err) {
		t.Errorf("End: %v", err)
	}
	// What is not signed never reaches the store.
	wantForeign(t, c, Cookies{"connect.sid": "s%3Ax.y"}, testNow)
	if err := c.End(t.Context(), Cookies{"connect.sid": "s%3Ax.y"}); err != nil {
		t.Errorf("End: %v", err)
	}
}

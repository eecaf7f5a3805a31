package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

// clock is one that tests set.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// testKeys are keys for encryption.
func testKeys(names ...string) [][]byte {
	var keys [][]byte
	for _, name := range names {
		keys = append(keys, []byte(strings.Repeat(name, MinKeyBytes)[:MinKeyBytes]))
	}
	return keys
}

func newMemory(c *clock) *Memory { return NewMemory(MemoryOptions{Now: c.now}) }

func encrypt(t testing.TB, s Store, keys ...string) *Encrypted {
	t.Helper()
	e, err := NewEncrypted(s, testKeys(keys...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// openRedis opens a Redis until the test ends. Its timeout is for machines that are
// busy with other tests.
func openRedis(t testing.TB, address string, change ...func(*Options)) *Redis {
	t.Helper()
	o := Options{Address: address, Timeout: 5 * time.Second}
	for _, f := range change {
		f(&o)
	}
	r, err := NewRedis(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// subject is a store to test, empty, with a way to let time pass.
type subject struct {
	store Store
	pass  func(time.Duration)
}

// subjects opens one of each kind.
func subjects(t *testing.T) map[string]func(t *testing.T) subject {
	t.Helper()
	inMemory := func(wrap func(t *testing.T, m *Memory) Store) func(t *testing.T) subject {
		return func(t *testing.T) subject {
			c := newClock()
			return subject{wrap(t, newMemory(c)), c.advance}
		}
	}
	real := func(wrap func(t *testing.T, r *Redis) Store) func(t *testing.T) subject {
		return func(t *testing.T) subject {
			s := storetest.Start(t)
			return subject{wrap(t, openRedis(t, "redis://"+s.Addr)), time.Sleep} // it has a clock of its own
		}
	}
	return map[string]func(t *testing.T) subject{
		"Memory":            inMemory(func(_ *testing.T, m *Memory) Store { return m }),
		"Encrypted(Memory)": inMemory(func(t *testing.T, m *Memory) Store { return encrypt(t, m, "a", "b") }),
		"Failover(Memory)": inMemory(func(t *testing.T, m *Memory) Store {
			return NewFailover(encrypt(t, m, "a"), NewMemory(MemoryOptions{Now: m.o.Now}))
		}),
		"Failover(nothing)": inMemory(func(_ *testing.T, m *Memory) Store { return NewFailover(&broken{err: ErrUnavailable}, m) }),
		"Redis":             real(func(_ *testing.T, r *Redis) Store { return r }),
		"Encrypted(Redis)":  real(func(t *testing.T, r *Redis) Store { return encrypt(t, r, "a", "b") }),
		"Failover(Redis)": real(func(t *testing.T, r *Redis) Store {
			return NewFailover(encrypt(t, r, "a"), NewMemory(MemoryOptions{}))
		}),
		"Cluster": func(t *testing.T) subject {
			first, second := startCluster(t)
			return subject{openRedis(t, "redis+cluster://"+first.Addr+","+second.Addr), time.Sleep}
		},
		"Sentinel": func(t *testing.T) subject {
			master := storetest.Start(t)
			sentinel := startSentinel(t, master)
			return subject{openRedis(t, "redis+sentinel://"+sentinel.Addr+"/mymaster/2"), time.Sleep}
		},
	}
}

// broken is a Store that fails.
type broken struct{ err error }

func (b *broken) Load(context.Context, string) (Entry, error) { return Entry{}, b.err }

func (b *broken) Swap(context.Context, string, Entry, []byte, time.Duration) (Entry, bool, error) {
	return Entry{}, false, b.err
}

func (b *broken) Delete(context.Context, string) error { return b.err }

func TestContract(t *testing.T) {
	for name, open := range subjects(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Run("nothing", s.nothing)
			t.Run("swap", s.swap)
			t.Run("remove", s.remove)
			t.Run("own copies", s.ownCopies)
			t.Run("repeated", s.repeated)
			t.Run("bytes", s.bytes)
			t.Run("limits", s.limits)
			t.Run("one wins", s.oneWins)
			t.Run("counts", s.counts)
			t.Run("expires", s.expires)
		})
	}
}

func (s subject) nothing(t *testing.T) {
	e := s.load(t, "nothing")
	if e.Value != nil {
		t.Errorf("there is %q", e.Value)
	}
	if err := s.store.Delete(t.Context(), "nothing"); err != nil {
		t.Error(err)
	}
	if now, won, err := s.store.Swap(t.Context(), "nothing", e, nil, time.Minute); err != nil || !won || now.Value != nil {
		t.Errorf("nothing in the place of nothing: %v, %v, %v", now.Value, won, err)
	}
}

func (s subject) swap(t *testing.T) {
	first := s.put(t, "swap", Entry{}, "first")
	s.put(t, "swap other", Entry{}, "other")
	second := s.put(t, "swap", first, "second")
	s.lose(t, "swap", Entry{}, "third", "second")
	s.lose(t, "swap", first, "third", "second")
	s.lose(t, "swap", s.load(t, "swap other"), "third", "second")
	s.put(t, "swap", s.load(t, "swap"), "fourth")
	s.lose(t, "swap", second, "third", "fourth")
	s.want(t, "swap", "fourth")
	s.want(t, "swap other", "other")
}

func (s subject) remove(t *testing.T) {
	first := s.put(t, "remove", Entry{}, "first")
	now, won, err := s.store.Swap(t.Context(), "remove", first, nil, 0)
	if err != nil || !won || now.Value != nil {
		t.Fatalf("removing: %q, %v, %v", now.Value, won, err)
	}
	s.want(t, "remove", "")
	s.lose(t, "remove", first, "second", "")
	s.put(t, "remove", now, "third")
	if err := s.store.Delete(t.Context(), "remove"); err != nil {
		t.Fatal(err)
	}
	s.want(t, "remove", "")
	s.put(t, "remove", Entry{}, "fourth")
}

// ownCopies: neither what went in nor what came out is what is kept.
func (s subject) ownCopies(t *testing.T) {
	value := []byte("value")
	now, _, err := s.store.Swap(t.Context(), "copies", Entry{}, value, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	loaded := s.load(t, "copies")
	for _, b := range [][]byte{value, now.Value, loaded.Value} {
		copy(b, "XXXXX")
	}
	s.want(t, "copies", "value")
	s.put(t, "copies", loaded, "next")
}

// repeated: whoever asks again, because an answer was lost, learns that it is done.
func (s subject) repeated(t *testing.T) {
	for _, value := range [][]byte{[]byte("value"), nil} {
		old := s.load(t, "repeated")
		for range 3 {
			now, won, err := s.store.Swap(t.Context(), "repeated", old, value, time.Minute)
			if err != nil || !won || !bytes.Equal(now.Value, value) {
				t.Fatalf("%q, %v, %v, want %q", now.Value, won, err, value)
			}
		}
	}
}

func (s subject) bytes(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for i, value := range []string{"\x00", string(all), "\r\n$5\r\n", "日本", strings.Repeat("x", MaxValueBytes)} {
		key := fmt.Sprint("bytes", i)
		e := s.put(t, key, Entry{}, value)
		s.want(t, key, value)
		s.put(t, key, e, "next")
	}
}

func (s subject) limits(t *testing.T) {
	_, _, err := s.store.Swap(t.Context(), "limits", Entry{}, make([]byte, MaxValueBytes+1024), time.Minute)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large a value: %v", err)
	}
	if _, _, err = s.store.Swap(t.Context(), "limits", Entry{}, []byte("v"), 0); err == nil {
		t.Error("a value for no time is taken")
	}
	for _, key := range []string{"", strings.Repeat("k", maxKeyBytes+1)} {
		_, err1 := s.store.Load(t.Context(), key)
		_, _, err2 := s.store.Swap(t.Context(), key, Entry{}, []byte("v"), time.Minute)
		if err1 == nil || err2 == nil || s.store.Delete(t.Context(), key) == nil {
			t.Errorf("a key of %d bytes is taken", len(key))
		}
	}
	s.want(t, "limits", "")
}

// oneWins: of many who put something where nothing is, one does, and all learn what.
func (s subject) oneWins(t *testing.T) {
	var (
		wg   sync.WaitGroup
		wins atomic.Int32
		seen sync.Map
	)
	for i := range 16 {
		wg.Go(func() {
			value := []byte(fmt.Sprint("from ", i))
			now, won, err := s.store.Swap(t.Context(), "one wins", Entry{}, value, time.Minute)
			if err != nil {
				t.Error(err)
			}
			if won != bytes.Equal(now.Value, value) {
				t.Errorf("won is %v, and %q is there", won, now.Value)
			}
			if won {
				wins.Add(1)
			}
			seen.Store(string(now.Value), true)
		})
	}
	wg.Wait()
	values := 0
	seen.Range(func(any, any) bool { values++; return true })
	if wins.Load() != 1 || values != 1 {
		t.Errorf("%d won, and they saw %d values", wins.Load(), values)
	}
}

// counts: no Swap is lost. Values are unique: of two who write the same, both win.
func (s subject) counts(t *testing.T) {
	const goroutines, each = 8, 20
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range each {
				now, won := s.load(t, "counts"), false
				for !won {
					var err error
					next := fmt.Appendf(nil, "%d, counted by %d for the %d. time", count(now)+1, g, i)
					if now, won, err = s.store.Swap(t.Context(), "counts", now, next, time.Minute); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if n := count(s.load(t, "counts")); n != goroutines*each {
		t.Errorf("counted %d, want %d", n, goroutines*each)
	}
}

func count(e Entry) (n int) {
	_, _ = fmt.Sscan(string(e.Value), &n)
	return n
}

func (s subject) expires(t *testing.T) {
	const ttl = 300 * time.Millisecond
	if _, _, err := s.store.Swap(t.Context(), "short", Entry{}, []byte("value"), ttl); err != nil {
		t.Fatal(err)
	}
	long := s.put(t, "long", Entry{}, "value")
	s.pass(ttl + 50*time.Millisecond)
	s.want(t, "short", "")
	s.want(t, "long", "value")
	s.put(t, "short", Entry{}, "again")
	if _, _, err := s.store.Swap(t.Context(), "long", long, []byte("next"), ttl); err != nil {
		t.Fatal(err)
	}
	s.pass(ttl + 50*time.Millisecond)
	s.want(t, "long", "")
}

func (s subject) load(t *testing.T, key string) Entry {
	t.Helper()
	e, err := s.store.Load(t.Context(), key)
	if err != nil {
		t.Errorf("load: %v", err)
	}
	return e
}

func (s subject) want(t *testing.T, key, value string) {
	t.Helper()
	e := s.load(t, key)
	if string(e.Value) != value || (e.Value == nil) != (value == "") {
		t.Errorf("%.40q is there, want %.40q", e.Value, value)
	}
}

func (s subject) put(t *testing.T, key string, old Entry, value string) Entry {
	t.Helper()
	now, won, err := s.store.Swap(t.Context(), key, old, []byte(value), time.Minute)
	if err != nil || !won || string(now.Value) != value {
		t.Errorf("putting %.40q: %.40q, %v, %v", value, now.Value, won, err)
	}
	return now
}

func (s subject) lose(t *testing.T, key string, old Entry, value, there string) {
	t.Helper()
	now, won, err := s.store.Swap(t.Context(), key, old, []byte(value), time.Minute)
	if err != nil || won || string(now.Value) != there {
		t.Errorf("putting %.40q, which loses: %.40q, %v, %v, want %.40q", value, now.Value, won, err, there)
	}
}

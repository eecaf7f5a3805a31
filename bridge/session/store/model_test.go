package store

import (
	"bytes"
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable

	"github.com/ssobridge/ssobridge/bridge/session/store/storetest"
)

// model is what a store is to do, said as simply as it can be.
type model struct {
	values  map[string]string
	expires map[string]time.Time
}

func (m *model) there(key string, now time.Time) string {
	if !now.Before(m.expires[key]) {
		return ""
	}
	return m.values[key]
}

// TestModel does the same to stores and to the model, with entries as old as they may
// be: Swap compares what is written, never what somebody believes.
func TestModel(t *testing.T) {
	stores := map[string]func(c *clock) Store{
		"Memory":            func(c *clock) Store { return newMemory(c) },
		"Encrypted(Memory)": func(c *clock) Store { return encrypt(t, newMemory(c), "a") },
		"Failover(Memory)": func(c *clock) Store {
			return NewFailover(encrypt(t, newMemory(c), "a"), newMemory(c))
		},
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				c := newClock()
				checkModel(t, open(c), c.now, c.advance, "")
			})
		})
	}
	t.Run("Redis", func(t *testing.T) {
		s := storetest.Start(t)
		r := encrypt(t, openRedis(t, "redis://"+s.Addr), "a")
		c := newClock() // never advanced: the server has a clock of its own
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			checkModel(t, r, c.now, nil, string(rune(run)))
		})
	})
}

func checkModel(t *rapid.T, s Store, now func() time.Time, pass func(time.Duration), prefix string) {
	ctx := context.Background()
	m := &model{values: map[string]string{}, expires: map[string]time.Time{}}
	seen := map[string][]Entry{"a": {{}}, "b": {{}}} // what was ever there
	key := rapid.SampledFrom([]string{"a", "b"})
	value := rapid.SampledFrom([]string{"", "1", "2", "3"})
	ttl := rapid.SampledFrom([]time.Duration{time.Minute, time.Hour})
	actions := map[string]func(*rapid.T){
		"load": func(t *rapid.T) {
			k := key.Draw(t, "key")
			e, err := s.Load(ctx, prefix+k)
			if err != nil || string(e.Value) != m.there(k, now()) {
				t.Fatalf("load: %q, %v, want %q", e.Value, err, m.there(k, now()))
			}
			seen[k] = append(seen[k], e)
		},
		"swap": func(t *rapid.T) {
			k, v, d := key.Draw(t, "key"), value.Draw(t, "value"), ttl.Draw(t, "ttl")
			old := rapid.SampledFrom(seen[k]).Draw(t, "old")
			there, err := s.Load(ctx, prefix+k)
			if err != nil {
				t.Fatal(err)
			}
			matches := there.raw == old.raw
			e, won, err := s.Swap(ctx, prefix+k, old, []byte(v), d)
			if err != nil {
				t.Fatal(err)
			}
			if matches {
				m.values[k], m.expires[k] = v, now().Add(d)
			}
			want := m.there(k, now())
			if string(e.Value) != want || won != (want == v) || matches && !won {
				t.Fatalf("swap: %q, %v, want %q; old is there: %v", e.Value, won, want, matches)
			}
			seen[k] = append(seen[k], e)
			copy(e.Value, "XXX") // the caller's own
		},
		"delete": func(t *rapid.T) {
			k := key.Draw(t, "key")
			if err := s.Delete(ctx, prefix+k); err != nil {
				t.Fatal(err)
			}
			delete(m.values, k)
		},
	}
	if pass != nil {
		actions["pass"] = func(t *rapid.T) {
			pass(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(t, "passed"))
		}
	}
	t.Repeat(actions)
}

// FuzzSealed: what is no sealed value is nothing, and nothing else happens; what is
// sealed comes back.
func FuzzSealed(f *testing.F) {
	m := newMemory(newClock())
	e := encrypt(f, m, "a", "b")
	f.Add("key", sealed(f, e, m, "key", "value"), []byte("value"))
	f.Add("key", sealed(f, encrypt(f, m, "b"), m, "key", "value"), []byte{0})
	f.Add("other", sealed(f, encrypt(f, m, "z"), m, "key", "value"), make([]byte, 100))
	f.Add("", []byte{sealVersion}, []byte(nil))
	f.Fuzz(func(t *testing.T, key string, b, value []byte) {
		if got, ok := e.open(key, b); ok {
			again, err := e.seal(key, got)
			if back, ok := e.open(key, again); err != nil || !ok || !bytes.Equal(back, got) {
				t.Errorf("what opens does not seal: %v", err)
			}
		}
		made, err := e.seal(key, value)
		if err != nil {
			t.Fatal(err)
		}
		if len(value) == 0 {
			if made != nil {
				t.Error("nothing is sealed")
			}
			return
		}
		if got, ok := e.open(key, made); !ok || !bytes.Equal(got, value) {
			t.Error("what is sealed does not open")
		}
		if _, ok := e.open(key+"x", made); ok {
			t.Error("opens under another key")
		}
	})
}

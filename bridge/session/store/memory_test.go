package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func putAll(t *testing.T, m *Memory, ttl time.Duration, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if _, won, err := m.Swap(t.Context(), key, Entry{}, []byte("value"), ttl); err != nil || !won {
			t.Fatalf("%s: %v, %v", key, won, err)
		}
	}
}

func (m *Memory) keys() string {
	var keys []string
	for e := m.order.Front(); e != nil; e = e.Next() {
		keys = append(keys, e.Value.(*held).key)
	}
	return strings.Join(keys, " ")
}

// TestMemoryForgetsLeastRecentlyUsed, which is neither the oldest nor the one that
// expires first.
func TestMemoryForgetsLeastRecentlyUsed(t *testing.T) {
	metrics := NewMetrics()
	m := NewMemory(MemoryOptions{MaxEntries: 3, Now: newClock().now, Metrics: metrics})
	putAll(t, m, time.Hour, "a", "b", "c")
	if _, err := m.Load(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if !m.has("b") {
		t.Fatal("b is not there")
	}
	putAll(t, m, time.Minute, "d")
	if got := m.keys(); got != "d a c" {
		t.Errorf("there are %s", got)
	}
	putAll(t, m, time.Minute, "e")
	if got := m.keys(); got != "e d a" {
		t.Errorf("there are %s", got)
	}
	if n := testutil.ToFloat64(metrics.evictions); n != 2 {
		t.Errorf("%v evictions", n)
	}
}

// TestFloodCannotFillMemory: whoever makes entries makes none beyond the limits.
func TestFloodCannotFillMemory(t *testing.T) {
	metrics := NewMetrics()
	const maxBytes = 1 << 20
	m := NewMemory(MemoryOptions{MaxBytes: maxBytes, Now: newClock().now, Metrics: metrics})
	for i := range 5000 {
		value := make([]byte, 1+i*7%MaxValueBytes)
		if _, won, err := m.Swap(t.Context(), fmt.Sprint(i), Entry{}, value, time.Hour); err != nil || !won {
			t.Fatal(won, err)
		}
		if m.bytes > maxBytes {
			t.Fatalf("%d bytes after %d", m.bytes, i)
		}
	}
	if len(m.entries) != m.order.Len() || float64(len(m.entries)) != testutil.ToFloat64(metrics.entries) ||
		float64(m.bytes) != testutil.ToFloat64(metrics.bytes) {
		t.Errorf("%d entries, %d in order, %v and %v in metrics", len(m.entries), m.order.Len(),
			testutil.ToFloat64(metrics.entries), testutil.ToFloat64(metrics.bytes))
	}
	sum := 0
	for _, e := range m.entries {
		sum += e.Value.(*held).size()
	}
	if sum != m.bytes {
		t.Errorf("counted %d bytes, and there are %d", m.bytes, sum)
	}
	if err := m.Close(); err != nil || m.bytes != 0 || testutil.ToFloat64(metrics.bytes) != 0 || testutil.ToFloat64(metrics.entries) != 0 {
		t.Errorf("after Close: %v, %d bytes", err, m.bytes)
	}
	putAll(t, m, time.Hour, "late")
	if len(m.entries) != 0 {
		t.Error("a Memory that is closed keeps what nobody will free")
	}
}

func TestMemoryLargerThanAll(t *testing.T) {
	m := NewMemory(MemoryOptions{MaxBytes: 1000, Now: newClock().now})
	putAll(t, m, time.Hour, "a", "b")
	if _, _, err := m.Swap(t.Context(), "c", Entry{}, make([]byte, 1000), time.Hour); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if len(m.entries) != 2 {
		t.Error("others were forgotten for what did not fit")
	}
}

// TestMemorySweeps: what has expired goes although nobody asks for it, while others
// are asked for all the time.
func TestMemorySweeps(t *testing.T) {
	c := newClock()
	m := newMemory(c)
	const short, long = 500, 500
	for i := range short + long {
		ttl := time.Hour
		if i%2 == 0 {
			ttl = time.Second
		}
		putAll(t, m, ttl, fmt.Sprint(i))
	}
	c.advance(time.Minute)
	for i := range 2 * (short + long) / sweepSteps {
		if _, err := m.Load(t.Context(), fmt.Sprint(i%100*2+1)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.Swap(t.Context(), "nothing", Entry{}, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.entries) != long {
		t.Errorf("%d entries are left, of which %d have expired", len(m.entries), len(m.entries)-long)
	}
}

// TestSweepAfterDelete: the hand does not stay on an entry that has gone, which would be
// removed, and counted, once more.
func TestSweepAfterDelete(t *testing.T) {
	c := newClock()
	m := newMemory(c)
	putAll(t, m, time.Second, "a")
	putAll(t, m, time.Hour, "b", "c")
	m.hand = m.entries["a"]
	if err := m.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Minute)
	before := m.bytes
	if _, _, err := m.Swap(t.Context(), "nothing", Entry{}, nil, 0); err != nil {
		t.Fatal(err)
	}
	if m.bytes != before || len(m.entries) != 2 {
		t.Errorf("%d bytes in %d entries, want %d in 2", m.bytes, len(m.entries), before)
	}
}

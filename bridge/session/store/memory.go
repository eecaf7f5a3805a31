package store

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// MemoryOptions bound a Memory; see also Options.
type MemoryOptions struct {
	// MaxEntries and MaxBytes are limits; 0: DefaultMaxEntries, DefaultMaxBytes.
	MaxEntries, MaxBytes int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Metrics count; nil: nothing.
	Metrics *Metrics
}

// The limits of a Memory that sets none.
const (
	DefaultMaxEntries = 100_000
	DefaultMaxBytes   = 128 << 20
)

const (
	// entryBytes is what an entry costs beside its key and value.
	entryBytes = 256
	// sweepSteps is how many entries each Swap looks at, so that what has expired goes
	// even if nobody asks for it.
	sweepSteps = 2
)

// Memory keeps values in the process. When it is full, it forgets what was not asked
// for the longest. Every operation takes constant time, and none waits.
type Memory struct {
	o MemoryOptions

	mu      sync.Mutex
	entries map[string]*list.Element
	order   *list.List // of *held, those asked for last in front
	hand    *list.Element
	bytes   int
	closed  bool
}

// held is what a Memory holds under a key.
type held struct {
	key, raw string
	expires  time.Time
}

func (h *held) size() int { return entryBytes + len(h.key) + len(h.raw) }

// NewMemory returns an empty Memory.
func NewMemory(o MemoryOptions) *Memory {
	if o.MaxEntries <= 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Memory{o: o, entries: map[string]*list.Element{}, order: list.New()}
}

// Load implements Store.
func (m *Memory) Load(_ context.Context, key string) (_ Entry, err error) {
	defer func() { m.o.Metrics.operation(placeMemory, opLoad, 0, err) }()
	if err := checkKey(key); err != nil {
		return Entry{}, err
	}
	now := m.o.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	return rawEntry(m.get(key, now)), nil
}

// Swap implements Store.
func (m *Memory) Swap(_ context.Context, key string, old Entry, value []byte, ttl time.Duration) (_ Entry, _ bool, err error) {
	defer func() { m.o.Metrics.operation(placeMemory, opSwap, 0, err) }()
	if err := checkSwap(key, value, maxRawBytes, ttl); err != nil {
		return Entry{}, false, err
	}
	next := &held{key: key, raw: string(value)}
	if next.size() > m.o.MaxBytes {
		return Entry{}, false, fmt.Errorf("%w: %d bytes, and all sessions together may have %d", ErrTooLarge, next.size(), m.o.MaxBytes)
	}
	now := m.o.Now()
	next.expires = now.Add(ttl)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now)
	if there := m.get(key, now); there != old.raw {
		return rawEntry(there), there == next.raw, nil
	}
	m.remove(m.entries[key])
	if next.raw != "" {
		m.put(next)
	}
	return rawEntry(next.raw), true, nil
}

// Delete implements Store.
func (m *Memory) Delete(_ context.Context, key string) (err error) {
	defer func() { m.o.Metrics.operation(placeMemory, opDelete, 0, err) }()
	if err := checkKey(key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(m.entries[key])
	return nil
}

// has reports whether anything is there, without it counting as asked for.
func (m *Memory) has(key string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	return ok && m.o.Now().Before(e.Value.(*held).expires)
}

// Close forgets everything.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.order.Len() > 0 {
		m.remove(m.order.Back())
	}
	m.closed = true
	return nil
}

func (m *Memory) get(key string, now time.Time) string {
	e, ok := m.entries[key]
	if !ok {
		return ""
	}
	h := e.Value.(*held)
	if !now.Before(h.expires) {
		m.remove(e)
		return ""
	}
	m.order.MoveToFront(e)
	return h.raw
}

func (m *Memory) put(h *held) {
	if m.closed { // replaced by a reload, with requests still under way
		return
	}
	for len(m.entries) >= m.o.MaxEntries || m.bytes+h.size() > m.o.MaxBytes {
		m.remove(m.order.Back())
		m.o.Metrics.evicted()
	}
	m.entries[h.key] = m.order.PushFront(h)
	m.count(1, h.size())
}

func (m *Memory) remove(e *list.Element) {
	if e == nil {
		return
	}
	if m.hand == e {
		m.hand = e.Prev()
	}
	h := m.order.Remove(e).(*held)
	delete(m.entries, h.key)
	m.count(-1, -h.size())
}

func (m *Memory) count(entries, bytes int) {
	m.bytes += bytes
	m.o.Metrics.holds(entries, bytes)
}

// sweep moves the hand on, from what was asked for the longest ago towards what was
// asked for last, and removes what has expired on the way. An entry that is asked for
// takes the hand to the front, and so back to where those are that nobody asks for.
func (m *Memory) sweep(now time.Time) {
	for range sweepSteps {
		if m.hand == nil {
			m.hand = m.order.Back()
		}
		e := m.hand
		if e == nil {
			return
		}
		m.hand = e.Prev()
		if !now.Before(e.Value.(*held).expires) {
			m.remove(e)
		}
	}
}

// rawEntry is the Entry of a store that writes values as they are.
func rawEntry(raw string) Entry {
	if raw == "" {
		return Entry{}
	}
	return Entry{Value: []byte(raw), raw: raw}
}

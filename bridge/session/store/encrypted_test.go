package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// sealed puts value through e and returns what is in m.
func sealed(t testing.TB, e *Encrypted, m *Memory, key, value string) []byte {
	t.Helper()
	ctx := context.Background()
	now, err := e.Load(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, won, err := e.Swap(ctx, key, now, []byte(value), time.Hour); err != nil || !won {
		t.Fatal(won, err)
	}
	there, err := m.Load(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	return there.Value
}

// plant puts bytes into m, past the encryption.
func plant(t testing.TB, m *Memory, key string, b []byte) {
	t.Helper()
	ctx := context.Background()
	if err := m.Delete(ctx, key); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Swap(ctx, key, Entry{}, b, time.Hour); err != nil {
		t.Fatal(err)
	}
}

func TestEncryptedShowsNothing(t *testing.T) {
	m := newMemory(newClock())
	e := encrypt(t, m, "a")
	first := sealed(t, e, m, "key", "canary canary canary")
	second := sealed(t, e, m, "key", "canary canary canary")
	if bytes.Contains(first, []byte("canary")) {
		t.Error("the value can be read")
	}
	if bytes.Equal(first, second) {
		t.Error("two encryptions are alike, so that one sees whether a session changed")
	}
	if len(first) != len("canary canary canary")+sealOverhead {
		t.Errorf("%d bytes more", len(first)-len("canary canary canary"))
	}
}

// unreadable is what must count as nothing.
func TestEncryptedRefuses(t *testing.T) {
	m := newMemory(newClock())
	count := 0
	e, err := NewEncrypted(m, testKeys("a", "b"), func() { count++ })
	if err != nil {
		t.Fatal(err)
	}
	good := sealed(t, e, m, "ann", "value")
	others := sealed(t, encrypt(t, m, "b", "a"), m, "bob", "other")
	cases := map[string][]byte{
		"another key's value":   sealed(t, e, m, "carol", "value"),
		"a key that is gone":    sealed(t, encrypt(t, m, "z"), m, "ann", "value"),
		"another deployment":    sealed(t, encrypt(t, m, "y"), m, "ann", "value"),
		"key ID of another key": append(bytes.Clone(others[:headerBytes]), good[headerBytes:]...),
		"plain text":            []byte("value that is long enough to be one, in any case"),
		"one byte":              {sealVersion},
		"nothing but a header":  good[:sealOverhead],
		"another version":       append([]byte{2}, good[1:]...),
		"two values in one":     append(bytes.Clone(good), others...),
		"a byte more":           append(bytes.Clone(good), 0),
		"longer than any":       append(bytes.Clone(good), make([]byte, maxRawBytes-len(good))...),
	}
	for i := range len(good) * 8 {
		flipped := bytes.Clone(good)
		flipped[i/8] ^= 1 << (i % 8)
		cases[fmt.Sprintf("bit %d flipped", i)] = flipped
	}
	for i := 1; i < len(good); i++ {
		cases[fmt.Sprintf("cut after %d bytes", i)] = good[:i]
	}
	for name, b := range cases {
		count = 0
		plant(t, m, "ann", b)
		there, err := e.Load(t.Context(), "ann")
		if err != nil || there.Value != nil {
			t.Errorf("%s: %q, %v", name, there.Value, err)
		}
		if count != 1 {
			t.Errorf("%s: counted %d times", name, count)
		}
		// It gives way, to those who saw it and to those who saw nothing.
		for _, old := range []Entry{there, {}} {
			plant(t, m, "ann", b)
			if now, won, err := e.Swap(t.Context(), "ann", old, []byte("next"), time.Hour); err != nil || !won || string(now.Value) != "next" {
				t.Errorf("%s: put in its place: %q, %v, %v", name, now.Value, won, err)
			}
		}
	}
	plant(t, m, "ann", good)
	if there, err := e.Load(t.Context(), "ann"); err != nil || string(there.Value) != "value" {
		t.Errorf("what was not changed: %q, %v", there.Value, err)
	}
}

// TestUnreadableSincePutByOthers: somebody has written what can be read over what could
// not. Whoever has seen that it could not does not write over it.
func TestUnreadableSincePutByOthers(t *testing.T) {
	m := newMemory(newClock())
	e := encrypt(t, m, "a")
	plant(t, m, "ann", []byte("garbage"))
	seen, err := e.Load(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	sealed(t, e, m, "ann", "value")
	now, won, err := e.Swap(t.Context(), "ann", seen, []byte("next"), time.Hour)
	if err != nil || won || string(now.Value) != "value" {
		t.Errorf("%q, %v, %v", now.Value, won, err)
	}
}

func TestKeyRotation(t *testing.T) {
	m := newMemory(newClock())
	before := encrypt(t, m, "a")
	sealed(t, before, m, "key", "value")
	rotated := encrypt(t, m, "b", "a")
	there, err := rotated.Load(t.Context(), "key")
	if err != nil || string(there.Value) != "value" {
		t.Fatalf("under the key before: %q, %v", there.Value, err)
	}
	if _, won, err := rotated.Swap(t.Context(), "key", there, []byte("next"), time.Hour); err != nil || !won {
		t.Fatal(won, err)
	}
	if there, err = before.Load(t.Context(), "key"); err != nil || there.Value != nil {
		t.Errorf("the key before opens what the new one has written: %q, %v", there.Value, err)
	}
	if there, err = encrypt(t, m, "b").Load(t.Context(), "key"); err != nil || string(there.Value) != "next" {
		t.Errorf("under the new key: %q, %v", there.Value, err)
	}
}

func TestEncryptedRefusesWeakKeys(t *testing.T) {
	for name, keys := range map[string][][]byte{
		"none": nil, "empty": {nil}, "short": {make([]byte, 31)}, "the second": {make([]byte, 32), make([]byte, 16)},
	} {
		if _, err := NewEncrypted(newMemory(newClock()), keys, nil); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, _, err := Open(Options{Address: "redis://127.0.0.1:1", Keys: keys}); err == nil {
			t.Errorf("%s: a Redis opens", name)
		}
	}
}

// TestSealedFormat keeps what older versions have written readable.
func TestSealedFormat(t *testing.T) {
	m := newMemory(newClock())
	e := encrypt(t, m, "a")
	const hexed = "013230a007da158d37ae31b07a79cb42caef41d8b5c70108a70907e30f23b3114f8aa0316fc8"
	var b []byte
	if _, err := fmt.Sscanf(hexed, "%x", &b); err != nil {
		t.Fatal(err)
	}
	plant(t, m, "key", b)
	if there, err := e.Load(t.Context(), "key"); err != nil || string(there.Value) != "value" {
		t.Errorf("%q, %v; sealed now: %x", there.Value, err, sealed(t, e, m, "other", "value"))
	}
}

// TestNothingIsPrinted: entries hold what lets people in.
func TestNothingIsPrinted(t *testing.T) {
	e := rawEntry("canary")
	shown := fmt.Sprintf("%v %+v %#v %s %x %d %q", e, e, e, e, e, e, &e) + e.LogValue().String()
	o := Options{Password: "canary", Keys: [][]byte{[]byte("canary")}}
	shown += fmt.Sprintf("%v %+v %#v %s %x", o, o, o, o, o)
	for _, form := range []string{"canary", "63616e617279", "[99 97"} {
		if strings.Contains(shown, form) {
			t.Errorf("%s", shown)
		}
	}
}

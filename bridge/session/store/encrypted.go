package store

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MinKeyBytes is how long a key must be that sessions are encrypted under.
const MinKeyBytes = 32

// A sealed value is
//
//	version (1) ‖ key ID (4) ‖ nonce (12) ‖ AES-256-GCM ciphertext and tag (16)
//
// with version, key ID and the store's key as additional data. The AES key is
// HKDF-SHA-256 (RFC 5869) of a configured key and the store's key: each key of the
// store has its own, so that random nonces do not wear out, however often sessions are
// written (NIST SP 800-38D, 8.3: at most 2^32 per key).
const (
	sealVersion  = 1
	keyIDBytes   = 4
	headerBytes  = 1 + keyIDBytes
	nonceBytes   = 12
	tagBytes     = 16
	sealOverhead = headerBytes + nonceBytes + tagBytes
)

const (
	extractSalt = "ssobridge session store"
	idInfo      = "key ID"
	aesInfo     = "AES-256-GCM:"
)

// Encrypted is a Store whose values the one that it wraps cannot read, change
// unnoticed, or hand out under another key. That one can still lose a value, or show
// one that it had before.
type Encrypted struct {
	store      Store
	keys       []sealKey
	unreadable func()
}

// sealKey is a configured key, extracted.
type sealKey struct {
	id     [keyIDBytes]byte
	secret []byte
}

// NewEncrypted returns a Store in front of s. keys have MinKeyBytes or more; the first
// encrypts, and all decrypt. unreadable, if not nil, is told of every value that was
// there and could not be decrypted, which is then as good as nothing.
func NewEncrypted(s Store, keys [][]byte, unreadable func()) (*Encrypted, error) {
	if len(keys) == 0 {
		return nil, errors.New("session store: encryption needs a key")
	}
	if unreadable == nil {
		unreadable = func() {}
	}
	e := &Encrypted{store: s, unreadable: unreadable}
	for i, key := range keys {
		if len(key) < MinKeyBytes {
			return nil, fmt.Errorf("session store: key %d has %d bytes, and needs %d", i+1, len(key), MinKeyBytes)
		}
		k, err := newSealKey(key)
		if err != nil {
			return nil, fmt.Errorf("session store: key %d: %w", i+1, err)
		}
		e.keys = append(e.keys, k)
	}
	return e, nil
}

func newSealKey(key []byte) (k sealKey, err error) {
	if k.secret, err = hkdf.Extract(sha256.New, key, []byte(extractSalt)); err != nil {
		return k, err
	}
	id, err := hkdf.Expand(sha256.New, k.secret, idInfo, keyIDBytes)
	copy(k.id[:], id)
	return k, err
}

// Load implements Store.
func (e *Encrypted) Load(ctx context.Context, key string) (Entry, error) {
	there, err := e.store.Load(ctx, key)
	if err != nil {
		return Entry{}, err
	}
	return e.opened(key, there), nil
}

// Swap implements Store.
func (e *Encrypted) Swap(ctx context.Context, key string, old Entry, value []byte, ttl time.Duration) (Entry, bool, error) {
	if err := checkSwap(key, value, MaxValueBytes, ttl); err != nil {
		return Entry{}, false, err
	}
	sealed, err := e.seal(key, value)
	if err != nil {
		return Entry{}, false, fmt.Errorf("session store: encrypting: %w", err)
	}
	there, won, err := e.store.Swap(ctx, key, old, sealed, ttl)
	if err == nil && !won && old.Value == nil {
		if now := e.opened(key, there); now.Value == nil {
			// What cannot be read was there, or is: it counts as nothing.
			there, won, err = e.store.Swap(ctx, key, now, sealed, ttl)
		}
	}
	switch {
	case err != nil:
		return Entry{}, false, err
	case won && len(value) == 0:
		return Entry{}, true, nil
	case won:
		return Entry{Value: bytes.Clone(value), raw: there.raw}, true, nil
	}
	now := e.opened(key, there)
	// It may be there under another nonce, from a Swap whose answer was lost.
	return now, bytes.Equal(now.Value, value), nil
}

// Delete implements Store.
func (e *Encrypted) Delete(ctx context.Context, key string) error {
	return e.store.Delete(ctx, key)
}

// opened is what is there, decrypted.
func (e *Encrypted) opened(key string, there Entry) Entry {
	if there.Value == nil {
		return there
	}
	value, ok := e.open(key, there.Value)
	if !ok {
		e.unreadable()
		return Entry{raw: there.raw}
	}
	return Entry{Value: value, raw: there.raw}
}

func (e *Encrypted) seal(key string, value []byte) ([]byte, error) {
	if len(value) == 0 {
		return nil, nil
	}
	k := e.keys[0]
	aead, err := k.aead(key)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, headerBytes+nonceBytes, len(value)+sealOverhead)
	sealed[0] = sealVersion
	copy(sealed[1:], k.id[:])
	nonce := sealed[headerBytes:]
	_, _ = rand.Read(nonce) // does not fail
	return aead.Seal(sealed, nonce, value, additional(sealed, key)), nil
}

func (e *Encrypted) open(key string, sealed []byte) (value []byte, ok bool) {
	if len(sealed) <= sealOverhead || len(sealed) > maxRawBytes || sealed[0] != sealVersion {
		return nil, false
	}
	id := [keyIDBytes]byte(sealed[1:headerBytes])
	for _, k := range e.keys {
		if k.id != id {
			continue
		}
		aead, err := k.aead(key)
		if err != nil {
			return nil, false
		}
		nonce, text := sealed[headerBytes:headerBytes+nonceBytes], sealed[headerBytes+nonceBytes:]
		if value, err = aead.Open(nil, nonce, text, additional(sealed, key)); err == nil {
			return value, true
		}
	}
	return nil, false
}

// aead is the cipher for what is under one key of the store.
func (k *sealKey) aead(key string) (cipher.AEAD, error) {
	secret, err := hkdf.Expand(sha256.New, k.secret, aesInfo+key, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func additional(sealed []byte, key string) []byte {
	return slices.Concat(sealed[:headerBytes], []byte(key))
}

package verifier

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/ssobridge/ssobridge/verifier/internal/es256"
)

const (
	// maxTables bounds the keys of one KeySource that may have a table, of 0.8 MB
	// each; any further ones are checked without. Issuers publish one to three.
	maxTables = 8
	// tableAfter is how many good signatures earn a key its table: to make it costs
	// about as much as it saves in as many. Only the issuer can make them, so that
	// nobody else causes any work, and a key that is published but not used causes
	// none either.
	tableAfter = 100
)

// fastES256 checks the signatures of one key: at first as jose.go does, and with
// a table once there is one. The table is freed with the last Key that has it,
// which is soon after its issuer no longer publishes the key.
type fastES256 struct {
	public *ecdsa.PublicKey
	good   atomic.Int64 // signatures before there was a table
	table  atomic.Pointer[es256.Table]
}

// withTables returns the keys with the means to have tables, where they may. A
// key that is in before, by ID and value, shares what it has there: keys are
// fetched every few minutes, and seldom change.
func withTables(keys []Key, before keySet) []Key {
	keys = slices.Clone(keys)
	left := maxTables
	for i := range keys {
		k := &keys[i]
		k.fast = nil
		public, ok := k.Public.(*ecdsa.PublicKey)
		if !ok || public.Curve != elliptic.P256() || left == 0 {
			continue
		}
		left--
		k.fast = &fastES256{public: public}
		for _, old := range before[k.ID].Alternatives() {
			if old.fast != nil && old.fast.public.Equal(public) {
				k.fast, k.Public = old.fast, old.fast.public
			}
		}
	}
	return keys
}

// isFor reports whether f checks what k says; nil checks nothing. A KeySource of
// somebody else may have changed a Key that it took from one of ours, and then it
// is k's exported fields that count.
func (f *fastES256) isFor(k Key) bool {
	return f != nil && k.Algorithm == ES256 && k.Public == crypto.PublicKey(f.public)
}

// check is checkSignature for a Key that f is for.
func (f *fastES256) check(key Key, signingInput string, signature []byte) error {
	table := f.table.Load()
	if table == nil {
		err := checkSignature(key, signingInput, signature)
		if err == nil && f.good.Add(1) == tableAfter {
			go f.makeTable()
		}
		return err
	}
	digest := sha256.Sum256([]byte(signingInput))
	if !table.Verify(&digest, signature) {
		return errors.New("the signature is not the key's")
	}
	return nil
}

// makeTable takes some milliseconds, for which no request should wait, and then
// ends. It is called once.
func (f *fastES256) makeTable() {
	table, err := es256.NewTable(f.public)
	if err != nil {
		return // cannot be: the key has verified signatures. They go on as before.
	}
	f.table.Store(table)
}

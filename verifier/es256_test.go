package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/ssobridge/ssobridge/verifier/internal/es256"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

func es256Key(t *testing.T, id string) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{ID: id, Algorithm: ES256, Public: &private.PublicKey}
}

// reloaded is the key as the next fetch brings it: equal, and not the same.
func reloaded(t *testing.T, k Key) Key {
	t.Helper()
	encoded, err := k.Public.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), encoded)
	if err != nil {
		t.Fatal(err)
	}
	return Key{ID: k.ID, Algorithm: k.Algorithm, Public: public}
}

// fuzzVerifier accepts fuzzIssuer's assertions of fuzzClaims.
func fuzzVerifier(t *testing.T, keys KeySource, o Options) *Verifier {
	t.Helper()
	o.Issuer, o.Audience, o.Now = "a.example", []string{"a.example"}, fuzzNow
	v, err := New(keys, o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func issuerKeys(t *testing.T, issuer *verifiertest.Issuer) KeySource {
	t.Helper()
	keys, err := ParseJWKS(issuer.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	return StaticKeys(keys...)
}

// TestTableIsEarned: by as many good signatures and not one less, all of which,
// and those that follow, verify. Signatures that are not good count for nothing,
// or anybody could have tables made.
func TestTableIsEarned(t *testing.T) {
	if fips140.Enabled() {
		t.Skip("in FIPS 140-3 mode there are no tables")
	}
	synctest.Test(t, func(t *testing.T) {
		issuer := fuzzIssuer(t)
		keys := issuerKeys(t, issuer)
		v := fuzzVerifier(t, keys, Options{})
		key, err := keys.Key(t.Context(), issuer.KeyID())
		if err != nil {
			t.Fatal(err)
		}
		good := issuer.Assertion(fuzzClaims())
		bad := good[:len(good)-4] + "AAAA"
		verify := func(times int) {
			for range times {
				if _, err := v.Verify(t.Context(), good); err != nil {
					t.Fatal(err)
				}
				if _, err := v.Verify(t.Context(), bad); err == nil {
					t.Fatal("accepted")
				}
			}
			synctest.Wait()
		}
		verify(tableAfter - 1)
		if key.fast.table.Load() != nil {
			t.Errorf("after %d good signatures there is a table", tableAfter-1)
		}
		verify(1)
		table := key.fast.table.Load()
		if table == nil {
			t.Fatalf("after %d good signatures there is no table", tableAfter)
		}
		verify(2 * tableAfter)
		if key.fast.table.Load() != table {
			t.Error("it was made again")
		}
	})
}

// TestStandardECDSA: the switch keeps tables from being made and from being used.
func TestStandardECDSA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := fuzzIssuer(t)
		keys := issuerKeys(t, issuer)
		key, err := keys.Key(t.Context(), issuer.KeyID())
		if err != nil {
			t.Fatal(err)
		}
		v := fuzzVerifier(t, keys, Options{StandardECDSA: true})
		for range tableAfter + 1 {
			if _, err := v.Verify(t.Context(), issuer.Assertion(fuzzClaims())); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if key.fast.table.Load() != nil || key.fast.good.Load() != 0 {
			t.Error("there is a table, or there would be one")
		}
		key.fast.table.Store(new(es256.Table)) // which verifies nothing
		if _, err := v.Verify(t.Context(), issuer.Assertion(fuzzClaims())); err != nil {
			t.Errorf("the table is used: %v", err)
		}
		if _, err := fuzzVerifier(t, keys, Options{}).Verify(t.Context(), issuer.Assertion(fuzzClaims())); err == nil {
			t.Error("without the switch the table is not used")
		}
	})
}

// TestFIPSMode: nothing outside the validated module may check a signature then.
// The mode is one of the whole process, so it takes another one.
func TestFIPSMode(t *testing.T) {
	if fips140.Enabled() {
		if v := fuzzVerifier(t, StaticKeys(), Options{}); !v.o.StandardECDSA {
			t.Error("tables would be used")
		}
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestFIPSMode$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "panic: fips140: FIPS 140-3 mode is incompatible") {
		t.Skip("this build has no FIPS 140-3 mode")
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFIPSMode") {
		t.Errorf("with GODEBUG=fips140=on: %v\n%s", err, out)
	}
}

// TestTableWhileVerifying: nobody waits for a table, and nobody sees half of one.
func TestTableWhileVerifying(t *testing.T) {
	issuer := fuzzIssuer(t)
	v := fuzzVerifier(t, issuerKeys(t, issuer), Options{})
	good := issuer.Assertion(fuzzClaims())
	bad := good[:len(good)-4] + "AAAA"
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range tableAfter {
				if _, err := v.Verify(t.Context(), good); err != nil {
					t.Error(err)
				}
				if _, err := v.Verify(t.Context(), bad); err == nil {
					t.Error("accepted")
				}
			}
		})
	}
	all.Wait()
}

// TestHostileJWKSTakesNoMoreTables: of a thousand keys, or of a hundred, as many
// have tables as of eight.
func TestHostileJWKSTakesNoMoreTables(t *testing.T) {
	var keys []Key
	for i := range maxKeys {
		k := es256Key(t, fmt.Sprint(i))
		// Each could have a table where it comes from.
		keys = append(keys, newKeySet([]Key{k}, nil)[k.ID])
	}
	count := func(set keySet) (n int) {
		for _, k := range set {
			if k.fast != nil {
				n++
			}
		}
		return n
	}
	first := newKeySet(keys, nil)
	if n := count(first); n != maxTables {
		t.Errorf("%d keys may have tables, want %d", n, maxTables)
	}
	// In another order others have the room, and those before have none left.
	slices.Reverse(keys)
	if n := count(newKeySet(keys, first)); n != maxTables {
		t.Errorf("after another fetch %d keys may have tables, want %d", n, maxTables)
	}
}

// TestNoTable: of keys for which there is none, also those that only a caller of
// StaticKeys can make.
func TestNoTable(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mislabelled := es256Key(t, "mislabelled")
	mislabelled.Algorithm = RS256
	set := newKeySet([]Key{
		{ID: "P-384", Algorithm: ES256, Public: &p384.PublicKey}, mislabelled,
		{ID: "no key", Algorithm: ES256}, {ID: "not a pointer", Algorithm: ES256, Public: p384.PublicKey},
	}, nil)
	for id, k := range set {
		if k.fast.isFor(k) {
			t.Errorf("%s: may have a table", id)
		}
	}
}

// TestKeyChangedByAnotherKeySource: a Key is what its exported fields say. With
// the table of the key that it was, that key's signatures would go on to verify.
func TestKeyChangedByAnotherKeySource(t *testing.T) {
	issuer := fuzzIssuer(t)
	keys := issuerKeys(t, issuer)
	MakeTable(t, keys, issuer.KeyID())
	for name, change := range map[string]func(*Key){
		"another key": func(k *Key) { k.Public = es256Key(t, "").Public },
		"no key":      func(k *Key) { k.Public = nil },
		"RS256":       func(k *Key) { k.Algorithm = RS256 },
	} {
		v := fuzzVerifier(t, changed{keys, change}, Options{Algorithms: []string{ES256, RS256}})
		if _, err := v.Verify(t.Context(), issuer.Assertion(fuzzClaims())); err == nil {
			t.Errorf("%s: accepted", name)
		}
		signed, _ := parseCompact(issuer.Assertion(fuzzClaims()))
		asRS256 := issuer.Sign([]byte(`{"alg":"RS256","kid":"`+issuer.KeyID()+`","typ":"JWT"}`), signed.payload)
		if _, err := v.Verify(t.Context(), asRS256); err == nil {
			t.Errorf("%s, signed by ES256 and called RS256: accepted", name)
		}
	}
}

type changed struct {
	KeySource
	change func(*Key)
}

func (c changed) Key(ctx context.Context, keyID string) (Key, error) {
	k, err := c.KeySource.Key(ctx, keyID)
	c.change(&k)
	return k, err
}

// servedKeys are RemoteKeys of whatever is in set, without ETags, so that every
// fetch brings new keys.
func servedKeys(t *testing.T) (keys *RemoteKeys, set *atomic.Pointer[[]byte]) {
	t.Helper()
	set = new(atomic.Pointer[[]byte])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(*set.Load()) }))
	t.Cleanup(server.Close)
	client := NewKeyClient(nil, nil)
	t.Cleanup(client.CloseIdleConnections)
	keys, err := NewRemoteKeys(RemoteKeysOptions{URL: server.URL, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	return keys, set
}

func fetchSet(t *testing.T, keys *RemoteKeys, set *atomic.Pointer[[]byte], jwks []byte) {
	t.Helper()
	set.Store(&jwks)
	if err := keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestTableOutlivesAFetch: a table is not made anew every few minutes, whatever
// else is published by then.
func TestTableOutlivesAFetch(t *testing.T) {
	issuer := fuzzIssuer(t)
	id := issuer.KeyID()
	keys, set := servedKeys(t)
	fetchSet(t, keys, set, issuer.JWKS())
	MakeTable(t, keys, id)
	before, _ := keys.Key(t.Context(), id)
	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	fetchSet(t, keys, set, issuer.JWKS())
	after, err := keys.Key(t.Context(), id)
	if err != nil || after.fast != before.fast || !after.fast.isFor(after) {
		t.Errorf("the key has no table any more: %v", err)
	}
	next, err := keys.Key(t.Context(), issuer.KeyID())
	if err != nil || next.fast == before.fast || next.fast.table.Load() != nil {
		t.Errorf("the next key has a table: %v", err)
	}
}

// TestOldKeyUnderTheSameID: an issuer whose key has leaked replaces it, and keeps
// the name. The table of the old one must not outlive it.
func TestOldKeyUnderTheSameID(t *testing.T) {
	leaked, next := es256Key(t, "signing"), es256Key(t, "signing")
	set := newKeySet([]Key{leaked}, nil)
	old := set["signing"].fast
	old.makeTable()
	for _, id := range []string{"signing", ""} {
		if k := newKeySet([]Key{next}, set)[id]; k.fast == old || k.Public != next.Public || !k.fast.isFor(k) {
			t.Errorf("key ID %q: the old key's table is used for the new one", id)
		}
		if k := newKeySet([]Key{reloaded(t, leaked)}, set)[id]; k.fast != old || !k.fast.isFor(k) {
			t.Errorf("key ID %q: the table of a key that is the same is not used", id)
		}
	}
}

// TestTableIsFreed with the key, by rotation.
func TestTableIsFreed(t *testing.T) {
	issuer := fuzzIssuer(t)
	keys, set := servedKeys(t)
	fetchSet(t, keys, set, issuer.JWKS())
	MakeTable(t, keys, issuer.KeyID())
	table := func() weak.Pointer[es256.Table] {
		k, _ := keys.Key(t.Context(), issuer.KeyID())
		return weak.Make(k.fast.table.Load())
	}()
	fetchSet(t, keys, set, issuer.JWKS())
	runtime.GC()
	if table.Value() == nil {
		t.Fatal("it is freed while the key is published")
	}
	if err := issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	issuer.Retire()
	fetchSet(t, keys, set, issuer.JWKS())
	runtime.GC()
	if table.Value() != nil {
		t.Error("it is kept")
	}
	runtime.KeepAlive(keys)
}

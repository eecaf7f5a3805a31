package es256

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
)

// failer is a testing.TB or a *rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func order() *big.Int { return elliptic.P256().Params().N }

// scalar is the private key x mod n, which must not be 0.
func scalar(t failer, x *big.Int) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), mod(x).FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newKey(t failer) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newTable(t failer, public *ecdsa.PublicKey) *Table {
	t.Helper()
	table, err := NewTable(public)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func sign(t failer, key *ecdsa.PrivateKey, digest [32]byte) []byte {
	t.Helper()
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return joined(r, s)
}

// joined is r ‖ s; both are below 2²⁵⁶.
func joined(r, s *big.Int) []byte {
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
}

func number(x int64) *big.Int { return big.NewInt(x) }

func mod(x *big.Int) *big.Int { return new(big.Int).Mod(x, order()) }

func add(x, y *big.Int) *big.Int { return mod(new(big.Int).Add(x, y)) }

func neg(x *big.Int) *big.Int { return mod(new(big.Int).Neg(x)) }

func mul(x, y *big.Int) *big.Int { return mod(new(big.Int).Mul(x, y)) }

func inverse(x *big.Int) *big.Int { return new(big.Int).ModInverse(x, order()) }

func secret(t failer, key *ecdsa.PrivateKey) *big.Int {
	t.Helper()
	raw, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(raw)
}

// craft returns the digest and the signature of which checking comes down to
// R = u1·G + u2·Q. The signature is good, unless R is the point at infinity.
// u2 must not be 0 mod n.
func craft(t failer, key *ecdsa.PrivateKey, u1, u2 *big.Int) (digest [32]byte, signature []byte) {
	t.Helper()
	r := number(1)
	if k := add(u1, mul(u2, secret(t, key))); k.Sign() != 0 {
		point, err := scalar(t, k).PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		r = mod(new(big.Int).SetBytes(point[1:33]))
	}
	s := mul(r, inverse(mod(u2)))
	mul(u1, s).FillBytes(digest[:])
	return digest, joined(r, s)
}

// standard is crypto/ecdsa's verdict.
func standard(public *ecdsa.PublicKey, digest [32]byte, signature []byte) bool {
	if len(signature) != 64 {
		return false // RFC 7518 §3.4
	}
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(public, digest[:], r, s)
}

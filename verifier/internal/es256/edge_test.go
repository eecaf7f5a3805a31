package es256

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"filippo.io/nistec"
)

// TestArithmeticEdges has the sums that an incomplete addition, or a reduction
// left out, gets wrong. crypto/ecdsa is asked as well, so that what is expected is
// not this package's opinion.
func TestArithmeticEdges(t *testing.T) {
	key := newKey(t)
	d := secret(t, key)
	table := newTable(t, &key.PublicKey)
	u2 := mod(new(big.Int).SetBytes([]byte("thirty-two bytes, no zero in any")))
	first := new(big.Int).Lsh(number(int64(u2.FillBytes(make([]byte, 32))[0])), 248) // what u2's first byte stands for
	second := new(big.Int).Lsh(number(int64(u2.FillBytes(make([]byte, 32))[1])), 240)
	for name, tt := range map[string]struct {
		u1, u2 *big.Int
		want   bool
	}{
		"u1 is 0":                                 {number(0), u2, true},
		"u1 is 0, u2 is 1":                        {number(0), number(1), true},
		"u2 is 1":                                 {number(12345), number(1), true},
		"u2 is n-1":                               {number(12345), neg(number(1)), true},
		"both are n-1":                            {neg(number(1)), neg(number(1)), true},
		"u2 is one byte, the highest":             {number(7), new(big.Int).Lsh(number(1), 248), true},
		"u2 is one byte, the lowest":              {number(7), number(255), true},
		"u2 has zero bytes":                       {number(7), new(big.Int).Lsh(number(0x100_0001), 100), true},
		"u1·G = u2·Q: doubling":                   {mul(u2, d), u2, true},
		"u1·G = u2·Q: doubling, one window":       {d, number(1), true},
		"u1·G = -u2·Q: infinity":                  {neg(mul(u2, d)), u2, false},
		"u1·G = -u2·Q: infinity, one window":      {neg(d), number(1), false},
		"doubling at the first window":            {mul(first, d), u2, true},
		"infinity after the first window":         {neg(mul(first, d)), u2, true},
		"doubling at the second window":           {mul(add(second, neg(first)), d), u2, true},
		"infinity after the second window":        {neg(mul(add(first, second), d)), u2, true},
		"R is G":                                  {add(number(1), neg(mul(u2, d))), u2, true},
		"R is -G":                                 {add(number(-1), neg(mul(u2, d))), u2, true},
		"R is Q":                                  {number(0), number(1), true},
		"R is -Q":                                 {number(0), neg(number(1)), true},
		"u1·G is Q, u2·Q is -Q, R is infinity":    {d, neg(number(1)), false},
		"u1·G is -2·Q, u2·Q is Q, so that R = -Q": {neg(mul(number(2), d)), number(1), true},
	} {
		t.Run(name, func(t *testing.T) {
			digest, signature := craft(t, key, tt.u1, tt.u2)
			if got := standard(&key.PublicKey, digest, signature); got != tt.want {
				t.Fatalf("crypto/ecdsa says %t: the test is wrong", got)
			}
			if got := table.Verify(&digest, signature); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
			signature[63] ^= 1
			if table.Verify(&digest, signature) != standard(&key.PublicKey, digest, signature) {
				t.Error("differs from crypto/ecdsa with a bit of s flipped")
			}
		})
	}
}

// TestKeysNextToTheGenerator: multiples of Q are multiples of G here, so that sums
// meet.
func TestKeysNextToTheGenerator(t *testing.T) {
	for _, d := range []int64{1, 2, 3, 255, 256, -1, -2, -256} {
		key := scalar(t, number(d))
		table := newTable(t, &key.PublicKey)
		for u1 := int64(-3); u1 <= 3; u1++ {
			for _, u2 := range []int64{-257, -256, -2, -1, 1, 2, 3, 255, 256, 257, 65535} {
				digest, signature := craft(t, key, number(u1), number(u2))
				want := u1+u2*d != 0
				if got := table.Verify(&digest, signature); got != want || standard(&key.PublicKey, digest, signature) != want {
					t.Errorf("%d·G + %d·(%d·G): %t, want %t", u1, u2, d, got, want)
				}
			}
		}
	}
}

// TestZeroSignature (CVE-2022-21449): zeros make R infinity, or undefined, for
// every key and every message.
func TestZeroSignature(t *testing.T) {
	key := newKey(t)
	table := newTable(t, &key.PublicKey)
	for _, digest := range [][32]byte{{}, {1}, [32]byte(order().Bytes())} {
		if table.Verify(&digest, make([]byte, 64)) {
			t.Errorf("digest %x: accepted", digest[:4])
		}
	}
}

// TestScalarsOutOfRange: r and s of 0, of the order, and beyond, in every
// combination, with digests that would make something of them.
func TestScalarsOutOfRange(t *testing.T) {
	key := newKey(t)
	table := newTable(t, &key.PublicKey)
	good := sign(t, key, [32]byte{1})
	last := new(big.Int).Sub(new(big.Int).Lsh(number(1), 256), number(1))
	values := []*big.Int{
		number(0), number(1), number(2), new(big.Int).Sub(order(), number(1)), order(), new(big.Int).Add(order(), number(1)), last,
		elliptic.P256().Params().P, elliptic.P256().Params().Gx,
		new(big.Int).SetBytes(good[:32]), new(big.Int).SetBytes(good[32:]),
	}
	for _, r := range values {
		for _, s := range values {
			for _, digest := range [][32]byte{{}, {1}, [32]byte(order().Bytes()), [32]byte(last.Bytes())} {
				signature := joined(r, s)
				got, want := table.Verify(&digest, signature), standard(&key.PublicKey, digest, signature)
				if got != want {
					t.Errorf("r %x, s %x, digest %x: %t, crypto/ecdsa says %t", r, s, digest, got, want)
				}
			}
		}
	}
}

// TestSecondSpellingOfAScalar: s+n is s to whoever reduces first, and r+n is r. Of
// both there may be no second spelling, so r and s are small enough to have one.
func TestSecondSpellingOfAScalar(t *testing.T) {
	key := newKey(t)
	table := newTable(t, &key.PublicKey)
	s, nonce := number(5), number(9)
	point, err := scalar(t, nonce).PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	r := mod(new(big.Int).SetBytes(point[1:33]))
	var digest [32]byte
	add(mul(s, nonce), neg(mul(r, secret(t, key)))).FillBytes(digest[:]) // s = (e + r·d) / k
	if !table.Verify(&digest, joined(r, s)) {
		t.Fatal("the signature itself is refused")
	}
	if table.Verify(&digest, joined(r, new(big.Int).Add(s, order()))) {
		t.Error("s+n: accepted")
	}
}

// TestDigestOutOfRange: a digest is any 256 bits, and is reduced.
func TestDigestOutOfRange(t *testing.T) {
	key := newKey(t)
	table := newTable(t, &key.PublicKey)
	n := [32]byte(order().Bytes())
	beyond := n
	beyond[31]++
	all := [32]byte{}
	for i := range all {
		all[i] = 0xff
	}
	for _, digest := range [][32]byte{{}, n, beyond, all} {
		if signature := sign(t, key, digest); !table.Verify(&digest, signature) {
			t.Errorf("digest %x: refused", digest)
		}
	}
	// n and 0 are the same scalar.
	zero := [32]byte{}
	if signature := sign(t, key, zero); !table.Verify(&n, signature) || !standard(&key.PublicKey, n, signature) {
		t.Error("digests of 0 and of n are not the same to the formula")
	}
}

// TestXBeyondTheOrder: about one point in 2¹²⁸ has an x-coordinate of n or more, and
// then r is not x. Nobody can sign with one, but anybody can make a key for which
// a signature with one is good.
func TestXBeyondTheOrder(t *testing.T) {
	u1, u2 := number(3), number(5)
	tested := 0
	for more := int64(0); tested < 8; more++ {
		x := new(big.Int).Add(order(), number(more))
		point, err := nistec.NewP256Point().SetBytes(append([]byte{2}, x.Bytes()...))
		if err != nil {
			continue // no point has this x-coordinate
		}
		if r := mod(x); r.Sign() == 0 {
			continue
		}
		tested++
		public := keyFor(t, point, u1, u2)
		table := newTable(t, public)
		r := mod(x)
		s := mul(r, inverse(u2))
		var digest [32]byte
		mul(u1, s).FillBytes(digest[:])
		if !standard(public, digest, joined(r, s)) {
			t.Fatal("crypto/ecdsa refuses: the test is wrong")
		}
		if !table.Verify(&digest, joined(r, s)) {
			t.Errorf("x is n+%d: refused", more)
		}
		if table.Verify(&digest, joined(x, s)) {
			t.Errorf("r is x, which is n+%d: accepted", more)
		}
	}
}

// keyFor is the key Q with u1·G + u2·Q = point: (point - u1·G) / u2.
func keyFor(t *testing.T, point *nistec.P256Point, u1, u2 *big.Int) *ecdsa.PublicKey {
	t.Helper()
	q, err := nistec.NewP256Point().ScalarBaseMult(neg(u1).FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	q, err = q.ScalarMult(q.Add(q, point), inverse(u2).FillBytes(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), q.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// TestForgeryWithoutMultiples: with a table of zeros R is u1·G for every key, and
// whoever knows that signs without one.
func TestForgeryWithoutMultiples(t *testing.T) {
	nonce, digest := newKey(t), [32]byte{1, 2, 3}
	point, err := nonce.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	r := mod(new(big.Int).SetBytes(point[1:33]))
	s := mul(new(big.Int).SetBytes(digest[:]), inverse(secret(t, nonce)))
	if new(Table).Verify(&digest, joined(r, s)) {
		t.Error("accepted")
	}
}

// TestSignatureLengths: 64 bytes and no other number, whatever else they could be.
func TestSignatureLengths(t *testing.T) {
	key := newKey(t)
	table := newTable(t, &key.PublicKey)
	digest := [32]byte{1}
	good := sign(t, key, digest)
	der, err := ecdsa.SignASN1(nil, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if !table.Verify(&digest, good) {
		t.Fatal("the signature itself is refused")
	}
	for name, signature := range map[string][]byte{
		"none": nil, "one byte": {1}, "r alone": good[:32], "a byte short": good[:63], "a byte more": append(good[:64:64], 0),
		"a zero in front": append([]byte{0}, good...), "ASN.1": der, "twice": append(good[:64:64], good...),
		"a zero between, which leaves the numbers as they are": slices.Concat(good[:32], []byte{0}, good[32:]),
	} {
		if table.Verify(&digest, signature) {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewTableRefuses(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P384(), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := elliptic.P256().Params()
	for name, public := range map[string]*ecdsa.PublicKey{
		"another curve":       &other.PublicKey,
		"no curve":            {},
		"infinity":            {Curve: elliptic.P256(), X: number(0), Y: number(0)},
		"not on the curve":    {Curve: elliptic.P256(), X: g.Gx, Y: g.Gx},
		"coordinate beyond p": {Curve: elliptic.P256(), X: new(big.Int).Add(g.Gx, g.P), Y: g.Gy},
		"coordinate negative": {Curve: elliptic.P256(), X: g.Gx, Y: new(big.Int).Neg(g.Gy)},
	} {
		if _, err := NewTable(public); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestTable compares multiples at the corners with nistec's own multiplication.
func TestTable(t *testing.T) {
	key := newKey(t)
	table := newTable(t, &key.PublicKey)
	encoded, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	q, err := nistec.NewP256Point().SetBytes(encoded)
	if err != nil {
		t.Fatal(err)
	}
	for i := range table.multiples {
		for _, j := range []int{0, 1, 2, 127, 253, 254} {
			var k [32]byte
			k[i] = byte(j + 1)
			want, err := nistec.NewP256Point().ScalarMult(q, k[:])
			if err != nil {
				t.Fatal(err)
			}
			if got := table.multiples[i][j].Bytes(); hex.EncodeToString(got) != hex.EncodeToString(want.Bytes()) {
				t.Errorf("multiple %d of byte %d is wrong", j+1, i)
			}
		}
	}
}

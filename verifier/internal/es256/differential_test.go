package es256

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"math/big"
	"sync"
	"testing"

	"github.com/c2sp/wycheproof"
	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable
)

// TestWycheproof has the attacks and slips that real libraries fell to.
func TestWycheproof(t *testing.T) {
	var vectors struct {
		NumberOfTests int `json:"numberOfTests"`
		TestGroups    []struct {
			PEM   string `json:"publicKeyPem"`
			Tests []struct {
				ID      int    `json:"tcId"`
				Comment string `json:"comment"`
				Message string `json:"msg"`
				Sig     string `json:"sig"`
				Result  string `json:"result"`
			} `json:"tests"`
		} `json:"testGroups"`
	}
	data, err := fs.ReadFile(wycheproof.TestVectors, "ecdsa_secp256r1_sha256_p1363_test.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	ran, accepted := 0, 0
	for _, g := range vectors.TestGroups {
		block, _ := pem.Decode([]byte(g.PEM))
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		table := newTable(t, public.(*ecdsa.PublicKey))
		for _, tt := range g.Tests {
			ran++
			message, err1 := hex.DecodeString(tt.Message)
			signature, err2 := hex.DecodeString(tt.Sig)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			digest := sha256.Sum256(message)
			got := table.Verify(&digest, signature)
			if got != (tt.Result == "valid") {
				t.Errorf("tcId %d (%s): %t, want %s", tt.ID, tt.Comment, got, tt.Result)
			}
			if got {
				accepted++
			}
		}
	}
	if ran == 0 || ran != vectors.NumberOfTests || accepted == 0 || accepted == ran {
		t.Errorf("ran %d of %d vectors and accepted %d", ran, vectors.NumberOfTests, accepted)
	}
}

// TestSameVerdict: for random keys and messages, what the key signed verifies, and
// whatever is changed about it has crypto/ecdsa's verdict.
func TestSameVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := scalar(t, number256().Filter(func(x *big.Int) bool { return mod(x).Sign() != 0 }).Draw(t, "key"))
		table := newTable(t, &key.PublicKey)
		digest := [32]byte(number256().Draw(t, "digest").FillBytes(make([]byte, 32)))
		signature := sign(t, key, digest)
		if !table.Verify(&digest, signature) {
			t.Fatal("a good signature is refused")
		}
		same := func(what string, digest [32]byte, signature []byte) {
			t.Helper()
			if got := table.Verify(&digest, signature); got != standard(&key.PublicKey, digest, signature) {
				t.Fatalf("%s: %t, crypto/ecdsa says otherwise", what, got)
			}
		}
		bit := rapid.IntRange(0, 64*8-1).Draw(t, "bit")
		flipped := bytes.Clone(signature)
		flipped[bit/8] ^= 1 << (bit % 8)
		same("a bit of the signature flipped", digest, flipped)
		other := digest
		other[bit/16] ^= 1 << (bit % 8)
		same("a bit of the digest flipped", other, signature)
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		same("s negated", digest, joined(r, neg(s)))
		same("r negated", digest, joined(neg(r), s))
		same("exchanged", digest, joined(s, r))
		same("random", digest, joined(number256().Draw(t, "r"), number256().Draw(t, "s")))
	})
}

// number256 generates numbers of up to 256 bits: any, and those next to the order,
// to 0 and to 2²⁵⁶.
func number256() *rapid.Generator[*big.Int] {
	return rapid.Custom(func(t *rapid.T) *big.Int {
		last := new(big.Int).Sub(new(big.Int).Lsh(number(1), 256), number(1))
		small := number(rapid.Int64Range(0, 3).Draw(t, "offset"))
		switch rapid.IntRange(0, 5).Draw(t, "near") {
		case 0:
			return small
		case 1:
			return new(big.Int).Sub(order(), small)
		case 2:
			return new(big.Int).Add(order(), small)
		case 3:
			return new(big.Int).Sub(last, small)
		default:
			return new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes"))
		}
	})
}

// FuzzSameVerdict lets the fuzzer choose u1 and u2, of which a good signature is
// made, and what to change about it; or, raw, every bit of signature and digest.
func FuzzSameVerdict(f *testing.F) {
	keys := make([]*ecdsa.PrivateKey, 8)
	tables := make([]*Table, len(keys))
	for i := range keys {
		keys[i] = scalar(f, new(big.Int).SetBytes(seedBytes(byte(i))))
		if i < 4 { // 1, 2, -1 and -2 times the generator
			keys[i] = scalar(f, []*big.Int{number(1), number(2), number(-1), number(-2)}[i])
		}
		tables[i] = newTable(f, &keys[i].PublicKey)
	}
	n := order().Bytes()
	f.Add(byte(4), false, seedBytes(1), seedBytes(2), []byte(nil))
	f.Add(byte(5), false, seedBytes(1), seedBytes(2), []byte{1})
	f.Add(byte(6), false, []byte(nil), []byte{1}, bytes.Repeat([]byte{0xff}, 96))
	f.Add(byte(0), false, []byte{1}, []byte{1}, []byte(nil))
	f.Add(byte(2), false, []byte{1}, []byte{1}, []byte(nil))
	f.Add(byte(7), true, n, n, n)
	f.Add(byte(7), true, []byte(nil), []byte(nil), []byte(nil))
	f.Add(byte(3), true, []byte{1}, bytes.Repeat([]byte{0xff}, 32), bytes.Repeat([]byte{0xff}, 32))
	f.Fuzz(func(t *testing.T, which byte, raw bool, a, b, c []byte) {
		i := int(which) % len(keys)
		x, y := new(big.Int).SetBytes(a[:min(len(a), 32)]), new(big.Int).SetBytes(b[:min(len(b), 32)])
		var digest [32]byte
		signature := joined(x, y)
		switch {
		case raw:
			copy(digest[:], c)
		case mod(y).Sign() != 0:
			digest, signature = craft(t, keys[i], x, y)
			if good := add(x, mul(y, secret(t, keys[i]))).Sign() != 0; tables[i].Verify(&digest, signature) != good {
				t.Fatalf("of a signature that is good: %t", good)
			}
			for at := range min(len(c), 96) {
				if at < 64 {
					signature[at] ^= c[at]
				} else {
					digest[at-64] ^= c[at]
				}
			}
		}
		if got := tables[i].Verify(&digest, signature); got != standard(&keys[i].PublicKey, digest, signature) {
			t.Fatalf("%t; crypto/ecdsa says otherwise", got)
		}
	})
}

func seedBytes(b byte) []byte {
	sum := sha256.Sum256([]byte{b})
	return sum[:]
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	key := newKey(t)
	table := newTable(t, &key.PublicKey)
	digest := [32]byte{1}
	signature := sign(t, key, digest)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if !table.Verify(&digest, signature) {
					t.Error("refused")
				}
			}
		})
	}
	all.Wait()
}

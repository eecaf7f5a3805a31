package es256

import (
	"crypto/ecdsa"
	"math/big"
	"testing"
)

// BenchmarkVerify compares the two ways. Every signature is another, as in use.
func BenchmarkVerify(b *testing.B) {
	key := newKey(b)
	table := newTable(b, &key.PublicKey)
	const distinct = 256
	var (
		digests    [distinct][32]byte
		signatures [distinct][]byte
		r, s       [distinct]*big.Int
	)
	for i := range distinct {
		digests[i] = [32]byte{byte(i), 1}
		signatures[i] = sign(b, key, digests[i])
		r[i], s[i] = new(big.Int).SetBytes(signatures[i][:32]), new(big.Int).SetBytes(signatures[i][32:])
	}
	var standard float64
	b.Run("standard", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if !ecdsa.Verify(&key.PublicKey, digests[i%distinct][:], r[i%distinct], s[i%distinct]) {
				b.Fatal("refused")
			}
		}
		standard = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	})
	b.Run("table", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if !table.Verify(&digests[i%distinct], signatures[i%distinct]) {
				b.Fatal("refused")
			}
		}
		if standard > 0 {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/standard, "of-standard")
		}
	})
}

func BenchmarkNewTable(b *testing.B) {
	key := newKey(b)
	b.ReportAllocs()
	for b.Loop() {
		newTable(b, &key.PublicKey)
	}
}

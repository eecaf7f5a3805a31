package verifier_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// distinct is how many assertions a benchmark goes round. Every request brings
// one of its own, so nothing may be gained by remembering the last.
const distinct = 256

// benchmarkCases mints assertions for each algorithm and number of groups.
func benchmarkCases(b *testing.B, run func(b *testing.B, issuer *verifiertest.Issuer, assertions []string)) {
	b.Helper()
	for _, algorithm := range []string{verifier.ES256, verifier.RS256} {
		var options []verifiertest.Option
		if algorithm == verifier.RS256 {
			options = append(options, verifiertest.RSA())
		}
		issuer := newIssuer(b, options...)
		for _, groups := range []int{10, 200, 1000} { // a small company, a large one, the most that users report
			b.Run(fmt.Sprintf("%s/groups=%d", algorithm, groups), func(b *testing.B) {
				c := ann()
				c.Groups = directoryGroups(groups)
				assertions := issuer.Assertions(distinct, c)
				b.ReportAllocs()
				b.SetBytes(int64(len(assertions[0])))
				run(b, issuer, assertions)
			})
		}
	}
}

// directoryGroups are n groups as Pomerium's directory sync sends them: all IDs,
// then all names.
func directoryGroups(n int) []string {
	groups := make([]string, 2*n)
	for i := range n {
		groups[i] = fmt.Sprintf("3b1f0c9e-5a7d-4c2e-9f10-%012x", i)
		groups[n+i] = fmt.Sprintf("team-%011d@corp", i)
	}
	return groups
}

func BenchmarkVerify(b *testing.B) {
	benchmarkCases(b, func(b *testing.B, issuer *verifiertest.Issuer, assertions []string) {
		b.Helper()
		v := newVerifier(b, issuer, verifier.Options{Algorithms: []string{verifier.ES256, verifier.RS256}})
		for i := 0; b.Loop(); i++ {
			if _, err := v.Verify(b.Context(), assertions[i%distinct]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkBaseline is the least that any verifier must do: one SHA-256 and one
// signature check by the standard library, of bytes decoded beforehand.
func BenchmarkBaseline(b *testing.B) {
	benchmarkCases(b, func(b *testing.B, issuer *verifiertest.Issuer, assertions []string) {
		b.Helper()
		type signed struct {
			input, signature []byte
			r, s             *big.Int
		}
		all := make([]signed, len(assertions))
		for i, a := range assertions {
			dot := strings.LastIndexByte(a, '.')
			signature, err := base64.RawURLEncoding.DecodeString(a[dot+1:])
			if err != nil {
				b.Fatal(err)
			}
			half := len(signature) / 2
			all[i] = signed{
				[]byte(a[:dot]), signature,
				new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]),
			}
		}
		var check func(signed) bool
		switch k := issuer.PublicKey().(type) {
		case *ecdsa.PublicKey:
			check = func(s signed) bool {
				digest := sha256.Sum256(s.input)
				return ecdsa.Verify(k, digest[:], s.r, s.s)
			}
		case *rsa.PublicKey:
			check = func(s signed) bool {
				digest := sha256.Sum256(s.input)
				return rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], s.signature) == nil
			}
		}
		for i := 0; b.Loop(); i++ {
			if !check(all[i%distinct]) {
				b.Fatal("the signature does not verify")
			}
		}
	})
}

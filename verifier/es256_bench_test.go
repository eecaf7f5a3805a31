package verifier_test

import (
	"testing"

	"github.com/ssobridge/ssobridge/verifier"
)

// BenchmarkES256 measures Verify of distinct assertions both ways, for 10 groups.
// "of-standard" is its time by that of the standard library, in the same run.
// What of it is the signature alone is in the benchmarks of internal/es256.
func BenchmarkES256(b *testing.B) {
	issuer := newIssuer(b)
	c := ann()
	c.Groups = directoryGroups(10)
	assertions := issuer.Assertions(distinct, c)
	keys := staticKeys(b, issuer)
	verifier.MakeTable(b, keys, issuer.KeyID())
	var standard float64
	for _, way := range []struct {
		name string
		o    verifier.Options
	}{{"standard", verifier.Options{StandardECDSA: true}}, {"table", verifier.Options{}}} {
		b.Run(way.name, func(b *testing.B) {
			way.o.Issuer, way.o.Audience, way.o.Now = host, []string{host}, now
			v, err := verifier.New(keys, way.o)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := v.Verify(b.Context(), assertions[i%distinct]); err != nil {
					b.Fatal(err)
				}
			}
			took := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if way.o.StandardECDSA {
				standard = took
			}
			if standard > 0 {
				b.ReportMetric(took/standard, "of-standard")
			}
		})
	}
}

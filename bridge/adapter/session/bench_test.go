package session

import (
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// BenchmarkReadSession is what every request costs that comes with a session.
func BenchmarkReadSession(b *testing.B) {
	for _, f := range frameworks(b) {
		b.Run(f.codec, func(b *testing.B) {
			a, in := mustOpen(b, f.options(b), serving), inputOf(ann())
			cookies := begin(b, a, in)
			b.ReportAllocs()
			for b.Loop() {
				if v, err := a.ReadSession(b.Context(), in, cookies); v != adapter.SessionKept {
					b.Fatal(v, err)
				}
			}
		})
	}
}

// BenchmarkStartSession is what the first request costs.
func BenchmarkStartSession(b *testing.B) {
	for _, f := range frameworks(b) {
		b.Run(f.codec, func(b *testing.B) {
			a, in := mustOpen(b, f.options(b), serving), inputOf(ann())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.StartSession(b.Context(), in, nobody{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify is the part of it that is the marker's.
func BenchmarkVerify(b *testing.B) {
	f := frameworks(b)[0]
	a, in := opened(b, mustOpen(b, f.options(b), serving)), inputOf(ann())
	now, err := a.now(nil, &in)
	if err != nil {
		b.Fatal(err)
	}
	data, err := readData(now)
	if err != nil {
		b.Fatal(err)
	}
	m, _ := parseMark(a.marker.mint(&in, now, data, 1_900_000_000))
	b.ReportAllocs()
	for b.Loop() {
		if !a.marker.verify(&in, now, data, m) {
			b.Fatal("not verified")
		}
	}
}

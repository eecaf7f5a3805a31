package jwt

import (
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/jws"
)

// BenchmarkAdapt is a token of Grafana's, beside a bare signature of its key.
func BenchmarkAdapt(b *testing.B) {
	for _, algorithm := range []string{"ES256", "RS256", "EdDSA"} {
		pemData := newKey(b, algorithm)
		o := Options{
			Header: "X-JWT-Assertion", Keys: []adapter.PrivateKey{keyOf(pemData)},
			Claims: map[string]Claim{"email": {From: "email"}, "name": {From: "name"}, "role": {From: "role"}, "groups": {From: "groups"}},
		}
		a := mustOpen(b, o, serving)
		b.Run(algorithm, func(b *testing.B) {
			in := inputOf(ann())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Adapt(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(algorithm+"/reuse", func(b *testing.B) {
			o.Reuse = 30 * time.Second
			a, in := mustOpen(b, o, serving), inputOf(ann())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Adapt(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(algorithm+"/signature", func(b *testing.B) {
			key, err := jws.ParsePEM(pemData)
			if err != nil {
				b.Fatal(err)
			}
			signer, err := jws.NewSigner(key, "JWT")
			if err != nil {
				b.Fatal(err)
			}
			payload := make([]byte, 300)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signer.Sign(nil, payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package codec

import (
	"strings"
	"testing"
)

// benchmarkFormats runs a benchmark with a usual session and with one that is long, but
// fits into a cookie of every format.
func benchmarkFormats(b *testing.B, run func(b *testing.B, c Codec, d Data, cookies Cookies)) {
	b.Helper()
	for _, f := range formats(b) {
		c := f.must(b, f.secrets[0])
		for name, d := range map[string]Data{
			"short": {"user_id": "42", "email": "ann@example.com", "roles": []any{"admin", "dev"}, "_ssobridge": "1700003600." + noise(43)},
			"long":  {"user_id": "42", "text": strings.Repeat("a long text ", 60)},
		} {
			b.Run(f.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				run(b, c, d, mustEncode(b, c, d, testNow))
			})
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	benchmarkFormats(b, func(b *testing.B, c Codec, d Data, _ Cookies) {
		for b.Loop() {
			mustEncode(b, c, d, testNow)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	benchmarkFormats(b, func(b *testing.B, c Codec, _ Data, cookies Cookies) {
		for b.Loop() {
			mustDecode(b, c, cookies, testNow)
		}
	})
}

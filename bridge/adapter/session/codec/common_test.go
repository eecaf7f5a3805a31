package codec

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const testSecret = "bridge-test-secret"

// testNow is the time of the vectors.
var testNow = time.Unix(1700000000, 0)

func mustEncode(tb testing.TB, c Codec, d Data, now time.Time) Cookies {
	tb.Helper()
	cookies, err := c.Encode(tb.Context(), d, Times{Now: now, Expires: now.Add(time.Hour)})
	if err != nil {
		tb.Fatalf("Encode: %v", err)
	}
	return cookies
}

func mustDecode(tb testing.TB, c Codec, cookies Cookies, now time.Time) Data {
	tb.Helper()
	d, err := c.Decode(tb.Context(), cookies, Times{Now: now})
	if err != nil {
		tb.Fatalf("Decode: %v", err)
	}
	return d
}

// wantForeign fails if a session is taken, or refused as anything but foreign.
func wantForeign(tb testing.TB, c Codec, cookies Cookies, now time.Time) {
	tb.Helper()
	d, err := c.Decode(tb.Context(), cookies, Times{Now: now})
	if d != nil || !errors.Is(err, ErrForeign) {
		tb.Errorf("Decode(%q) = %v, %v; want ErrForeign", cookies, d, err)
	}
}

// wantData fails if v is not what Data may hold.
func wantData(t *testing.T, v any, depth int) {
	t.Helper()
	if depth > MaxDepth+1 {
		t.Fatal("too deep")
	}
	switch v := v.(type) {
	case nil, bool, int64:
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatal(v)
		}
	case string:
		if !utf8.ValidString(v) {
			t.Fatalf("%q", v)
		}
	case []any:
		for _, member := range v {
			wantData(t, member, depth+1)
		}
	case map[string]any:
		for key, member := range v {
			wantData(t, key, depth)
			wantData(t, member, depth+1)
		}
	default:
		t.Fatalf("%T", v)
	}
}

// noise is text that cannot be compressed much.
func noise(n int) string {
	var b strings.Builder
	for i, x := 0, uint32(1); i < n; i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[x%64])
	}
	return b.String()
}

// tampered are texts that are not quite value, and that no framework would write.
func tampered(value string) map[string]bool {
	bad := map[string]bool{"": true, ".": true, "..": true, ":": true, "::": true, `"` + value + `"`: true, strings.Repeat("A", MaxBytes+1): true}
	inserted := []string{"=", "A", ".", ":", "\n", "\r", " ", "\x00", "é"}
	for i := range value {
		for bit := range 8 {
			flipped := []byte(value)
			flipped[i] ^= 1 << bit
			bad[string(flipped)] = true
		}
		bad[value[:i]] = true
		bad[value[i+1:]] = true
		bad[value[:i]+value[i+1:]] = true
		for j, more := range inserted {
			if len(value) < 300 || i%len(inserted) == j { // of what is long, one at each place
				bad[value[:i]+more+value[i:]] = true
			}
		}
	}
	for _, more := range []string{"=", "==", "%3D", "A", "\n", " ", ";", "--", ".", ":", value, "." + value, ":" + value} {
		bad[value+more] = true
		bad[more+value] = true
	}
	unescaped := strings.ReplaceAll(value, "%3D", "=")
	bad[unescaped], bad[unescaped+"\r"] = true, true
	delete(bad, value)
	return bad
}

package codec

import (
	"bytes"
	"compress/zlib"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func TestTamperedZlibStreams(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, _ pyFormat, c Codec) {
		name := c.Names()[0]
		for bad := range tampered(mustEncode(t, c, Data{"text": strings.Repeat("compress me ", 20)}, testNow)[name]) {
			wantForeign(t, c, Cookies{name: bad}, testNow)
		}
	})
}

// TestPythonSignaturesOfOtherFormats: what one format signs is none of another's.
func TestPythonSignaturesOfOtherFormats(t *testing.T) {
	for _, from := range pyFormats {
		value := mustEncode(t, from.must(t, testSecret), Data{"a": "b"}, testNow)[from.must(t, testSecret).Names()[0]]
		for _, to := range pyFormats {
			if from.name != to.name {
				c := to.must(t, testSecret)
				wantForeign(t, c, Cookies{c.Names()[0]: value}, testNow)
			}
		}
	}
}

// TestSignedButNoSession: a signature alone makes no session, and nothing that is
// signed costs more than its limits.
func TestSignedButNoSession(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	deeper := strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1)
	eachPyFormat(t, func(t *testing.T, f pyFormat, c Codec) {
		for _, text := range []string{
			"", " ", "null", "true", `"text"`, "1", "[]", `[["a","b"]]`, "{", `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{'a':1}`,
			`{"a":1}{`, `{"a":1} x`, `{"a":1},`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":-Infinity}`, `{"a":1e999}`, `{"a":01}`, `{"a":+1}`,
			`{"a":9223372036854775808}`, `{"a":-9223372036854775809}`, `{"a":` + strings.Repeat("9", 5000) + `}`,
			`{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, `{"\ud800":1}`, "{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", `{"a":"\x"}`, "\xef\xbb\xbf{}",
			`{"a":` + deep + `}`, deeper, `{"a":[` + deeper[5:len(deeper)-1] + `]}`, strings.Repeat("[", 10000), strings.Repeat(`{"a":`, 10000),
			"\x80\x04}\x94.", // pickle.dumps({}, 4)
			"{\x00}", "{\x00\x00\x00}\x00\x00\x00",
		} {
			wantForeign(t, c, f.holding(t, c, f.wrap([]byte(text))), testNow)
		}
		for _, payload := range []string{"", ".", "..", "=", "e30=", "e3 0", "e30\n", "e31", "e", "!", ".e30", "é"} {
			if f.name != "starlette" || payload != "e30=" {
				wantForeign(t, c, f.holding(t, c, payload), testNow)
			}
		}
		mustDecode(t, c, f.holding(t, c, f.wrap([]byte(deeper[5:len(deeper)-1]))), testNow)
		if got := mustDecode(t, c, f.holding(t, c, f.wrap([]byte(" {\"a\":\t1, \"a\" :\r\n2} "))), testNow); got["a"] != int64(2) {
			t.Errorf("of two equal keys, the later counts in Python; got %v", got)
		}
		// As large as a session may be, and more.
		for size, want := range map[int]bool{22 << 10: true, 26 << 10: false} {
			blank := append(bytes.Repeat([]byte{' '}, size-2), "{}"...)
			_, err := c.Decode(t.Context(), f.holding(t, c, f.wrap(blank)), Times{Now: testNow})
			if (err == nil) != want || (err != nil && !errors.Is(err, ErrForeign)) {
				t.Errorf("%d bytes of JSON: %v", size, err)
			}
		}
	})
}

func TestZipBomb(t *testing.T) {
	pack := func(text []byte, rest ...byte) string {
		var b bytes.Buffer
		z, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
		_, _ = z.Write(text)
		_ = z.Close()
		return "." + base64URL.EncodeToString(append(b.Bytes(), rest...))
	}
	blank := func(n int) []byte { return append(bytes.Repeat([]byte{' '}, n-2), "{}"...) }
	whole, full := pack([]byte("{}")), pack(blank(MaxUnpacked))
	bad := map[string]string{
		"a byte too many":  pack(blank(MaxUnpacked + 1)),
		"twenty megabytes": pack(blank(20 << 20)),
		"more bytes":       pack([]byte("{}"), 0),
		"two streams":      pack([]byte("{}"), []byte("x\x9c\x03\x00\x00\x00\x00\x01")...),
		"cut short":        whole[:len(whole)-3],
		"wrong checksum":   whole[:len(whole)-4] + "AAAA",
		"no zlib":          "." + base64URL.EncodeToString([]byte("{}")),
		"a dictionary":     "." + base64URL.EncodeToString([]byte("\x78\xbb\x00\x00\x00\x01\x03\x00\x00\x00\x00\x01")),
	}
	for _, f := range pyFormats {
		if f.name == "starlette" {
			continue
		}
		t.Run(f.name, func(t *testing.T) { // alone, for the memory that others take would count
			c := f.must(t, testSecret)
			mustDecode(t, c, f.holding(t, c, full), testNow)
			for name, payload := range bad {
				cookies := f.holding(t, c, payload)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				d, err := c.Decode(t.Context(), cookies, Times{Now: testNow})
				runtime.ReadMemStats(&after)
				if !errors.Is(err, ErrForeign) {
					t.Errorf("%s: %v, %v; want ErrForeign", name, d, err)
				}
				if took := after.TotalAlloc - before.TotalAlloc; took > 16*MaxUnpacked {
					t.Errorf("%s: took %d bytes of memory", name, took)
				}
			}
		})
	}
}

// TestZlibReadersForget: a reader that is used again knows neither the session nor the
// error before.
func TestZlibReadersForget(t *testing.T) {
	var p pyPacker
	secret := strings.Repeat("}", 40000) // more than a window
	good, err := p.pack([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	stream := func(b string) string { return "." + base64URL.EncodeToString([]byte(b)) }
	for range 3 {
		for name, bad := range map[string]string{
			// Three times the byte before the stream's first (RFC 1951, 3.2.6), and their checksum.
			"what was before": stream("\x78\x9c\x03\x02\x00\x02\xf1\x01\x78"),
			"no header":       stream("}}"),
			"cut short":       good[:len(good)-8],
			"more bytes":      good + "AAAA",
		} {
			if text, err := p.unpack(good); err != nil || string(text) != secret {
				t.Fatalf("before %s: %d bytes, %v", name, len(text), err)
			}
			if text, err := p.unpack(bad); err == nil {
				t.Errorf("%s: %q", name, text)
			}
		}
	}
}

func TestMalformedStamps(t *testing.T) {
	c := pyFormats[0].must(t, testSecret).(*flask)
	stamped := func(text string) Cookies {
		value := "e30." + text
		return Cookies{"session": value + "." + base64URL.EncodeToString(itsdangerousMAC(c.signer.keys[0], value))}
	}
	stamp := func(b string) string { return base64URL.EncodeToString([]byte(b)) }
	mustDecode(t, c, stamped(stamp("\x65\x53\xf1\x00")), testNow)
	for _, text := range []string{
		"", stamp("\x00"), stamp("\x00\x65\x53\xf1\x00"), stamp("\x80\x00\x00\x00\x65\x53\xf1\x00"), stamp("\x01\x00\x00\x00\x00\x65\x53\xf1\x00"),
		stamp("\xff\xff\xff\xff\xff\xff\xff\xff"), stamp("\x65\x53\xf1\x00") + "==", "ZVPxAB", "ZVPxA", "ZVPx A", "1700000000", "!",
	} {
		wantForeign(t, c, stamped(text), testNow)
	}
	value := "e30"
	wantForeign(t, c, Cookies{"session": value + "." + base64URL.EncodeToString(itsdangerousMAC(c.signer.keys[0], value))}, testNow)
}

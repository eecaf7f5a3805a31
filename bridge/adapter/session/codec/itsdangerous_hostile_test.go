package codec

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestTamperedPythonCookies(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, f pyFormat, c Codec) {
		name := c.Names()[0]
		for _, d := range []Data{{"_user_id": "42", "_fresh": true}, {"text": strings.Repeat("compress me ", 20)}} {
			value := pyEncode(t, c, d, pyNow)[name]
			for tampered := range pyTampered(value) {
				pyWantForeign(t, c, Cookies{name: tampered}, pyNow)
			}
			pyWantForeign(t, c, Cookies{}, pyNow)
			pyWantForeign(t, c, Cookies{name + "2": value}, pyNow)
			pyWantForeign(t, c, Cookies{strings.ToUpper(name): value}, pyNow)
			pyWantForeign(t, f.must(t, pySecret+"x"), Cookies{name: value}, pyNow)
			pyWantForeign(t, f.must(t, "x", "y", strings.ToUpper(pySecret)), Cookies{name: value}, pyNow)
		}
	})
}

// pyTampered are values that are not quite a cookie's.
func pyTampered(value string) map[string]bool {
	tampered := map[string]bool{"": true, ".": true, "..": true, ":": true, "::": true}
	for i := range value {
		for bit := range 8 {
			flipped := []byte(value)
			flipped[i] ^= 1 << bit
			tampered[string(flipped)] = true
		}
		tampered[value[:i]] = true
		tampered[value[i+1:]] = true
		tampered[value[:i]+value[i+1:]] = true
		for _, more := range []string{"=", "A", ".", ":", "\n", "\r", " ", "\x00", "é"} {
			tampered[value[:i]+more+value[i:]] = true
		}
	}
	for _, more := range []string{"=", "==", "A", "\n", " ", ";", "." + value, ":" + value} {
		tampered[value+more] = true
	}
	tampered[`"`+value+`"`] = true
	delete(tampered, value)
	return tampered
}

// TestPythonSignaturesOfOtherFormats: what one format signs is none of another's.
func TestPythonSignaturesOfOtherFormats(t *testing.T) {
	for _, from := range pyFormats {
		value := pyEncode(t, from.must(t, pySecret), Data{"a": "b"}, pyNow)[from.must(t, pySecret).Names()[0]]
		for _, to := range pyFormats {
			if from.name != to.name {
				c := to.must(t, pySecret)
				pyWantForeign(t, c, Cookies{c.Names()[0]: value}, pyNow)
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
			pyWantForeign(t, c, f.holding(t, c, f.wrap([]byte(text))), pyNow)
		}
		for _, payload := range []string{"", ".", "..", "=", "e30=", "e3 0", "e30\n", "e31", "e", "!", ".e30", "é"} {
			if f.name != "starlette" || payload != "e30=" {
				pyWantForeign(t, c, f.holding(t, c, payload), pyNow)
			}
		}
		pyDecoded(t, c, f.holding(t, c, f.wrap([]byte(deeper[5:len(deeper)-1]))), pyNow)
		if got := pyDecoded(t, c, f.holding(t, c, f.wrap([]byte(" {\"a\":\t1, \"a\" :\r\n2} "))), pyNow); got["a"] != int64(2) {
			t.Errorf("of two equal keys, the later counts in Python; got %v", got)
		}
		// As large as a session may be, and more.
		for size, want := range map[int]bool{22 << 10: true, 26 << 10: false} {
			blank := append(bytes.Repeat([]byte{' '}, size-2), "{}"...)
			_, err := c.Decode(t.Context(), f.holding(t, c, f.wrap(blank)), Times{Now: pyNow})
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
		return "." + pyURL.EncodeToString(append(b.Bytes(), rest...))
	}
	blank := func(n int) []byte { return append(bytes.Repeat([]byte{' '}, n-2), "{}"...) }
	for _, f := range pyFormats {
		if f.name == "starlette" {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			c := f.must(t, pySecret)
			pyDecoded(t, c, f.holding(t, c, pack(blank(MaxUnpacked))), pyNow)
			whole := pack([]byte("{}"))
			for name, payload := range map[string]string{
				"a byte too many":  pack(blank(MaxUnpacked + 1)),
				"twenty megabytes": pack(blank(20 << 20)),
				"more bytes":       pack([]byte("{}"), 0),
				"two streams":      pack([]byte("{}"), []byte("x\x9c\x03\x00\x00\x00\x00\x01")...),
				"cut short":        whole[:len(whole)-3],
				"wrong checksum":   whole[:len(whole)-4] + "AAAA",
				"no zlib":          "." + pyURL.EncodeToString([]byte("{}")),
				"a dictionary":     "." + pyURL.EncodeToString([]byte("\x78\xbb\x00\x00\x00\x01\x03\x00\x00\x00\x00\x01")),
			} {
				cookies := f.holding(t, c, payload)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				d, err := c.Decode(t.Context(), cookies, Times{Now: pyNow})
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

// TestErrorsTellNothing: what a session holds is in no error.
func TestErrorsTellNothing(t *testing.T) {
	eachPyFormat(t, func(t *testing.T, f pyFormat, c Codec) {
		for _, text := range []string{`{"canary":canary}`, `{"a":"canary\x"}`, `{"a":1}canary`, `["canary"]`, `{" b":"canary"}`} {
			_, err := c.Decode(t.Context(), f.holding(t, c, f.wrap([]byte(text))), Times{Now: pyNow})
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%v", err)
			}
		}
		cookies := Cookies{c.Names()[0]: "canary.canary.canary"}
		if _, err := c.Decode(t.Context(), cookies, Times{Now: pyNow}); strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%v", err)
		}
	})
}

func TestMalformedStamps(t *testing.T) {
	c := pyFormats[0].must(t, pySecret).(*flask)
	stamped := func(text string) Cookies {
		value := "e30." + text
		return Cookies{"session": value + "." + pyURL.EncodeToString(itsdangerousMAC(c.signer.keys[0], value))}
	}
	stamp := func(b string) string { return pyURL.EncodeToString([]byte(b)) }
	pyDecoded(t, c, stamped(stamp("\x65\x53\xf1\x00")), pyNow)
	for _, text := range []string{
		"", stamp("\x00"), stamp("\x00\x65\x53\xf1\x00"), stamp("\x80\x00\x00\x00\x65\x53\xf1\x00"), stamp("\x01\x00\x00\x00\x00\x65\x53\xf1\x00"),
		stamp("\xff\xff\xff\xff\xff\xff\xff\xff"), stamp("\x65\x53\xf1\x00") + "==", "ZVPxAB", "ZVPxA", "ZVPx A", "1700000000", "!",
	} {
		pyWantForeign(t, c, stamped(text), pyNow)
	}
	value := "e30"
	pyWantForeign(t, c, Cookies{"session": value + "." + pyURL.EncodeToString(itsdangerousMAC(c.signer.keys[0], value))}, pyNow)
}

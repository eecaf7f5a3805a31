package codec

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What every format keeps of the contract of Codec.

func TestTypesAreKept(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		for name, d := range map[string]Data{
			"sample": f.sample, "empty": {}, "what looks like a tag": {" t": []any{}},
		} {
			before := maps.Clone(d)
			if diff := cmp.Diff(d, f.decode(t, c, mustEncode(t, c, d, testNow), testNow)); diff != "" {
				t.Errorf("%s (-given +read):\n%s", name, diff)
			}
			if diff := cmp.Diff(before, d); diff != "" {
				t.Errorf("%s was changed:\n%s", name, diff)
			}
		}
		got := f.decode(t, c, mustEncode(t, c, Data{"z": math.Copysign(0, -1)}, testNow), testNow)
		if z, ok := got["z"].(float64); !ok || !math.Signbit(z) {
			t.Errorf("-0.0 is read as %v", got["z"])
		}
	})
}

func TestKeepsWhatIsThereAlready(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		d := Data{"session_id": "of the app", "_token": "of the app", "jti": "of the app"}
		got := mustDecode(t, c, mustEncode(t, c, d, testNow), testNow)
		for _, key := range f.added {
			if _, ok := d[key]; !ok {
				delete(got, key)
			}
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUnwritableData(t *testing.T) {
	deep := any("x")
	for range MaxDepth {
		deep = []any{deep}
	}
	eachFormat(t, func(t *testing.T, _ format, c Codec) {
		for name, v := range map[string]any{
			"int": 1, "bytes": []byte("x"), "strings": []string{"x"}, "time": testNow, "inside": []any{uint8(1)},
			"NaN": math.NaN(), "infinite": math.Inf(1), "minus infinite": math.Inf(-1), "too deep": deep,
			"not UTF-8": "\xff", "nested": []any{[]any{"\xff"}}, "a key inside": []any{map[string]any{"\xff": nil}},
		} {
			if cookies, err := c.Encode(t.Context(), Data{"v": v}, Times{Now: testNow}); err == nil || errors.Is(err, ErrForeign) {
				t.Errorf("%s: %q, %v", name, cookies, err)
			}
		}
		if _, err := c.Encode(t.Context(), Data{"\xff": "v"}, Times{Now: testNow}); err == nil {
			t.Error("a key that is not UTF-8 was written")
		}
	})
}

func TestDepth(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		deep := any("x")
		for range MaxDepth - 1 {
			deep = []any{deep, true}
		}
		d := Data{"deep": deep}
		// cmp.Diff takes ages for this.
		if got := f.decode(t, c, mustEncode(t, c, d, testNow), testNow); !reflect.DeepEqual(d, got) {
			t.Errorf("read as %v", got)
		}
	})
}

// TestTooLarge: whatever is written fits into cookies, and is read.
func TestTooLarge(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		encode := func(size int) (Data, Cookies, error) {
			d := Data{"v": noise(size)}
			cookies, err := c.Encode(t.Context(), d, Times{Now: testNow, Expires: testNow.Add(time.Hour)})
			return d, cookies, err
		}
		largest := 0
		for size := 100; size < 4100; size += 50 {
			d, cookies, err := encode(size)
			if err != nil {
				if !errors.Is(err, ErrTooLarge) {
					t.Fatalf("%d: %v", size, err)
				}
				continue
			}
			largest = size
			for name, value := range cookies {
				if len(name)+1+len(value) > maxCookie {
					t.Errorf("%d: a cookie of %d bytes", size, len(value))
				}
			}
			if got := f.decode(t, c, cookies, testNow); got["v"] != d["v"] {
				t.Errorf("%d: another text is read", size)
			}
		}
		if largest < 700 {
			t.Errorf("room for %d bytes", largest)
		}
		if _, cookies, err := encode(MaxUnpacked); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d cookies, %v; want ErrTooLarge", len(cookies), err)
		}
	})
}

func TestRotation(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, before Codec) {
		if f.one {
			t.Skip("the framework knows one secret")
		}
		both, after := f.must(t, f.secrets[1], f.secrets[0]), f.must(t, f.secrets[1])
		d := Data{"user_id": int64(42)}
		written := mustEncode(t, both, d, testNow)
		for name, got := range map[string]Data{
			"the second reads": f.decode(t, both, mustEncode(t, before, d, testNow), testNow),
			"the first writes": f.decode(t, after, written, testNow),
		} {
			if diff := cmp.Diff(d, got); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		}
		wantForeign(t, before, written, testNow)
	})
}

func TestConcurrentUse(t *testing.T) {
	eachFormat(t, func(t *testing.T, f format, c Codec) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				want := maps.Clone(f.sample)
				want["n"], want["text"] = int64(i), strings.Repeat(fmt.Sprint(i), 100)
				for range 10 {
					cookies, err := c.Encode(t.Context(), want, Times{Now: testNow, Expires: testNow.Add(time.Hour)})
					if err != nil {
						t.Error(err)
						return
					}
					got, err := c.Decode(t.Context(), cookies, Times{Now: testNow})
					if err != nil || got["n"] != want["n"] || got["text"] != want["text"] {
						t.Errorf("%v, %v", got, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

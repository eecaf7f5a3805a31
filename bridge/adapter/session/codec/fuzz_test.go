package codec

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// fuzzFormats tries cookies, and what they hold, with every format of one framework.
func fuzzFormats(f *testing.F, framework string, seeds ...string) {
	f.Helper()
	var of []format
	var codecs []Codec
	for _, each := range formats(f) {
		if strings.HasPrefix(each.name, framework) {
			c := each.must(f, each.secrets[0])
			of, codecs = append(of, each), append(codecs, c)
			f.Add([]byte(mustEncode(f, c, each.sample, testNow)[each.cookie]))
		}
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for i, c := range codecs {
			for _, cookies := range []Cookies{{of[i].cookie: string(text)}, of[i].inner(t, c, text)} {
				d, err := c.Decode(t.Context(), cookies, Times{Now: testNow})
				if err != nil {
					if !errors.Is(err, ErrForeign) || d != nil {
						t.Fatalf("%v, %v", d, err)
					}
					continue
				}
				again, err := c.Encode(t.Context(), d, Times{Now: testNow, Expires: testNow.Add(time.Hour)})
				if errors.Is(err, ErrTooLarge) {
					continue
				}
				if err != nil {
					t.Fatalf("read, but not written: %v", err)
				}
				got, err := c.Decode(t.Context(), again, Times{Now: testNow})
				for _, key := range of[i].added {
					if _, ok := d[key]; !ok {
						delete(got, key)
					}
				}
				if err != nil || !reflect.DeepEqual(d, got) {
					t.Fatalf("%v, read as %v: %v", d, got, err)
				}
			}
		}
	})
}

func FuzzGorillaDecode(f *testing.F) {
	gob, err := gorillaGob(map[any]any{"a": 1, "b": []any{"c", []byte("d")}, "e": []string{"f"}, "g": uint64(1) << 63})
	if err != nil {
		f.Fatal(err)
	}
	fuzzFormats(f, "gorilla", `{"a":[1,{"b":null}],"a":2}`, string(gob))
}

func FuzzRailsDecode(f *testing.F) {
	fuzzFormats(f, "rails", `{"a":[1,{"b":null}],"a":2}`, "\x04\b{\x06I\"\x06a\x06:\x06ETi\x06", strings.Repeat("[", 100))
}

func FuzzLaravelDecode(f *testing.F) {
	fuzzFormats(f, "laravel", `a:2:{s:1:"a";a:2:{i:0;d:1.5;i:1;b:1;}i:-3;N;}`, `a:1:{i:0;O:8:"stdClass":0:{}}`,
		`a:9999999:{`, `a:1:{s:1:"a";s:99999:"a";}`, strings.Repeat("a:1:{i:0;", 100))
}

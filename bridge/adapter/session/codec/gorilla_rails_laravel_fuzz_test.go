package codec

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// webFuzz tries cookies, and what they hold, with every format of one framework.
func webFuzz(f *testing.F, framework string, seeds ...string) {
	f.Helper()
	var formats []webFormat
	var codecs []Codec
	for _, format := range webFormats() {
		if strings.HasPrefix(format.name, framework) {
			c := format.must(f, format.secrets[0])
			formats, codecs = append(formats, format), append(codecs, c)
			cookies := webEncode(f, c, format.sample, webNow)
			f.Add([]byte(cookies[format.cookie]))
		}
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for i, c := range codecs {
			for _, cookies := range []Cookies{{formats[i].cookie: string(text)}, formats[i].inner(c, text)} {
				d, err := c.Decode(t.Context(), cookies, Times{Now: webNow})
				if err != nil {
					if !errors.Is(err, ErrForeign) || d != nil {
						t.Fatalf("%v, %v", d, err)
					}
					continue
				}
				again, err := c.Encode(t.Context(), d, Times{Now: webNow, Expires: webNow.Add(time.Hour)})
				if errors.Is(err, ErrTooLarge) {
					continue
				}
				if err != nil {
					t.Fatalf("read, but not written: %v", err)
				}
				got, err := c.Decode(t.Context(), again, Times{Now: webNow})
				for _, key := range formats[i].added {
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
	webFuzz(f, "gorilla", `{"a":[1,{"b":null}],"a":2}`, string(gob))
}

func FuzzRailsDecode(f *testing.F) {
	webFuzz(f, "rails", `{"a":[1,{"b":null}],"a":2}`, "\x04\b{\x06I\"\x06a\x06:\x06ETi\x06", strings.Repeat("[", 100))
}

func FuzzLaravelDecode(f *testing.F) {
	webFuzz(f, "laravel", `a:2:{s:1:"a";a:2:{i:0;d:1.5;i:1;b:1;}i:-3;N;}`, `a:1:{i:0;O:8:"stdClass":0:{}}`,
		`a:9999999:{`, `a:1:{s:1:"a";s:99999:"a";}`, strings.Repeat("a:1:{i:0;", 100))
}

func BenchmarkWebEncode(b *testing.B) {
	for _, f := range webFormats() {
		c := f.must(b, f.secrets[0])
		b.Run(f.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Encode(b.Context(), f.sample, Times{Now: webNow, Expires: webNow.Add(time.Hour)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWebDecode(b *testing.B) {
	for _, f := range webFormats() {
		c := f.must(b, f.secrets[0])
		cookies := webEncode(b, c, f.sample, webNow)
		b.Run(f.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Decode(b.Context(), cookies, Times{Now: webNow}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

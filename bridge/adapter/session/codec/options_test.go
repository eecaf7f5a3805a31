package codec

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

func TestPythonOptions(t *testing.T) {
	for _, f := range pyFormats {
		c, err := f.open("__Host-app", time.Minute, testSecret)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Names(); !slices.Equal(got, []string{"__Host-app"}) {
			t.Errorf("Names() = %q", got)
		}
		if cookies := mustEncode(t, c, Data{}, testNow); len(cookies) != 1 || cookies["__Host-app"] == "" {
			t.Errorf("%v", cookies)
		}
		_, err = f.open("a b", -1, "")
		want := "cookie: not a cookie's name: letters, digits and -_.\n" +
			"secrets: empty: the framework signs nothing without a secret\n" +
			"max_age: shorter than a minute"
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", f.name, err)
		}
		if option := (*adapter.OptionError)(nil); !errors.As(err, &option) {
			t.Errorf("%T", err)
		}
		_, err = f.open("a", time.Minute)
		if want := "secrets: missing: the app's own secret is what sessions are signed with"; err == nil || err.Error() != want {
			t.Errorf("%s: %v", f.name, err)
		}
		for _, bad := range []string{"a;b", "a=b", "a,b", "ä", "a\n", `a"b`} {
			if _, err := f.open(bad, 0, testSecret); err == nil {
				t.Errorf("%s: cookie %q", f.name, bad)
			}
		}
	}
}

func TestNodeOptions(t *testing.T) {
	for _, f := range nodeFormats {
		if got := f.must(t, testSecret).Names()[0]; got != f.cookie {
			t.Errorf("%s: by default %q", f.name, got)
		}
		_, err := f.open(t, "a b", "")
		want := "cookie: not a cookie's name: letters, digits and -_.\n" +
			"secrets: empty: the framework signs nothing without a secret"
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", f.name, err)
		}
		if option := (*adapter.OptionError)(nil); !errors.As(err, &option) {
			t.Errorf("%T", err)
		}
		if _, err := f.open(t, ""); err == nil {
			t.Errorf("%s: without a secret", f.name)
		}
	}
	_, err := NewCookieSession(CookieSessionOptions{Digest: "md5", Secrets: []string{"x"}})
	if want := `digest: "md5"; choose "sha1", "sha256" or "sha512", as the app's Keygrip has it`; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	_, err = NewExpressSession(ExpressSessionOptions{Secrets: []string{"x"}, MaxAge: time.Millisecond})
	want := "max_age: shorter than a minute\nredis: missing: the app's own Redis is where its sessions are"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	_, err = NewNextAuth(AuthJSOptions{Secrets: []string{"the new secret", testSecret}})
	if want := "secrets: NextAuth 4 knows one secret, not several; name its own"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestGorillaRailsLaravelOptions(t *testing.T) {
	gorilla := func(o GorillaOptions) error { _, err := NewGorilla(o); return err }
	rails := func(o RailsOptions) error { _, err := NewRails(o); return err }
	laravel := func(o LaravelOptions) error { _, err := NewLaravel(o); return err }
	key := []string{strings.Repeat("k", 32)}
	for name, test := range map[string]struct {
		err  error
		keys []string
	}{
		"gorilla, nothing":     {gorilla(GorillaOptions{}), []string{"secrets", "cookie"}},
		"gorilla, serializer":  {gorilla(GorillaOptions{Cookie: "a", Secrets: key, Serializer: "JSON"}), []string{"serializer"}},
		"gorilla, block key":   {gorilla(GorillaOptions{Cookie: "a", Secrets: key, BlockKeys: []string{"short"}}), []string{"block_keys[1]"}},
		"gorilla, block keys":  {gorilla(GorillaOptions{Cookie: "a", Secrets: key, BlockKeys: []string{"", ""}}), []string{"block_keys"}},
		"gorilla, age":         {gorilla(GorillaOptions{Cookie: "a", Secrets: key, MaxAge: -1}), []string{"max_age"}},
		"rails, nothing":       {rails(RailsOptions{}), []string{"secrets", "cookie"}},
		"rails, version":       {rails(RailsOptions{Cookie: "_a", Secrets: key, Version: "5.2"}), []string{"version"}},
		"rails, age":           {rails(RailsOptions{Cookie: "_a", Secrets: key, MaxAge: -1}), []string{"max_age"}},
		"rails, empty secret":  {rails(RailsOptions{Cookie: "_a", Secrets: []string{""}}), []string{"secrets"}},
		"laravel, nothing":     {laravel(LaravelOptions{}), []string{"secrets"}},
		"laravel, dot":         {laravel(LaravelOptions{Cookie: "a.b", Secrets: key}), []string{"cookie"}},
		"laravel, cipher":      {laravel(LaravelOptions{Secrets: key, Cipher: "des"}), []string{"cipher"}},
		"laravel, key size":    {laravel(LaravelOptions{Secrets: append(key, "base64:QUJD")}), []string{"secrets[2]"}},
		"laravel, key base64":  {laravel(LaravelOptions{Secrets: []string{"base64:%"}}), []string{"secrets[1]"}},
		"laravel, serializing": {laravel(LaravelOptions{Secrets: key, Serialization: "xml"}), []string{"serialization"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			var collect func(err error)
			collect = func(err error) {
				if many, ok := err.(interface{ Unwrap() []error }); ok {
					for _, e := range many.Unwrap() {
						collect(e)
					}
					return
				}
				var wrong *adapter.OptionError
				if !errors.As(err, &wrong) {
					t.Fatalf("%T: %v", err, err)
				}
				got = append(got, wrong.Key)
			}
			collect(test.err)
			if !slices.Equal(got, test.keys) {
				t.Errorf("%q: %v", got, test.err)
			}
		})
	}
}

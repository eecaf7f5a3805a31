package session

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
	"github.com/ssobridge/ssobridge/bridge/wording"
)

// format is one that sessions are written in.
type format struct {
	// framework is what people call it, cookie the cookie's default name; empty:
	// there is none.
	framework, cookie string
	// age is how long after it was written the app takes a session by default; 0: it
	// ends when it says itself.
	age time.Duration
	// double: the app reads numbers as float64.
	double bool
	// reserved are keys of a session that are the framework's own.
	reserved []string
	// table is the name of the format's own options; empty: it has none.
	table string
	open  func(*opening) (codec.Codec, error)
}

const day = 24 * time.Hour

// formats are the codecs by name.
var formats = map[string]*format{
	"flask": {
		framework: "Flask", cookie: "session", age: 31 * day,
		open: func(o *opening) (codec.Codec, error) {
			return codec.NewFlask(codec.FlaskOptions{Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge})
		},
	},
	"starlette": {
		framework: "Starlette", cookie: "session", age: 14 * day,
		open: func(o *opening) (codec.Codec, error) {
			return codec.NewStarlette(codec.StarletteOptions{Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge})
		},
	},
	"django":          {framework: "Django", cookie: "sessionid", age: 14 * day, table: "django", reserved: []string{"_csrftoken"}, open: openDjango},
	"cookie-session":  {framework: "cookie-session", cookie: "session", double: true, table: "cookie-session", open: openCookieSession},
	"express-session": {framework: "express-session", cookie: "connect.sid", double: true, table: "express-session", reserved: []string{"cookie"}, open: openExpressSession},
	"authjs": {
		framework: "Auth.js", cookie: "__Secure-authjs.session-token", double: true, reserved: tokenClaims,
		open: func(o *opening) (codec.Codec, error) {
			return codec.NewAuthJS(codec.AuthJSOptions{Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge})
		},
	},
	"nextauth": {
		framework: "NextAuth.js", cookie: "__Secure-next-auth.session-token", double: true, reserved: tokenClaims,
		open: func(o *opening) (codec.Codec, error) {
			return codec.NewNextAuth(codec.AuthJSOptions{Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge})
		},
	},
	"gorilla": {framework: "gorilla/sessions", age: 30 * day, table: "gorilla", open: openGorilla},
	"rails":   {framework: "Rails", table: "rails", reserved: []string{"session_id", "_csrf_token"}, open: openRails},
	"laravel": {framework: "Laravel", cookie: "laravel_session", table: "laravel", reserved: []string{"_token"}, open: openLaravel},
}

// tokenClaims are the claims of a token that say when it is good.
var tokenClaims = []string{"exp", "iat", "jti", "nbf"}

// opening is what a format is opened with.
type opening struct {
	*Options
	adapter *sessionAdapter
	secrets []string
	env     adapter.Env
	fail    value.Fail
}

// formatOf returns the format that the options name, after checking that no other
// one's table is there.
func (o *Options) formatOf(fail value.Fail) *format {
	known := slices.Sorted(maps.Keys(formats))
	f := formats[o.Codec]
	switch {
	case o.Codec == "":
		fail("codec", "missing: say which framework's sessions the app has: %s", oneOf(known))
	case f == nil:
		fail("codec", "no codec is called %q%s", o.Codec, wording.Instead(o.Codec, known))
	}
	tables := reflect.ValueOf(&o.formatOptions).Elem()
	for i := range tables.NumField() {
		name := tables.Type().Field(i).Tag.Get("toml")
		if !tables.Field(i).IsZero() && f != nil && f.table != name {
			fail(name, "is not for codec = %q; remove it", o.Codec)
		}
	}
	return f
}

func oneOf(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}

// checkAge keeps a session from lasting longer here than in the app, which would
// take people for nobody without the bridge knowing.
func (o *Options) checkAge(f *format, fail value.Fail) {
	age := f.age
	if o.Django.Backend == "db" {
		age = 0 // the row says when
	}
	switch {
	case o.MaxAge < 0 || o.MaxAge != 0 && o.MaxAge < time.Minute:
		fail("max_age", `%s is less than a minute; write how old the app lets a session become, such as "336h"`, o.MaxAge)
		return
	case o.MaxAge != 0 && age != 0:
		age = o.MaxAge
	}
	if life := o.Plan().Lifetime; age != 0 && life > age {
		fail("lifetime", "%s is more than the app's own limit, %s; make it less, or the limit there and max_age more",
			value.DescribeDuration(life), value.DescribeDuration(age))
	}
}

// openCodec opens the format, and returns what it finds wrong with options, some of
// which has been said.
func (o *Options) openCodec(a *sessionAdapter, f *format, with *opening) []*adapter.OptionError {
	var err error
	a.codec, err = f.open(with)
	problems := optionErrors(err)
	return slices.DeleteFunc(problems, func(e *adapter.OptionError) bool {
		common := commonOption(e.Key)
		if common == "" && f.table != "" {
			e.Key = f.table + "." + e.Key
		}
		// Of secrets that are not there, all has been said.
		return common == "secrets" && (len(with.secrets) == 0 || !with.env.ReadSecrets)
	})
}

// commonOption returns the option of all formats that key is, or is below.
func commonOption(key string) string {
	for _, common := range []string{"cookie", "secrets", "max_age"} {
		if rest, is := strings.CutPrefix(key, common); is && (rest == "" || rest[0] == '[' || rest[0] == '.') {
			return common
		}
	}
	return ""
}

// optionErrors returns the wrong options that err joins, which have not been reported.
// A codec has no other error to open with.
func optionErrors(err error) []*adapter.OptionError {
	if err == nil || errors.Is(err, errSaid) {
		return nil
	}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		var all []*adapter.OptionError
		for _, e := range joined.Unwrap() {
			all = append(all, optionErrors(e)...)
		}
		return all
	}
	if e, is := errors.AsType[*adapter.OptionError](err); is {
		return []*adapter.OptionError{e}
	}
	return []*adapter.OptionError{{Key: "codec", Problem: err.Error()}}
}

// maxNumber is the last whole number that the app reads as it is.
func (f *format) maxNumber() int64 {
	if f.double {
		return document.MaxFloat
	}
	return 1<<63 - 1
}

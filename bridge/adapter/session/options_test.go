package session

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/lookup"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// optionErrorsOf returns what is wrong with options, in order.
func optionErrorsOf(tb testing.TB, o *Options, env adapter.Env) []string {
	tb.Helper()
	_, err := o.Open(env)
	var all []string
	for _, e := range optionErrors(err) {
		all = append(all, e.Error())
	}
	return all
}

const missingLookup = `lookup: missing: say where columns are looked up, such as ` +
	`lookup = { driver = "postgres", dsn = { file = "app.dsn" }, query = "SELECT id FROM users WHERE email = $1", by = { from = "email" } }`

func TestOptions(t *testing.T) {
	user := map[string]document.Field{"user": {From: "email", Required: true}}
	with := func(change func(o *Options)) *Options {
		o := &Options{Codec: "flask", Secrets: secretsOf(appSecret + "-1"), Fields: user}
		change(o)
		return o
	}
	fields := func(f map[string]document.Field) *Options { return with(func(o *Options) { o.Fields = f }) }
	database := lookup.Database{Driver: "postgres", DSN: secretOf("postgres://ann:hush@127.0.0.1/app")}
	for _, tt := range []struct {
		name string
		o    *Options
		want []string
	}{
		{"good", with(func(*Options) {}), nil},
		{"nothing", &Options{}, []string{
			`codec: missing: say which framework's sessions the app has: "authjs", "cookie-session", "django", "express-session", "flask", "gorilla", "laravel", "nextauth", "rails" or "starlette"`,
			`secrets: missing: say where the app's own secret stands, such as secrets = [{ file = "app.secret" }]`,
		}},
		{"a misspelt codec", with(func(o *Options) { o.Codec = "flsk" }), []string{`codec: no codec is called "flsk": did you mean "flask"?`}},
		{"another codec's table", with(func(o *Options) { o.Rails.Version, o.Laravel.Encrypt = "7.1", true }), []string{
			`rails: is not for codec = "flask"; remove it`, `laravel: is not for codec = "flask"; remove it`,
		}},
		{"a short secret", with(func(o *Options) { o.Secrets = secretsOf(appSecret+"-1", strings.Repeat("x", 31)) }), []string{
			`secrets[2]: shorter than 32 bytes, so it could be guessed by anybody who has a cookie; give the app a longer one`,
		}},
		{"a secret that is short once it is decoded", with(func(o *Options) {
			o.SecretEncoding, o.Secrets = "hex", secretsOf(strings.Repeat("ab", 31))
		}), []string{
			`secrets[1]: shorter than 32 bytes, so it could be guessed by anybody who has a cookie; give the app a longer one`,
		}},
		{"no hex", with(func(o *Options) { o.SecretEncoding = "hex" }), []string{
			`secrets[1]: is no hex; if the app uses it as it stands, write secret_encoding = "text"`,
		}},
		{"no base64", with(func(o *Options) { o.SecretEncoding = "base64"; o.Secrets = secretsOf(strings.Repeat("!", 64)) }), []string{
			`secrets[1]: is no base64; if the app uses it as it stands, write secret_encoding = "text"`,
		}},
		{"an unknown encoding", with(func(o *Options) { o.SecretEncoding = "base32" }), []string{
			`secret_encoding: "base32"; choose "text", "hex" or "base64"`,
		}},
		{"one secret twice", with(func(o *Options) { o.Secrets = secretsOf(appSecret+"-1", appSecret+"-1") }), []string{
			`secrets[2]: is the same secret as secrets[1]; remove one of them`,
		}},
		{"a secret that is not there", with(func(o *Options) {
			o.Secrets = []adapter.Secret{adapter.NewSecret(func() (string, error) { return "", errors.New("app.secret: no such file") })}
		}), []string{`secrets[1]: app.secret: no such file`}},
		{"a cookie's name that is none", with(func(o *Options) { o.Cookie = "a b" }), []string{
			`cookie: "a b" is no cookie's name; write it as the app does, such as "grafana_session"`,
		}},
		{"a cookie's name of the bridge", with(func(o *Options) { o.Cookie = "__Host-ssobridge-session" }), []string{
			`cookie: "__Host-ssobridge-session" is a name like those of cookies that the bridge sets itself; rename the app's`,
		}},
		{"a cookie that is needed", with(func(o *Options) { o.Codec = "rails" }), []string{`cookie: missing: the key that the app gives to session_store`}},
		{"no fields", fields(nil), []string{`fields: no field; write one such as [fields] user_id = { from = "email", required = true }`}},
		{"the marker's name", fields(map[string]document.Field{markerKey: {From: "email"}}), []string{
			`fields._ssobridge: is the key of the bridge's own marker; choose another name`,
		}},
		{"a claim that the framework sets", with(func(o *Options) {
			o.Codec, o.Fields = "authjs", map[string]document.Field{"exp": {Const: int64(1 << 40)}}
		}), []string{`fields.exp: is for Auth.js itself to set; remove it`}},
		{"a CSRF token that is the same for all", with(func(o *Options) {
			o.Codec, o.Fields = "laravel", map[string]document.Field{"_token": {Const: "x"}}
			o.Secrets = secretsOf("base64:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
		}), []string{`fields._token: is for Laravel itself to set; remove it`}},
		{"what is left out is not there", with(func(o *Options) { o.Omit = []string{"name"} }), []string{
			`omit: "name" is no field of this adapter; it has user`,
		}},
		{"the app may change somebody into another person", with(func(o *Options) { o.AppMayChange = []string{"user"} }), []string{
			`app_may_change: "user" is not the same for everybody, so an app that changes it could make somebody another person; only fields with const may be changed`,
		}},
		{"the app may change its own", with(func(o *Options) { o.AppMayChange = []string{"lang"} }), []string{
			`app_may_change: "lang" is no field of this adapter, and what the app itself puts into a session, it may change; the fields are user`,
		}},
		{"a column without a lookup", fields(map[string]document.Field{"user": {Lookup: "id"}}), []string{missingLookup}},
		{"a column within, without a lookup", fields(map[string]document.Field{"user": {List: []document.Field{{Object: map[string]document.Field{"x": {Lookup: "id"}}}}}}), []string{missingLookup}},
		{"a lookup without a column", with(func(o *Options) { o.Lookup.Database = database }), []string{
			`lookup: is for fields such as user_id = { lookup = "id" }, and there is none; remove it`,
		}},
		{"a preset's lookup that nothing uses", with(func(o *Options) { o.Lookup.Query = "SELECT 1" }), nil},
		{"a session that outlives the app's", with(func(o *Options) { o.Codec = "starlette"; o.Lifetime = 15 * 24 * time.Hour }), []string{
			`lifetime: 360h is more than the app's own limit, 336h; make it less, or the limit there and max_age more`,
		}},
		{"a session that outlives what the app says", with(func(o *Options) { o.MaxAge = time.Hour }), []string{
			`lifetime: 8h is more than the app's own limit, 1h; make it less, or the limit there and max_age more`,
		}},
		{"an age that is none", with(func(o *Options) { o.MaxAge = time.Second }), []string{
			`max_age: 1s is less than a minute; write how old the app lets a session become, such as "336h"`,
		}},
		{"an age where there is none", with(func(o *Options) { o.Codec, o.MaxAge = "cookie-session", time.Hour }), []string{
			`max_age: has no effect: sessions of cookie-session have no age; remove it`,
		}},
		{"no Redis", with(func(o *Options) { o.Codec = "express-session" }), []string{
			`express-session.redis: missing: say where the address of the app's Redis stands, such as redis = { file = "redis.url" }`,
		}},
		{"a Redis that is none", with(func(o *Options) {
			o.Codec, o.ExpressSession.Redis = "express-session", secretOf("http://hush@127.0.0.1")
		}), []string{`express-session.redis: is no address of a Redis; write one such as "rediss://user:password@host:6379/0"`}},
		{"a database without a backend", with(func(o *Options) { o.Codec, o.Django.Database = "django", database }), []string{
			`django.backend: missing: driver and dsn are for sessions in a database; write backend = "db", or remove them`,
		}},
		{"a backend without a database", with(func(o *Options) { o.Codec, o.Django.Backend = "django", "db" }), []string{
			`django.driver: ""; choose "postgres", or "mysql" for MySQL and MariaDB`,
			`django.dsn: missing: say where the address of the database stands, such as dsn = { file = "app.dsn" }`,
		}},
		{"a backend that is none", with(func(o *Options) { o.Codec, o.Django.Backend = "django", "cache" }), []string{
			`django.backend: "cache"; choose "signed_cookies" or "db", the end of the app's SESSION_ENGINE`,
		}},
		{"a serializer that is none", with(func(o *Options) { o.Codec, o.Cookie, o.Gorilla.Serializer = "gorilla", "s", "xml" }), []string{
			`gorilla.serializer: neither "gob" nor "json"`,
		}},
		{"a block key of the wrong size", with(func(o *Options) {
			o.Codec, o.Cookie, o.Gorilla.BlockKeys = "gorilla", "s", secretsOf(strings.Repeat("x", 31))
		}), []string{`gorilla.block_keys[1]: not 16, 24 or 32 bytes, which AES needs; perhaps it has to be decoded first`}},
		{"an object in gob", with(func(o *Options) {
			o.Codec, o.Cookie = "gorilla", "s"
			o.Fields = map[string]document.Field{"user": {List: []document.Field{{Object: map[string]document.Field{"x": {From: "email"}}}}}}
		}), []string{`fields.user: is an object, which gob writes for no app that has not registered its type; write serializer = "json" if the app does`}},
		{"two secrets where there is one", with(func(o *Options) { o.Codec, o.Secrets = "nextauth", secretsOf(appSecret+"-1", otherSecret) }), []string{
			`secrets: NextAuth 4 knows one secret, not several; name its own`,
		}},
		{"a version that is none", with(func(o *Options) { o.Codec, o.Cookie, o.Rails.Version = "rails", "_s", "5.2" }), []string{
			`rails.version: no version that is known here: what config.load_defaults says in config/application.rb, such as "7.1"`,
		}},
		{"delivered nowhere", with(func(o *Options) { o.Deliver = "cloud" }), []string{
			`deliver: "cloud"; choose "browser", or "upstream" for cookies that the browser never sees`,
		}},
		{"stripped", with(func(o *Options) { o.StripCookies = []string{"a b"} }), []string{
			`strip_cookies: "a b" is no cookie's name; write it as the app does, such as "grafana_session"`,
		}},
		{"email_local", fields(map[string]document.Field{"user": {From: "email_local"}}), []string{
			`fields.user.from: email_local needs to know whose addresses it may shorten: give the adapter domains = ["example.com"]; of two domains, ann@a.example and ann@b.example would become one user`,
		}},
		{"a number that JavaScript does not hold", with(func(o *Options) {
			o.Codec, o.Fields = "cookie-session", map[string]document.Field{"id": {From: "role", Type: "number", Words: value.Words{Map: map[string]string{"a": "9007199254740993"}}}}
		}), []string{`fields.id.map.a: ` + document.ErrNumber.Error()}},
		{"a number that Python holds", fields(map[string]document.Field{"id": {From: "role", Type: "number", Words: value.Words{Map: map[string]string{"a": "9007199254740993"}}}}), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, optionErrorsOf(t, tt.o, serving)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSecretEncodings: one key in all its spellings begins the same sessions.
func TestSecretEncodings(t *testing.T) {
	key := "\x00\xff0123456789abcdef0123456789abcdef\n"
	base := (&framework{codec: "gorilla", change: func(_ testing.TB, o *Options) { o.Cookie = "s"; delete(o.Fields, "profile") }}).options(t)
	base.SecretEncoding, base.Secrets = "hex", secretsOf(hex.EncodeToString([]byte(key)))
	first := mustOpen(t, base, serving)
	cookies := begin(t, first, inputOf(ann()))
	for encoding, text := range map[string]string{
		"hex": strings.ToUpper(hex.EncodeToString([]byte(key))), "base64": base64.StdEncoding.EncodeToString([]byte(key)),
		"base64 ": base64.RawURLEncoding.EncodeToString([]byte(key)), "base64  ": "base64:" + base64.StdEncoding.EncodeToString([]byte(key)),
	} {
		o := *base
		o.SecretEncoding, o.Secrets = strings.TrimSpace(encoding), secretsOf(text)
		if got := read(t, mustOpen(t, &o, serving), inputOf(ann()), cookies); got != adapter.SessionKept {
			t.Errorf("%s: %s", encoding, got)
		}
	}
}

// TestWithoutSecrets: what is opened to look at reads no secret, describes
// everybody, and writes nothing.
func TestWithoutSecrets(t *testing.T) {
	env := serving
	env.ReadSecrets = false
	unread := adapter.NewSecret(func() (string, error) { return "", errors.New("was read") })
	for _, f := range frameworks(t) {
		t.Run(f.codec, func(t *testing.T) {
			o := f.options(t)
			o.Secrets = []adapter.Secret{unread, unread}
			if f.oneSecret {
				o.Secrets = o.Secrets[:1]
			}
			if f.codec == "express-session" {
				o.ExpressSession.Redis = unread
			}
			a := mustOpen(t, o, env)
			if lines, err := a.DescribeSession(inputOf(ann())); err != nil || len(lines) < 5 {
				t.Errorf("%q, %v", lines, err)
			}
			if cookies, err := a.StartSession(t.Context(), inputOf(ann()), nobody{}); !errors.Is(err, errNoSecrets) || cookies != nil {
				t.Errorf("%v, %v", cookies, err)
			}
			if v, err := a.ReadSession(t.Context(), inputOf(ann()), nil); !errors.Is(err, errNoSecrets) || v != adapter.SessionForeign {
				t.Errorf("%s, %v", v, err)
			}
		})
	}
}

// TestDescribeEveryCodec: start.toml and this package name the same codecs.
func TestDescribeEveryCodec(t *testing.T) {
	for codec := range formats {
		if !strings.Contains(start, `"`+codec+`"`) {
			t.Errorf("start.toml does not name %s", codec)
		}
	}
}

func TestDeviseSalt(t *testing.T) {
	const hash = "$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"
	as, _ := transforms(nil)("devise_salt")
	if got, err := as(hash); err != nil || got != "$2a$12$R9h/cIPz0gi.URNNX3kh2O" {
		t.Errorf("%v, %v", got, err)
	}
	for _, wrong := range []any{"", "$2a$12$R9h/cIPz0gi.URNNX3kh2", "{SHA}R9h/cIPz0gi.URNNX3kh2OPST9", int64(1), nil} {
		if got, err := as(wrong); err == nil {
			t.Errorf("%v of %v", got, wrong)
		}
	}
}

func TestPlan(t *testing.T) {
	o := frameworks(t)[0].options(t)
	o.Deliver, o.SameSite, o.Lifetime = "upstream", "strict", time.Hour
	o.StripCookies, o.Strip = []string{"remember_token"}, []string{"X-Api-Key"}
	o.Logout.Path, o.Logout.Everywhere = "/logout", true
	a := mustOpen(t, o, serving)
	plan := a.SessionPlan()
	if plan.Deliver != adapter.DeliverUpstream || plan.Lifetime != time.Hour || plan.Calls || plan.Match != nil || !cmp.Equal(plan.Cookies, []string{"session"}) {
		t.Errorf("%+v", plan)
	}
	want := adapter.Owned{Headers: []string{"X-Api-Key"}, Cookies: []string{"session", "remember_token"}}
	if diff := cmp.Diff(want, a.Owns()); diff != "" {
		t.Errorf("owned (-want +got):\n%s", diff)
	}
	if got := a.(adapter.SignsOut).Logout(); got != (adapter.Logout{Path: "/logout", Everywhere: true}) {
		t.Errorf("%+v", got)
	}
	if got := a.(adapter.AttributeUser).Attributes(); !cmp.Equal(got, []string{"org"}) {
		t.Errorf("attributes %q", got)
	}
	if _, ends := a.(adapter.SessionEnder); ends {
		t.Error("a session in a cookie cannot be ended elsewhere")
	}
}

// TestEndSession: of a session that is in the app's store, nothing is left, and what
// is no session is none of anybody's.
func TestEndSession(t *testing.T) {
	for _, f := range frameworks(t) {
		if f.codec != "express-session" {
			continue
		}
		s := newScene(t, f)
		if !s.a.SessionPlan().Calls {
			t.Error("a start that writes to a store may happen twice at once")
		}
		ender := s.a.(adapter.SessionEnder)
		for range 2 {
			if err := ender.EndSession(t.Context(), s.cookies); err != nil {
				t.Fatal(err)
			}
			if got := read(t, s.a, s.in, s.cookies); got != adapter.SessionForeign {
				t.Errorf("ended: %s", got)
			}
		}
		if err := ender.EndSession(t.Context(), map[string]string{"connect.sid": "s%3Ax.y"}); err != nil {
			t.Error(err)
		}
	}
}

package session

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/lookup"
	"github.com/ssobridge/ssobridge/bridge/adapter/session/codec"
)

// formatOptions are the tables of options that only one format has.
type formatOptions struct {
	Django         djangoOptions         `toml:"django"`
	CookieSession  cookieSessionOptions  `toml:"cookie-session"`
	ExpressSession expressSessionOptions `toml:"express-session"`
	Gorilla        gorillaOptions        `toml:"gorilla"`
	Rails          railsOptions          `toml:"rails"`
	Laravel        laravelOptions        `toml:"laravel"`
}

type djangoOptions struct {
	// Backend is the end of the app's SESSION_ENGINE: "signed_cookies" (default) or
	// "db".
	Backend string `toml:"backend"`
	// Salt is for an app with a SESSION_ENGINE of its own that signs with another.
	Salt string `toml:"salt"`
	// Of "db", where the table django_session is.
	lookup.Database
}

type cookieSessionOptions struct {
	// Digest is the algorithm of the app's Keygrip; empty: "sha1".
	Digest string `toml:"digest"`
}

type expressSessionOptions struct {
	// Redis is the address of the app's own, such as
	// "redis://user:password@host:6379/0"; with TLS, "rediss://...".
	Redis adapter.Secret `toml:"redis"`
	// Prefix is that of the app's RedisStore; empty: "sess:".
	Prefix string `toml:"prefix"`
}

type gorillaOptions struct {
	// Serializer is "gob" (default) or "json".
	Serializer string `toml:"serializer"`
	// BlockKeys encrypt: one for each secret, in the same encoding.
	BlockKeys []adapter.Secret `toml:"block_keys"`
}

type railsOptions struct {
	// Version is what the app's config.load_defaults says; empty: one since "7.0".
	Version string `toml:"version"`
}

type laravelOptions struct {
	// Cipher is the app's; empty: "AES-256-CBC".
	Cipher string `toml:"cipher"`
	// Encrypt is SESSION_ENCRYPT.
	Encrypt bool `toml:"encrypt"`
}

// errSaid: what is wrong has been reported.
var errSaid = errors.New("an option is wrong")

// maxStoreConnections bounds those to an app's database, which is asked at every
// request.
const maxStoreConnections = 16

func openDjango(o *opening) (codec.Codec, error) {
	t := &o.Django
	switch t.Backend {
	case "", "signed_cookies":
		if !t.IsZero() {
			o.fail("django.backend", `missing: driver and dsn are for sessions in a database; write backend = "db", or remove them`)
		}
		return codec.NewDjango(codec.DjangoOptions{Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge, Salt: t.Salt})
	case "db":
		db := t.Open("django", maxStoreConnections, o.env, o.fail)
		if db == nil {
			return nil, errSaid
		}
		lookup.CloseWith(o.adapter, db)
		return codec.NewDjangoDB(codec.DjangoDBOptions{
			Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge, Salt: t.Salt, DB: db, Dialect: t.Driver,
		})
	}
	o.fail("django.backend", `%q; choose "signed_cookies" or "db", the end of the app's SESSION_ENGINE`, t.Backend)
	return nil, errSaid
}

func openCookieSession(o *opening) (codec.Codec, error) {
	if o.MaxAge != 0 {
		o.fail("max_age", "has no effect: sessions of cookie-session have no age; remove it")
	}
	return codec.NewCookieSession(codec.CookieSessionOptions{Cookie: o.Cookie, Secrets: o.secrets, Digest: o.CookieSession.Digest})
}

func openExpressSession(o *opening) (codec.Codec, error) {
	t := &o.ExpressSession
	if t.Redis.IsZero() {
		o.fail("express-session.redis", `missing: say where the address of the app's Redis stands, such as redis = { file = "redis.url" }`)
		return nil, errSaid
	}
	address := "redis://localhost"
	if o.env.ReadSecrets {
		var err error
		if address, err = t.Redis.Read(o.env); err != nil {
			o.fail("express-session.redis", "%v", err)
			return nil, errSaid
		}
	}
	options, err := redis.ParseURL(address)
	if err != nil { // which quotes the address
		o.fail("express-session.redis", `is no address of a Redis; write one such as "rediss://user:password@host:6379/0"`)
		return nil, errSaid
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = time.Second, redisTimeout, redisTimeout
	options.ContextTimeoutEnabled, options.MaxRetries, options.PoolSize = true, 1, maxStoreConnections
	options.ConnMaxIdleTime, options.DisableIdentity = time.Minute, true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	client := redis.NewClient(options)
	lookup.CloseWith(o.adapter, client)
	return codec.NewExpressSession(codec.ExpressSessionOptions{
		Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge, Redis: client, Prefix: t.Prefix,
	})
}

// redisTimeout is how long the app's Redis may take to read or write a session.
const redisTimeout = 500 * time.Millisecond

var errObject = errors.New(`is an object, which gob writes for no app that has not registered its type; write serializer = "json" if the app does`)

func openGorilla(o *opening) (codec.Codec, error) {
	t := &o.Gorilla
	for _, name := range o.written() {
		if field := o.Fields[name]; t.Serializer != "json" && hasObject(field) {
			o.fail("fields."+name, "%v", errObject)
		}
	}
	keys := make([]string, len(t.BlockKeys))
	for i := range t.BlockKeys {
		at := "gorilla.block_keys[" + strconv.Itoa(i+1) + "]"
		key, err := o.readSecret(&t.BlockKeys[i], o.env)
		if err != nil {
			o.fail(at, "%v", err)
			return nil, errSaid
		}
		keys[i] = key
	}
	return codec.NewGorilla(codec.GorillaOptions{
		Cookie: o.Cookie, Secrets: o.secrets, BlockKeys: keys, MaxAge: o.MaxAge, Serializer: t.Serializer,
	})
}

func hasObject(f document.Field) bool {
	return f.Object != nil || slices.ContainsFunc(f.List, hasObject)
}

func openRails(o *opening) (codec.Codec, error) {
	return codec.NewRails(codec.RailsOptions{Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge, Version: o.Rails.Version})
}

func openLaravel(o *opening) (codec.Codec, error) {
	t := &o.Laravel
	return codec.NewLaravel(codec.LaravelOptions{Cookie: o.Cookie, Secrets: o.secrets, MaxAge: o.MaxAge, Cipher: t.Cipher, Encrypt: t.Encrypt})
}

package codec

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// ExpressSessionOptions are the options of a [NewExpressSession].
type ExpressSessionOptions struct {
	// Cookie is the option name; "connect.sid" by default.
	Cookie string `toml:"-"`
	// Secrets are the option secret.
	Secrets []string `toml:"-"`
	// MaxAge is the option ttl of connect-redis; a day by default. It is how long a
	// session lasts for which Times says nothing.
	MaxAge time.Duration `toml:"-"`
	// Redis is the app's own. GETRANGE, SET and DEL under Prefix are all that is used.
	Redis redis.UniversalClient `toml:"-"`
	// Prefix is the option prefix of connect-redis; "sess:" by default.
	Prefix string `toml:"prefix"`
}

// NewExpressSession returns the codec of the npm package express-session 1.17 to
// 1.19 (index.js, session/store.js, session/cookie.js) with sessions in Redis as
// connect-redis 7 to 9 keeps them (index.ts, as JSON). The cookie holds the session's
// ID, signed as by cookie-signature 1.0 (index.js) and escaped by encodeURIComponent;
// its other spellings are refused. What Passport keeps is data like any other:
// {"passport": {"user": ...}}.
//
// The member "cookie" of a stored session is express-session's own and no part of
// [Data]. It says what the app tells browsers of the cookie, and how far every visit
// moves the end of a session in Redis: as far as it was from the end when Encode
// wrote it. Redis alone knows when a session has ended.
func NewExpressSession(o ExpressSessionOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	err := common.check("connect.sid", 24*time.Hour)
	if o.Redis == nil {
		err = errors.Join(err, &adapter.OptionError{Key: "redis", Problem: "missing: the app's own Redis is where its sessions are"})
	}
	if err != nil {
		return nil, err
	}
	if o.Prefix == "" {
		o.Prefix = "sess:"
	}
	keys := common.derive(func(secret string) []byte { return []byte(secret) })
	return &expressSession{common.cookie, keys, common.maxAge, o.Redis, o.Prefix}, nil
}

const (
	// expressIDBytes is what generateSessionId asks uid-safe for.
	expressIDBytes = 24
	// expressScheme tells signed cookies from others.
	expressScheme = "s:"
)

// expressOwn are the properties of Session.prototype and of every session, but for
// cookie, which is stored.
var expressOwn = []string{"destroy", "id", "regenerate", "reload", "req", "resetMaxAge", "save", "touch"}

type expressSession struct {
	cookie string
	keys   [][]byte
	maxAge time.Duration
	redis  redis.UniversalClient
	prefix string
}

// Names returns the cookie with the session's ID.
func (s *expressSession) Names() []string { return []string{s.cookie} }

// Encode stores a session under a new ID.
func (s *expressSession) Encode(ctx context.Context, d Data, t Times) (Cookies, error) {
	if err := jsRefuseInherited(d, expressOwn); err != nil {
		return nil, err
	}
	if _, taken := d["cookie"]; taken {
		return nil, errors.New(`a session has no room for "cookie", which express-session keeps there itself`)
	}
	lifetime := s.maxAge
	if !t.Expires.IsZero() {
		lifetime = t.Expires.Sub(t.Now)
	}
	if lifetime <= 0 {
		return nil, errors.New("a session that would have ended before it begins")
	}
	stored := map[string]any{"cookie": map[string]any{
		"originalMaxAge": lifetime.Milliseconds(),
		"expires":        t.Now.Add(lifetime).UTC().Format("2006-01-02T15:04:05.000Z"), // Date.prototype.toJSON
		"httpOnly":       true,
		"path":           "/",
	}}
	maps.Copy(stored, d)
	text, err := marshalJS(stored)
	if err != nil {
		return nil, err
	}
	if len(text) > MaxUnpacked {
		return nil, fmt.Errorf("%w: %d bytes of JSON, of which %d are read", ErrTooLarge, len(text), MaxUnpacked)
	}
	id := expressID()
	cookies, err := oneCookie(s.cookie, expressEscape(expressScheme+expressSign(s.keys[0], id)))
	if err != nil {
		return nil, err
	}
	whole := (lifetime + time.Second - 1).Truncate(time.Second) // RedisStore.getTTL rounds up
	if err := s.redis.Set(ctx, s.prefix+id, text, whole).Err(); err != nil {
		return nil, fmt.Errorf("storing a session in the app's Redis: %w", err)
	}
	return cookies, nil
}

// Decode reads what req.session would be.
func (s *expressSession) Decode(ctx context.Context, c Cookies, _ Times) (Data, error) {
	id, err := s.id(c)
	if err != nil {
		return nil, err
	}
	// GET, of no more than is read. What is missing is empty for both.
	text, err := s.redis.GetRange(ctx, s.prefix+id, 0, MaxUnpacked).Bytes()
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading a session from the app's Redis: %w", err)
	case len(text) == 0:
		return nil, foreign(errors.New("no session has this ID"))
	case len(text) > MaxUnpacked:
		return nil, foreign(fmt.Errorf("more than %d bytes of JSON", MaxUnpacked))
	}
	object, err := unmarshalJS(text)
	if err != nil {
		return nil, foreign(err)
	}
	if _, ok := object["cookie"].(map[string]any); !ok {
		return nil, foreign(errors.New(`stored without "cookie", and so not by express-session`))
	}
	delete(object, "cookie")
	jsDropInherited(object, expressOwn)
	return object, nil
}

// End removes a session from the app's Redis.
func (s *expressSession) End(ctx context.Context, c Cookies) error {
	id, err := s.id(c)
	if err != nil {
		return nil //nolint:nilerr // not a session: nothing to end
	}
	if err := s.redis.Del(ctx, s.prefix+id).Err(); err != nil {
		return fmt.Errorf("removing a session from the app's Redis: %w", err)
	}
	return nil
}

// id follows getcookie. No ID reaches Redis that the app has not signed.
func (s *expressSession) id(c Cookies) (string, error) {
	value, err := findCookie(c, s.cookie)
	if err != nil {
		return "", err
	}
	plain, err := url.PathUnescape(value)
	if err != nil || !utf8.ValidString(plain) || expressEscape(plain) != value {
		return "", foreign(errors.New("not as encodeURIComponent writes it"))
	}
	signed, ok := strings.CutPrefix(plain, expressScheme)
	id, _, dot := cutLast(signed, ".")
	if !ok || !dot || id == "" {
		return "", foreign(errUnsigned)
	}
	if !anyKey(s.keys, func(key []byte) bool { return hmac.Equal([]byte(signed), []byte(expressSign(key, id))) }) {
		return "", foreign(errUnsigned)
	}
	return id, nil
}

// expressID follows generateSessionId.
func expressID() string {
	var b [expressIDBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64URL.EncodeToString(b[:])
}

// expressSign follows exports.sign of cookie-signature.
func expressSign(key []byte, id string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id))
	return id + "." + strings.TrimRight(base64Std.EncodeToString(h.Sum(nil)), "=")
}

// expressEscape is encodeURIComponent.
func expressEscape(s string) string { return expressUnreserved.Replace(url.QueryEscape(s)) }

var expressUnreserved = strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")

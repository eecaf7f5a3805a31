package codec

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // G505: HMAC-SHA1 is the format
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"math"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// CookieSessionOptions are the options of a [NewCookieSession].
type CookieSessionOptions struct {
	// Cookie is the option name; "session" by default.
	Cookie string `toml:"-"`
	// Secrets are the option keys, or secret.
	Secrets []string `toml:"-"`
	// Digest is for an app that gives keys as a Keygrip of another algorithm: "sha1"
	// (default), "sha256" or "sha512".
	Digest string `toml:"digest"`
}

// NewCookieSession returns the codec of the npm package cookie-session 2.0 to 2.1
// (index.js): base64 of JSON.stringify, and beside it a cookie NAME.sig with what
// the packages cookies (index.js, 0.8 to 0.9) and keygrip (index.js, 1.1) sign, which
// is NAME=VALUE.
//
// The cookies have no time stamp: neither the app nor Decode can tell an old one.
// cookie-session 1 forgets members that begin with "_" when it writes.
//
// The library skips what is not base64 and takes the URL alphabet and quotes, too;
// here, what it would not have written itself is refused.
func NewCookieSession(o CookieSessionOptions) (Codec, error) {
	const noAge = time.Duration(math.MaxInt64)
	common := commonOptions{o.Cookie, o.Secrets, noAge}
	err := common.check("session", noAge)
	digest, known := cookieSessionDigests[o.Digest]
	if !known {
		err = errors.Join(err, &adapter.OptionError{
			Key: "digest", Problem: fmt.Sprintf(`%q; choose "sha1", "sha256" or "sha512", as the app's Keygrip has it`, o.Digest),
		})
	}
	if err != nil {
		return nil, err
	}
	return &cookieSession{common.cookie, common.derive(func(secret string) []byte { return []byte(secret) }), digest}, nil
}

var cookieSessionDigests = map[string]func() hash.Hash{"": sha1.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}

// cookieSessionOwn are the properties of Session.prototype, and _ctx.
var cookieSessionOwn = []string{"_ctx", "isChanged", "isNew", "isPopulated"}

type cookieSession struct {
	cookie string
	keys   [][]byte
	digest func() hash.Hash
}

// Names returns the session's cookie and that of its signature.
func (s *cookieSession) Names() []string { return []string{s.cookie, s.signature()} }

func (s *cookieSession) signature() string { return s.cookie + ".sig" }

// Encode signs a session.
func (s *cookieSession) Encode(_ context.Context, d Data, _ Times) (Cookies, error) {
	if err := jsRefuseInherited(d, cookieSessionOwn); err != nil {
		return nil, err
	}
	text, err := marshalJS(d)
	if err != nil {
		return nil, err
	}
	cookies, err := oneCookie(s.cookie, base64Std.EncodeToString(text))
	if err != nil {
		return nil, err
	}
	cookies[s.signature()] = s.sign(s.keys[0], cookies[s.cookie])
	return cookies, nil
}

// Decode reads what req.session would be.
func (s *cookieSession) Decode(_ context.Context, c Cookies, _ Times) (Data, error) {
	value, err := findCookie(c, s.cookie)
	if err != nil {
		return nil, err
	}
	signature, err := findCookie(c, s.signature())
	if err != nil {
		return nil, err
	}
	if !anyKey(s.keys, func(key []byte) bool { return hmac.Equal([]byte(signature), []byte(s.sign(key, value))) }) {
		return nil, foreign(errUnsigned)
	}
	text, err := decodeBase64(base64Std, value)
	if err != nil {
		return nil, foreign(err)
	}
	object, err := unmarshalJS(text)
	if err != nil {
		return nil, foreign(err)
	}
	jsDropInherited(object, cookieSessionOwn)
	return object, nil
}

// sign follows Keygrip.sign.
func (s *cookieSession) sign(key []byte, value string) string {
	h := hmac.New(s.digest, key)
	h.Write([]byte(s.cookie + "=" + value))
	return base64URL.EncodeToString(h.Sum(nil))
}

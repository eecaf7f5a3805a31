package codec

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// DjangoOptions are the options of a [NewDjango].
type DjangoOptions struct {
	// Cookie is SESSION_COOKIE_NAME; "sessionid" by default.
	Cookie string `toml:"-"`
	// Secrets are SECRET_KEY and, since Django 4.1, SECRET_KEY_FALLBACKS.
	Secrets []string `toml:"-"`
	// MaxAge is SESSION_COOKIE_AGE; two weeks by default.
	MaxAge time.Duration `toml:"-"`
	// Salt is for an app with a SESSION_ENGINE of its own that signs with another.
	Salt string `toml:"salt"`
}

// NewDjango returns the codec of Django's sessions in cookies, those of
// django/contrib/sessions/backends/signed_cookies.py of Django 3.1 to 5.2:
// signing.dumps of django/core/signing.py with compression, SHA-256 and
// JSONSerializer. Pickled sessions, and what Django before 3.1 signed with SHA-1, are
// foreign.
func NewDjango(o DjangoOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	if err := common.check("sessionid", djangoMaxAge); err != nil {
		return nil, err
	}
	salt := o.Salt
	if salt == "" {
		salt = "django.contrib.sessions.backends.signed_cookies"
	}
	return &django{common.cookie, newDjangoSigner(&common, salt), common.maxAge}, nil
}

const djangoMaxAge = 14 * 24 * time.Hour

type django struct {
	cookie string
	signer *djangoSigner
	maxAge time.Duration
}

// Names returns the session's cookie.
func (d *django) Names() []string { return []string{d.cookie} }

// Encode signs a session that is made now.
func (d *django) Encode(_ context.Context, data Data, t Times) (Cookies, error) {
	value, err := d.signer.dumps(data, t.Now)
	if err != nil {
		return nil, err
	}
	return oneCookie(d.cookie, value)
}

// Decode reads what SessionStore.load would give the app.
func (d *django) Decode(_ context.Context, c Cookies, t Times) (Data, error) {
	value, err := findCookie(c, d.cookie)
	if err != nil {
		return nil, err
	}
	data, at, err := d.signer.loads(value)
	if err != nil {
		return nil, foreign(err)
	}
	if t.Now.Sub(at) > d.maxAge {
		return nil, foreign(errExpired)
	}
	return data, nil
}

// DjangoAuthHash returns what a session's "_auth_user_hash" must be for a user whose
// password is hashed to this in the database: get_session_auth_hash of
// django/contrib/auth/base_user.py since Django 3.1. The secret is SECRET_KEY; the
// hash ends every session of a user who changes the password.
func DjangoAuthHash(secret, passwordColumn string) string {
	const salt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
	return hex.EncodeToString(djangoMAC(djangoKey(salt, secret), passwordColumn))
}

// djangoSigner is TimestampSigner of django/core/signing.py: value ":" time ":"
// signature.
type djangoSigner struct {
	keys   [][]byte // the first signs
	packer pyPacker
}

func newDjangoSigner(o *commonOptions, salt string) *djangoSigner {
	return &djangoSigner{keys: o.derive(func(secret string) []byte { return djangoKey(salt+"signer", secret) })}
}

// djangoKey and djangoMAC are salted_hmac of django/utils/crypto.py.
func djangoKey(salt, secret string) []byte {
	key := sha256.Sum256([]byte(salt + secret))
	return key[:]
}

func djangoMAC(key []byte, value string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(value))
	return h.Sum(nil)
}

func (s *djangoSigner) dumps(data Data, now time.Time) (string, error) {
	text, err := marshalJSON(data, jsonCompact)
	if err != nil {
		return "", err
	}
	payload, err := s.packer.pack(text)
	if err != nil {
		return "", err
	}
	return s.sign(payload, now)
}

func (s *djangoSigner) sign(payload string, now time.Time) (string, error) {
	at := now.Unix()
	if at < 0 {
		return "", errBefore1970
	}
	value := payload + ":" + djangoBase62(at)
	return value + ":" + base64URL.EncodeToString(djangoMAC(s.keys[0], value)), nil
}

// loads returns what was signed, and when.
func (s *djangoSigner) loads(signed string) (Data, time.Time, error) {
	value, mac, ok := cutLast(signed, ":")
	if !ok || !anyKey(s.keys, func(key []byte) bool {
		return hmac.Equal([]byte(mac), []byte(base64URL.EncodeToString(djangoMAC(key, value))))
	}) {
		return nil, time.Time{}, errUnsigned
	}
	payload, stamp, ok := cutLast(value, ":")
	if !ok {
		return nil, time.Time{}, errStamp
	}
	at, err := djangoUnbase62(stamp)
	if err != nil {
		return nil, time.Time{}, err
	}
	text, err := s.packer.unpack(payload)
	if err != nil {
		return nil, time.Time{}, err
	}
	// JSONSerializer writes ASCII, and reads other bytes as Latin-1.
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return nil, time.Time{}, errors.New("JSON that is not ASCII")
		}
	}
	object, err := unmarshalJSON(text)
	return object, time.Unix(at, 0), err
}

// djangoDigits are those of b62_encode of django/core/signing.py.
const djangoDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func djangoBase62(n int64) string {
	if n == 0 {
		return "0"
	}
	var text []byte
	for ; n > 0; n /= 62 {
		text = append([]byte{djangoDigits[n%62]}, text...)
	}
	return string(text)
}

// djangoUnbase62 reads times of which djangoBase62 writes the same text.
func djangoUnbase62(text string) (int64, error) {
	const room = 10 // digits that an int64 always has room for
	if text == "" || len(text) > room || (text[0] == '0' && text != "0") {
		return 0, errStamp
	}
	var n int64
	for i := range len(text) {
		digit := strings.IndexByte(djangoDigits, text[i])
		if digit < 0 {
			return 0, errStamp
		}
		n = n*62 + int64(digit)
	}
	return n, nil
}

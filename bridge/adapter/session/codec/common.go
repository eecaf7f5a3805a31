package codec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// commonOptions are the options that every codec has.
type commonOptions struct {
	cookie  string
	secrets []string
	maxAge  time.Duration
}

// check replaces what was not written by the framework's defaults.
func (o *commonOptions) check(cookie string, maxAge time.Duration) error {
	var errs []error
	problem := func(key, text string) {
		errs = append(errs, &adapter.OptionError{Key: key, Problem: text})
	}
	if o.cookie == "" {
		o.cookie = cookie
	}
	if strings.ContainsFunc(o.cookie, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	}) {
		problem("cookie", "not a cookie's name: letters, digits and -_.")
	}
	if len(o.secrets) == 0 {
		problem("secrets", "missing: the app's own secret is what sessions are signed with")
	}
	if slices.Contains(o.secrets, "") {
		problem("secrets", "empty: the framework signs nothing without a secret")
	}
	if o.maxAge == 0 {
		o.maxAge = maxAge
	}
	if o.maxAge < time.Minute { // itsdangerousSkew must be little of it
		problem("max_age", "shorter than a minute")
	}
	return errors.Join(errs...)
}

// derive returns the key of each secret.
func (o *commonOptions) derive(key func(secret string) []byte) [][]byte {
	keys := make([][]byte, len(o.secrets))
	for i, secret := range o.secrets {
		keys[i] = key(secret)
	}
	return keys
}

// oneCookie returns the one cookie of a session.
func oneCookie(name, value string) (Cookies, error) {
	if size := len(name) + 1 + len(value); size > maxCookie {
		return nil, fmt.Errorf("%w: %d bytes, of which browsers keep %d", ErrTooLarge, size, maxCookie)
	}
	return Cookies{name: value}, nil
}

// foreign wraps ErrForeign around why.
func foreign(why error) error { return fmt.Errorf("%w: %w", ErrForeign, why) }

// findCookie returns the cookie that has the session.
func findCookie(c Cookies, name string) (string, error) {
	value, ok := c[name]
	if !ok {
		return "", foreign(errors.New("no cookie of its name"))
	}
	if len(value) > MaxBytes {
		return "", foreign(fmt.Errorf("more than %d bytes", MaxBytes))
	}
	return value, nil
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(sep):], true
}

// anyKey tries every key, whichever of them fits.
func anyKey(keys [][]byte, fits func(key []byte) bool) bool {
	found := false
	for _, key := range keys {
		if fits(key) {
			found = true
		}
	}
	return found
}

// Why a cookie is not one of the app. All are wrapped in ErrForeign.
var (
	errUnsigned = errors.New("the signature is not of these secrets")
	errStamp    = errors.New("the time stamp is malformed")
	errExpired  = errors.New("the time stamp is too old")
	errFuture   = errors.New("the time stamp is of the future")
	errBase64   = errors.New("not base64")
)

// errBefore1970 is of Encode: such a time has no stamp.
var errBefore1970 = errors.New("the time is before 1970")

// The base64 of most formats. Another text for the same bytes is an error.
var (
	base64URL = base64.RawURLEncoding.Strict()
	base64Std = base64.StdEncoding.Strict()
)

// decodeBase64 decodes the one text that encoding has for its bytes.
func decodeBase64(encoding *base64.Encoding, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which package base64 skips
		return nil, errBase64
	}
	b, err := encoding.DecodeString(text)
	if err != nil {
		return nil, errBase64
	}
	return b, nil
}

// base64Escape escapes standard base64 for a cookie as Rack::Utils.escape and PHP's
// rawurlencode do.
func base64Escape(text string) string {
	return base64Escaper.Replace(text)
}

var (
	base64Escaper   = strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D")
	base64Unescaper = strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=")
)

// base64Unescape undoes base64Escape, and takes nothing else that a server might
// read as the same: a cookie is one text.
func base64Unescape(value string) (string, error) {
	text := base64Unescaper.Replace(value)
	if base64Escape(text) != value {
		return "", errors.New("not escaped as the framework does")
	}
	return text, nil
}

package codec

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // G505: HMAC-SHA1 is the format
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// itsdangerousSkew is how far the clocks of app and bridge may be apart. The library
// refuses stamps of the future (since 2.0), so those that are written are of a
// moment ago, or a bridge that is a millisecond ahead would now and then sign
// nobody in; and a stamp that the app wrote may be of the next moment.
const itsdangerousSkew = 10 * time.Second

// itsdangerousSigner is TimestampSigner of itsdangerous 2.0 to 2.2
// (src/itsdangerous/timed.py): value "." time "." signature. The library drops
// characters that are not base64's and takes either filling of spare bits; here,
// what it would not have written itself is refused.
type itsdangerousSigner struct {
	keys   [][]byte // the first signs
	maxAge time.Duration
}

func (s itsdangerousSigner) sign(value string, now time.Time) (string, error) {
	at := now.Add(-itsdangerousSkew).Unix()
	if at < 0 {
		return "", errPyTime
	}
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(at))
	value += "." + pyURL.EncodeToString(bytes.TrimLeft(stamp[:], "\x00"))
	return value + "." + pyURL.EncodeToString(itsdangerousMAC(s.keys[0], value)), nil
}

func (s itsdangerousSigner) unsign(signed string, now time.Time) (string, error) {
	value, text, ok := pyCutLast(signed, ".")
	if !ok {
		return "", errPyUnsigned
	}
	mac, err := pyDecode(pyURL, text)
	if err != nil {
		return "", errPyUnsigned
	}
	if !pyAny(s.keys, func(key []byte) bool { return hmac.Equal(mac, itsdangerousMAC(key, value)) }) {
		return "", errPyUnsigned
	}
	value, text, ok = pyCutLast(value, ".")
	if !ok {
		return "", errPyStamp
	}
	stamp, err := pyDecode(pyURL, text)
	if err != nil || len(stamp) > 8 || (len(stamp) > 0 && stamp[0] == 0) {
		return "", errPyStamp
	}
	var at [8]byte
	copy(at[8-len(stamp):], stamp)
	if at[0]&0x80 != 0 {
		return "", errPyStamp
	}
	age := now.Unix() - int64(binary.BigEndian.Uint64(at[:])) //nolint:gosec // G115: the sign's bit is clear
	if age > int64(s.maxAge/time.Second) {
		return "", errPyExpired
	}
	if age < -int64(itsdangerousSkew/time.Second) {
		return "", errPyFuture
	}
	return value, nil
}

func itsdangerousMAC(key []byte, value string) []byte {
	h := hmac.New(sha1.New, key)
	h.Write([]byte(value))
	return h.Sum(nil)
}

// Why a cookie is not one of the app. All are wrapped in ErrForeign.
var (
	errPyUnsigned = errors.New("the signature is not of these secrets")
	errPyStamp    = errors.New("the time stamp is malformed")
	errPyExpired  = errors.New("the time stamp is too old")
	errPyFuture   = errors.New("the time stamp is of the future")
	errPyBase64   = errors.New("not base64")
	errPyTime     = errors.New("the time is before 1970")
)

var (
	pyURL = base64.RawURLEncoding.Strict()
	pyStd = base64.StdEncoding.Strict()
)

// pyDecode decodes the one text that encoding has for its bytes.
func pyDecode(encoding *base64.Encoding, text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which package base64 skips
		return nil, errPyBase64
	}
	b, err := encoding.DecodeString(text)
	if err != nil {
		return nil, errPyBase64
	}
	return b, nil
}

// pyPacker keeps writers, of which each takes most of a megabyte.
type pyPacker struct{ writers sync.Pool }

// pack is what URLSafeSerializerMixin.dump_payload of itsdangerous and
// Signer.sign_object of Django make of JSON: base64url, or "." and that of its zlib
// stream where it is shorter.
func (p *pyPacker) pack(text []byte) (string, error) {
	if len(text) > MaxUnpacked {
		return "", fmt.Errorf("%w: %d bytes of JSON, of which %d are read", ErrTooLarge, len(text), MaxUnpacked)
	}
	var packed bytes.Buffer
	z, ok := p.writers.Get().(*zlib.Writer)
	if !ok {
		z = zlib.NewWriter(nil)
	}
	defer p.writers.Put(z)
	z.Reset(&packed)
	_, err := z.Write(text)
	if err := errors.Join(err, z.Close()); err != nil {
		return "", fmt.Errorf("compressing a session: %w", err)
	}
	if packed.Len() < len(text)-1 {
		return "." + pyURL.EncodeToString(packed.Bytes()), nil
	}
	return pyURL.EncodeToString(text), nil
}

// pyUnpack undoes pack, and never reads more than MaxUnpacked from a stream.
func pyUnpack(payload string) ([]byte, error) {
	payload, compressed := strings.CutPrefix(payload, ".")
	b, err := pyDecode(pyURL, payload)
	if err != nil || !compressed {
		return b, err
	}
	stream := bytes.NewReader(b) // an io.ByteReader, of which zlib reads no byte too many
	z, err := zlib.NewReader(stream)
	if err != nil {
		return nil, errors.New("not a zlib stream")
	}
	text, err := io.ReadAll(io.LimitReader(z, MaxUnpacked+1))
	switch {
	case err != nil:
		return nil, errors.New("a broken zlib stream")
	case len(text) > MaxUnpacked:
		return nil, fmt.Errorf("unpacks to more than %d bytes", MaxUnpacked)
	case stream.Len() > 0:
		return nil, errors.New("bytes after the zlib stream")
	}
	return text, nil
}

// pyCookie returns the one cookie of a session.
func pyCookie(name, value string) (Cookies, error) {
	if size := len(name) + 1 + len(value); size > maxCookie {
		return nil, fmt.Errorf("%w: %d bytes, of which browsers keep %d", ErrTooLarge, size, maxCookie)
	}
	return Cookies{name: value}, nil
}

// pyForeign wraps ErrForeign around why.
func pyForeign(why error) error { return fmt.Errorf("%w: %w", ErrForeign, why) }

// pyFind returns the cookie that has the session.
func pyFind(c Cookies, name string) (string, error) {
	value, ok := c[name]
	if !ok {
		return "", pyForeign(errors.New("no cookie of its name"))
	}
	if len(value) > MaxBytes {
		return "", pyForeign(fmt.Errorf("more than %d bytes", MaxBytes))
	}
	return value, nil
}

func pyCutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(sep):], true
}

// pyAny tries every key, whichever of them fits.
func pyAny(keys [][]byte, fits func(key []byte) bool) bool {
	found := false
	for _, key := range keys {
		if fits(key) {
			found = true
		}
	}
	return found
}

// pyCommon are the options that every codec has.
type pyCommon struct {
	cookie  string
	secrets []string
	maxAge  time.Duration
}

// check replaces what was not written by the framework's defaults.
func (o *pyCommon) check(cookie string, maxAge time.Duration) error {
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
func (o *pyCommon) derive(key func(secret string) []byte) [][]byte {
	keys := make([][]byte, len(o.secrets))
	for i, secret := range o.secrets {
		keys[i] = key(secret)
	}
	return keys
}

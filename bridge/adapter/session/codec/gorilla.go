package codec

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// GorillaOptions are the options of [NewGorilla].
type GorillaOptions struct {
	// Cookie is the name that the app gives to store.Get; it has no default. It is
	// part of what is signed.
	Cookie string `toml:"-"`
	// Secrets are the hash keys of the app's key pairs, in their order. The library
	// would take a key of one byte; it recommends 32 or 64.
	Secrets []string `toml:"-"`
	// BlockKeys are the block keys of the same pairs, 16, 24 or 32 bytes each. One that
	// is missing or empty: the pair signs, but does not encrypt.
	BlockKeys []string `toml:"-"`
	// MaxAge is what the app gives to store.MaxAge; 30 days by default. The MaxAge of
	// a session's Options says when browsers forget a cookie, and no more.
	MaxAge time.Duration `toml:"-"`
	// Serializer is "gob", which is what CookieStore uses, or "json", for an app that
	// hands securecookie's JSONEncoder an object of its own: CookieStore cannot use
	// that one, because JSON has no map[any]any.
	Serializer string `toml:"serializer"`
}

// NewGorilla returns the codec of gorilla/sessions' CookieStore (store.go, v1.4)
// over gorilla/securecookie (securecookie.go, v1.1), by these libraries.
//
// With gob, integers are written as int, and a list of only strings, integers,
// floats or booleans as a slice of these, as Go apps store them; other lists are
// []any, which gorilla/sessions registers. Lists in "_flash" are always []any, which
// Session.Flashes insists on. gob has no null, and it has objects only where the app
// registered their type: Encode refuses both, because an app that cannot read one
// value sees no session at all. For the same reason sessions in which the app keeps
// values of types that it registered itself are foreign to Decode.
//
// A time stamp of the future is as good as one of now, as in the library.
func NewGorilla(o GorillaOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	errs := []error{common.check("", 30*24*time.Hour)}
	problem := func(key, text string) {
		errs = append(errs, &adapter.OptionError{Key: key, Problem: text})
	}
	if o.Cookie == "" {
		problem("cookie", "missing: the name that the app gives to store.Get")
	}
	if o.Serializer != "" && o.Serializer != "gob" && o.Serializer != "json" {
		problem("serializer", `neither "gob" nor "json"`)
	}
	if len(o.BlockKeys) > len(o.Secrets) {
		problem("block_keys", "more than secrets: a block key belongs to the secret at the same place")
	}
	pairs := make([][]byte, 2*len(o.Secrets))
	for i, secret := range o.Secrets {
		pairs[2*i] = []byte(secret)
	}
	for i, key := range o.BlockKeys[:min(len(o.BlockKeys), len(o.Secrets))] {
		switch len(key) {
		case 0: // nil, which is no key; one of no bytes would be an error
		case 16, 24, 32:
			pairs[2*i+1] = []byte(key)
		default:
			problem(fmt.Sprintf("block_keys[%d]", i+1), "not 16, 24 or 32 bytes, which AES needs; perhaps it has to be decoded first")
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	g := &gorilla{cookie: common.cookie, maxAge: int64(common.maxAge / time.Second), json: o.Serializer == "json"}
	for i, codec := range sessions.NewCookieStore(pairs...).Codecs {
		g.keys = append(g.keys, g.key(codec.(*securecookie.SecureCookie), pairs[2*i]))
	}
	return g, nil
}

type gorilla struct {
	cookie string
	keys   []gorillaKey
	maxAge int64 // seconds
	json   bool
}

// gorillaKey is one pair of keys.
type gorillaKey struct {
	*securecookie.SecureCookie
	hash []byte
}

// key takes from the library what needs its clock, which is always the real one, and
// the limit of length, whose error it does not type.
func (g *gorilla) key(library *securecookie.SecureCookie, hash []byte) gorillaKey {
	library.MaxAge(0).MaxLength(0)
	if g.json {
		library.SetSerializer(securecookie.JSONEncoder{})
	}
	return gorillaKey{library, hash}
}

// Names returns the session's cookie.
func (g *gorilla) Names() []string { return []string{g.cookie} }

// Encode signs, and with a block key encrypts, a session that is made now.
func (g *gorilla) Encode(_ context.Context, d Data, t Times) (Cookies, error) {
	var values any
	if g.json {
		text, err := marshalJSON(d, jsonCompact)
		if err != nil {
			return nil, err
		}
		values = json.RawMessage(text)
	} else {
		var err error
		if values, err = gorillaValues(d); err != nil {
			return nil, err
		}
	}
	value, err := g.keys[0].Encode(g.cookie, values)
	if err != nil {
		return nil, errors.New("gob does not write this session") // its errors may quote values
	}
	if value, err = g.keys[0].stamp(g.cookie, value, t.Now); err != nil {
		return nil, err
	}
	return oneCookie(g.cookie, value)
}

// Decode reads what CookieStore would give the app.
func (g *gorilla) Decode(_ context.Context, c Cookies, t Times) (Data, error) {
	value, err := findCookie(c, g.cookie)
	if err != nil {
		return nil, err
	}
	if len(value) > maxCookie { // SecureCookie.maxLength, which is of the value alone
		return nil, foreign(fmt.Errorf("more than %d bytes", maxCookie))
	}
	raw, err := decodeBase64(gorillaBase64, value)
	if err != nil {
		return nil, foreign(err)
	}
	for _, key := range g.keys {
		var d Data
		if d, err = g.decode(key, value); err != nil {
			continue
		}
		if err := g.fresh(raw, t.Now); err != nil {
			return nil, err
		}
		return d, nil
	}
	return nil, foreign(err)
}

// decode is securecookie.DecodeMulti's step, with a target of its own for each key:
// gob fills part of it before it fails.
func (g *gorilla) decode(key gorillaKey, value string) (Data, error) {
	if g.json {
		var text json.RawMessage
		if err := key.Decode(g.cookie, value, &text); err != nil {
			return nil, errUnsigned
		}
		return unmarshalJSON(text)
	}
	var values map[any]any
	if err := key.Decode(g.cookie, value, &values); err != nil {
		return nil, errors.New("not signed with these secrets, or with values that only the app's types can hold")
	}
	return gorillaData(values)
}

// fresh is securecookie's check of MaxAge. A codec of the library checks against the
// real time only, and with MaxAge 0 not at all.
func (g *gorilla) fresh(raw []byte, now time.Time) error {
	digits, _, _ := bytes.Cut(raw, []byte("|"))
	stamp, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return foreign(errStamp)
	}
	if stamp < now.Unix()-g.maxAge {
		return foreign(errExpired)
	}
	return nil
}

// gorillaBase64 is strict where the library is not: a cookie is one text.
var gorillaBase64 = base64.URLEncoding.Strict()

// stamp gives a cookie that the library has just written the time that it shall be
// of: "time|payload|MAC of name|time|payload".
func (k gorillaKey) stamp(name, value string, now time.Time) (string, error) {
	raw, err := decodeBase64(gorillaBase64, value)
	parts := bytes.SplitN(raw, []byte("|"), 3)
	if err != nil || len(parts) != 3 {
		return "", errors.New("securecookie writes another format")
	}
	signed := fmt.Appendf(nil, "%d|%s", now.Unix(), parts[1])
	h := hmac.New(sha256.New, k.hash)
	h.Write([]byte(name + "|"))
	h.Write(signed)
	return gorillaBase64.EncodeToString(h.Sum(append(signed, '|'))), nil
}

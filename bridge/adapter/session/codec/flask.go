package codec

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// FlaskOptions are the options of a [NewFlask]. There are none that an app has
// beyond those of every format.
type FlaskOptions struct {
	// Cookie is SESSION_COOKIE_NAME; "session" by default.
	Cookie string `toml:"-"`
	// Secrets are SECRET_KEY and, since Flask 3.1, SECRET_KEY_FALLBACKS.
	Secrets []string `toml:"-"`
	// MaxAge is PERMANENT_SESSION_LIFETIME; 31 days by default. It holds for every
	// session, permanent or not.
	MaxAge time.Duration `toml:"-"`
}

// NewFlask returns the codec of Flask's own sessions, those of
// SecureCookieSessionInterface in src/flask/sessions.py of Flask 2.0 to 3.1:
// URLSafeTimedSerializer of itsdangerous (src/itsdangerous/url_safe.py and timed.py,
// 2.0 to 2.2) with the salt "cookie-session", HMAC-SHA1, and the tagged JSON of
// src/flask/json/tag.py.
//
// What JSON has no word for, Flask tags: {" t": [...]} is a tuple. Such values are
// for Decode the objects that tag.py writes, down to the members of a tuple. Encode
// gives nobody such a value: an object that looks like one it escapes, as Flask
// does, so that it is an object in the app too, and no claim becomes Markup.
//
// Stamps that Encode writes are ten seconds old, and Decode takes those that are up
// to ten seconds of the future: the clock that counts is the app's.
func NewFlask(o FlaskOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	if err := common.check("session", 31*24*time.Hour); err != nil {
		return nil, err
	}
	keys := common.derive(func(secret string) []byte {
		return itsdangerousMAC([]byte(secret), "cookie-session")
	})
	return &flask{cookie: common.cookie, signer: itsdangerousSigner{keys, common.maxAge}}, nil
}

type flask struct {
	cookie string
	signer itsdangerousSigner
	packer pyPacker
}

// Names returns the session's cookie.
func (f *flask) Names() []string { return []string{f.cookie} }

// Encode signs a session that is made now.
func (f *flask) Encode(_ context.Context, d Data, t Times) (Cookies, error) {
	text, err := marshalJSON(flaskTag(map[string]any(d), 1), jsonCompact)
	if err != nil {
		return nil, err
	}
	payload, err := f.packer.pack(text)
	if err != nil {
		return nil, err
	}
	value, err := f.signer.sign(payload, t.Now)
	if err != nil {
		return nil, err
	}
	return oneCookie(f.cookie, value)
}

// Decode reads what open_session would give the app.
func (f *flask) Decode(_ context.Context, c Cookies, t Times) (Data, error) {
	value, err := findCookie(c, f.cookie)
	if err != nil {
		return nil, err
	}
	payload, err := f.signer.unsign(value, t.Now)
	if err != nil {
		return nil, foreign(err)
	}
	text, err := f.packer.unpack(payload)
	if err != nil {
		return nil, foreign(err)
	}
	raw, err := unmarshalJSON(text)
	if err != nil {
		return nil, foreign(err)
	}
	if key, _, ok := flaskOnly(raw); ok && key != flaskDict && flaskKnows(key) {
		return nil, foreign(errors.New("a tagged value, but not a session"))
	}
	d, err := flaskUntag(raw)
	if err != nil {
		return nil, foreign(err)
	}
	return Data(d.(map[string]any)), nil
}

// flaskDict is the tag of TagDict: the one key of the object in it ends in "__" and
// would be taken for a tag without that.
const flaskDict = " di"

// flaskTag escapes the objects that would be taken for tagged values, including
// those of tags that an app added, which by convention start with a space.
func flaskTag(v any, depth int) any {
	if depth > MaxDepth { // marshalJSON refuses it
		return v
	}
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = flaskTag(v[i], depth+1)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, member := range v {
			object[key] = flaskTag(member, depth+1)
		}
		if key, member, ok := flaskOnly(object); ok && strings.HasPrefix(key, " ") {
			return map[string]any{flaskDict: map[string]any{key + "__": member}}
		}
		return object
	default:
		return v
	}
}

// flaskUntag undoes flaskTag and checks the tagged values that it lets be: Flask
// gives the app no session at all if it cannot read one.
func flaskUntag(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			var err error
			if v[i], err = flaskUntag(v[i]); err != nil {
				return nil, err
			}
		}
		return v, nil
	case map[string]any:
		for key, member := range v {
			var err error
			if key == flaskDict && len(v) == 1 {
				return flaskUnescape(member)
			}
			if v[key], err = flaskUntag(member); err != nil {
				return nil, err
			}
		}
		if key, member, ok := flaskOnly(v); ok && !flaskValid(key, member) {
			return nil, fmt.Errorf("a tagged value that Flask does not write: %q", key)
		}
		return v, nil
	default:
		return v, nil
	}
}

func flaskUnescape(v any) (any, error) {
	inner, _ := v.(map[string]any)
	key, member, ok := flaskOnly(inner)
	key, escaped := strings.CutSuffix(key, "__")
	if !ok || !escaped {
		return nil, errors.New("a tagged object that Flask does not write")
	}
	member, err := flaskUntag(member)
	return map[string]any{key: member}, err
}

// flaskOnly returns the one member of an object that has no other.
func flaskOnly(object map[string]any) (key string, member any, ok bool) {
	for key, member = range object {
		return key, member, len(object) == 1
	}
	return "", nil, false
}

// flaskKnows reports whether a key is a tag of TaggedJSONSerializer.default_tags.
func flaskKnows(key string) bool {
	switch key {
	case flaskDict, " t", " b", " m", " u", " d":
		return true
	}
	return false
}

// flaskValid reports whether {key: v} is plain, or what a default tag writes.
func flaskValid(key string, v any) bool {
	text, isText := v.(string)
	switch key {
	case " t": // tuple
		_, ok := v.([]any)
		return ok
	case " b": // bytes
		_, err := decodeBase64(base64Std, text)
		return isText && err == nil
	case " u": // UUID.hex
		return isText && len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
	case " m", " d": // Markup; datetime, of which parse_date takes any
		return isText
	}
	return true
}

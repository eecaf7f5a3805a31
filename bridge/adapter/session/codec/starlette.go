package codec

import (
	"context"
	"crypto/sha1" //nolint:gosec // G505: the format's key derivation
	"time"
)

// StarletteOptions are the options of a [NewStarlette]. There are none that an app
// has beyond those of every format.
type StarletteOptions struct {
	// Cookie is SessionMiddleware's session_cookie; "session" by default.
	Cookie string `toml:"-"`
	// Secrets are SessionMiddleware's secret_key, which knows no rotation; secrets
	// after the first are those of cookies from before it was changed.
	Secrets []string `toml:"-"`
	// MaxAge is SessionMiddleware's max_age; 14 days by default. For an app with None,
	// which never looks at the time, it is how long the bridge keeps a session.
	MaxAge time.Duration `toml:"-"`
}

// NewStarlette returns the codec of Starlette's sessions, and so of FastAPI's:
// SessionMiddleware in starlette/middleware/sessions.py of Starlette 0.13 to 0.47,
// which is json.dumps, standard base64, and itsdangerous' TimestampSigner as it is by
// default (src/itsdangerous/signer.py, 2.0 to 2.2: django-concat, SHA-1).
//
// Stamps that Encode writes are ten seconds old, and Decode takes those that are up
// to ten seconds of the future: the clock that counts is the app's.
func NewStarlette(o StarletteOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	if err := common.check("session", 14*24*time.Hour); err != nil {
		return nil, err
	}
	keys := common.derive(func(secret string) []byte {
		key := sha1.Sum([]byte("itsdangerous.Signer" + "signer" + secret)) //nolint:gosec // G401: see above
		return key[:]
	})
	return &starlette{common.cookie, itsdangerousSigner{keys, common.maxAge}}, nil
}

type starlette struct {
	cookie string
	signer itsdangerousSigner
}

// Names returns the session's cookie.
func (s *starlette) Names() []string { return []string{s.cookie} }

// Encode signs a session that is made now.
func (s *starlette) Encode(_ context.Context, d Data, t Times) (Cookies, error) {
	text, err := marshalJSON(d, jsonSpaced)
	if err != nil {
		return nil, err
	}
	value, err := s.signer.sign(base64Std.EncodeToString(text), t.Now)
	if err != nil {
		return nil, err
	}
	return oneCookie(s.cookie, value)
}

// Decode reads what the middleware would give the app.
func (s *starlette) Decode(_ context.Context, c Cookies, t Times) (Data, error) {
	value, err := findCookie(c, s.cookie)
	if err != nil {
		return nil, err
	}
	payload, err := s.signer.unsign(value, t.Now)
	if err != nil {
		return nil, foreign(err)
	}
	text, err := decodeBase64(base64Std, payload)
	if err != nil {
		return nil, foreign(err)
	}
	object, err := unmarshalJSON(text)
	if err != nil {
		return nil, foreign(err)
	}
	return object, nil
}

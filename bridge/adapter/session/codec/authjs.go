package codec

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// AuthJSOptions are the options of a [NewAuthJS] and a [NewNextAuth]. There are none
// that an app has beyond those of every format.
type AuthJSOptions struct {
	// Cookie is cookies.sessionToken.name. By default, it is the one that is used where
	// the app's own URL is https: "__Secure-authjs.session-token", or of NextAuth 4
	// "__Secure-next-auth.session-token".
	Cookie string `toml:"-"`
	// Secrets are AUTH_SECRET, of which NextAuth 4 has one, NEXTAUTH_SECRET.
	Secrets []string `toml:"-"`
	// MaxAge is session.maxAge; 30 days by default. It is how long a session lasts for
	// which Times says nothing.
	MaxAge time.Duration `toml:"-"`
}

// NewAuthJS returns the codec of the sessions of Auth.js 5 that are JWTs: encode and
// decode in packages/core/src/jwt.ts and SessionStore in
// packages/core/src/lib/utils/cookie.ts of @auth/core 0.32 to 0.41, on which are
// next-auth 5, @auth/express, @auth/sveltekit and the others. The cookie's name is the
// salt of the key: what is written for one name is nothing under another.
//
// Data is the token: sub, name, email and picture are who somebody is. Encode sets
// iat and exp, and jti if there is none; Decode returns them, too. Whenever the app is
// asked for the session, it writes the token anew with an exp of its own choice.
//
// The framework decrypts other spellings and members of the header than it writes,
// A256GCM, and tokens without exp; here, they are refused.
func NewAuthJS(o AuthJSOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	if err := common.check("__Secure-authjs.session-token", authJSMaxAge); err != nil {
		return nil, err
	}
	form := &authJSForm{
		enc: jose.A256CBC_HS512, keySize: 64, ivSize: 16, tagSize: 32, chunk: 4096 - 160,
		salt: common.cookie, info: "Auth.js Generated Encryption Key (" + common.cookie + ")", kid: true,
	}
	return newAuthJS(common, form)
}

// NewNextAuth returns the codec of the sessions of NextAuth.js 4 that are JWTs:
// packages/next-auth/src/jwt/index.ts and src/core/lib/cookie.ts of next-auth 4.10 to
// 4.24. What differs from [NewAuthJS] is the encryption; and one secret is all that
// the app has, so that a cookie of another is nothing to it.
func NewNextAuth(o AuthJSOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	err := common.check("__Secure-next-auth.session-token", authJSMaxAge)
	if len(o.Secrets) > 1 {
		err = errors.Join(err, &adapter.OptionError{Key: "secrets", Problem: "NextAuth 4 knows one secret, not several; name its own"})
	}
	if err != nil {
		return nil, err
	}
	form := &authJSForm{
		enc: jose.A256GCM, keySize: 32, ivSize: 12, tagSize: 16, chunk: 4096 - 163,
		info: "NextAuth.js Generated Encryption Key",
	}
	return newAuthJS(common, form)
}

const (
	authJSMaxAge = 30 * 24 * time.Hour
	// authJSSkew is the clockTolerance of decode, in seconds.
	authJSSkew = 15
)

// authJSForm is what tells the versions apart.
type authJSForm struct {
	enc                      jose.ContentEncryption
	keySize, ivSize, tagSize int
	salt, info               string // of HKDF-SHA256
	kid                      bool   // the header names its key
	chunk                    int    // CHUNK_SIZE
}

type authJS struct {
	*authJSForm
	cookie string
	maxAge time.Duration
	keys   []authJSKey // the first encrypts
}

type authJSKey struct {
	secret []byte
	id     string
	header string // the one protected header, encoded
}

func newAuthJS(common commonOptions, form *authJSForm) (Codec, error) {
	a := &authJS{authJSForm: form, cookie: common.cookie, maxAge: common.maxAge}
	for _, secret := range common.secrets {
		key, err := form.key(secret)
		if err != nil {
			return nil, err
		}
		a.keys = append(a.keys, key)
	}
	return a, nil
}

// key follows getDerivedEncryptionKey, and calculateJwkThumbprint of RFC 7638 for the
// key's ID.
func (f *authJSForm) key(secret string) (authJSKey, error) {
	derived, err := hkdf.Key(sha256.New, []byte(secret), []byte(f.salt), f.info, f.keySize)
	if err != nil {
		return authJSKey{}, fmt.Errorf("deriving the key of sessions: %w", err)
	}
	if !f.kid {
		header := fmt.Sprintf(`{"alg":"dir","enc":"%s"}`, f.enc)
		return authJSKey{secret: derived, header: base64URL.EncodeToString([]byte(header))}, nil
	}
	thumbprint := sha512.Sum512([]byte(`{"k":"` + base64URL.EncodeToString(derived) + `","kty":"oct"}`))
	id := base64URL.EncodeToString(thumbprint[:])
	header := fmt.Sprintf(`{"alg":"dir","enc":"%s","kid":"%s"}`, f.enc, id)
	return authJSKey{derived, id, base64URL.EncodeToString([]byte(header))}, nil
}

// Names returns the session's cookie. A long session is in chunks instead, whose
// names begin with it.
func (a *authJS) Names() []string { return []string{a.cookie} }

// OwnsCookie follows SessionStore, which takes every cookie for a part of the session
// whose name begins like it.
func (a *authJS) OwnsCookie(name string) bool { return strings.HasPrefix(name, a.cookie) }

// Encode encrypts a token that is issued now.
func (a *authJS) Encode(_ context.Context, d Data, t Times) (Cookies, error) {
	claims := maps.Clone(map[string]any(d))
	if claims == nil {
		claims = map[string]any{}
	}
	expires := t.Expires
	if expires.IsZero() {
		expires = t.Now.Add(a.maxAge)
	}
	claims["iat"], claims["exp"] = t.Now.Unix(), expires.Unix()
	if _, ok := claims["jti"]; !ok {
		claims["jti"] = authJSID()
	}
	text, err := marshalJS(claims)
	if err != nil {
		return nil, err
	}
	token, err := a.encrypt(text)
	if err != nil {
		return nil, err
	}
	return a.split(token)
}

// Decode reads what the callback jwt would be given as its token.
func (a *authJS) Decode(_ context.Context, c Cookies, t Times) (Data, error) {
	token, err := a.join(c)
	if err != nil {
		return nil, foreign(err)
	}
	text, err := a.decrypt(token)
	if err != nil {
		return nil, foreign(err)
	}
	claims, err := unmarshalJS(text)
	if err != nil {
		return nil, foreign(err)
	}
	if err := authJSCheck(claims, t.Now); err != nil {
		return nil, foreign(err)
	}
	return claims, nil
}

func (a *authJS) encrypt(text []byte) (string, error) {
	key := a.keys[0]
	encrypter, err := jose.NewEncrypter(a.enc, jose.Recipient{Algorithm: jose.DIRECT, Key: key.secret, KeyID: key.id}, nil)
	if err != nil {
		return "", fmt.Errorf("encrypting a session: %w", err)
	}
	object, err := encrypter.Encrypt(text)
	if err != nil {
		return "", fmt.Errorf("encrypting a session: %w", err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("encrypting a session: %w", err)
	}
	return token, nil
}

// decrypt takes one header per key and no other, so that there is no algorithm, no
// compression and no extension to choose from, before the library sees a token.
func (a *authJS) decrypt(token string) ([]byte, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 5 || parts[1] != "" { // with "dir", there is no encrypted key
		return nil, errors.New("not a JWE in its compact form")
	}
	i := slices.IndexFunc(a.keys, func(key authJSKey) bool { return key.header == parts[0] })
	if i < 0 {
		return nil, errors.New("not the header of a key of these secrets")
	}
	const anySize = -1
	for j, size := range []int{a.ivSize, anySize, a.tagSize} {
		b, err := decodeBase64(base64URL, parts[2+j])
		if err != nil {
			return nil, err
		}
		if size != anySize && len(b) != size {
			return nil, errors.New("a part of another size than its algorithm's")
		}
	}
	object, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{a.enc})
	if err != nil {
		return nil, errAuthJSUnread
	}
	text, err := object.Decrypt(a.keys[i].secret)
	if err != nil {
		return nil, errAuthJSUnread
	}
	return text, nil
}

// errAuthJSUnread stands for the library's errors, which quote what they are about.
var errAuthJSUnread = errors.New("not encrypted with these secrets for a cookie of this name")

// split follows SessionStore.chunk.
func (a *authJS) split(token string) (Cookies, error) {
	if len(token) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, of which %d are read", ErrTooLarge, len(token), MaxBytes)
	}
	if len(token) <= a.chunk {
		return oneCookie(a.cookie, token)
	}
	cookies := Cookies{}
	for i := 0; token != ""; i++ {
		size := min(a.chunk, len(token))
		chunk, err := oneCookie(a.chunkName(i), token[:size])
		if err != nil {
			return nil, err
		}
		maps.Copy(cookies, chunk)
		token = token[size:]
	}
	return cookies, nil
}

// join undoes split, for chunks of any size. The framework joins whatever there is, in
// an order of its own; if anything else is there, it is no session to either.
func (a *authJS) join(c Cookies) (string, error) {
	parts, size := 0, 0
	for name, value := range c {
		if a.OwnsCookie(name) && value != "" {
			parts++
			size += len(value)
		}
	}
	if size > MaxBytes {
		return "", fmt.Errorf("more than %d bytes", MaxBytes)
	}
	if value := c[a.cookie]; value != "" && parts == 1 {
		return value, nil
	}
	var token strings.Builder
	for i := range parts {
		chunk := c[a.chunkName(i)]
		if chunk == "" {
			return "", errors.New("chunks of more than one session, or not all")
		}
		token.WriteString(chunk)
	}
	if parts == 0 {
		return "", errors.New("no cookie of its name")
	}
	return token.String(), nil
}

func (a *authJS) chunkName(i int) string { return fmt.Sprintf("%s.%d", a.cookie, i) }

// authJSCheck follows jwtDecrypt of the npm package jose with clockTolerance: 15
// (src/lib/jwt_claims_set.ts).
func authJSCheck(claims map[string]any, now time.Time) error {
	at := map[string]float64{}
	for _, name := range []string{"exp", "iat", "nbf"} {
		switch v := claims[name].(type) {
		case int64:
			at[name] = float64(v)
		case float64:
			at[name] = v
		default:
			if _, ok := claims[name]; ok {
				return fmt.Errorf("%s is not a time", name)
			}
		}
	}
	if at["exp"] <= float64(now.Unix()-authJSSkew) {
		return errors.New("expired, or without exp")
	}
	if at["nbf"] > float64(now.Unix()+authJSSkew) {
		return errors.New("not valid yet")
	}
	return nil
}

// authJSID is crypto.randomUUID().
func authJSID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])                      // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

package codec

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // G505: the format's key derivation until 7.0
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// RailsOptions are the options of [NewRails].
type RailsOptions struct {
	// Cookie is the key of session_store, such as "_myapp_session"; it has no default.
	Cookie string `toml:"-"`
	// Secrets are secret_key_base, as text, and the former ones that the app reads by
	// cookies_rotations.
	Secrets []string `toml:"-"`
	// MaxAge is session_store's expire_after; by default there is none, as in Rails.
	// It is how long a session lasts that Encode is told no end of.
	MaxAge time.Duration `toml:"-"`
	// Version is what the app's config.load_defaults says: "6.0" and "6.1" derive keys
	// by SHA-1 (key_generator_hash_digest_class), "7.0", "7.1", "7.2", "8.0" and "8.1"
	// by SHA-256, which is the default.
	Version string `toml:"version"`
}

// NewRails returns the codec of Rails' encrypted session cookies:
// ActionDispatch::Session::CookieStore over EncryptedKeyRotatingCookieJar
// (actionpack, action_dispatch/middleware/session/cookie_store.rb and cookies.rb) and
// ActiveSupport::MessageEncryptor with AES-256-GCM (activesupport,
// message_encryptor.rb and messages/metadata.rb), Rails 6.1 to 8.1.
//
// All of these versions wrap a session the same way: the jar's NullSerializer keeps
// cookies in the older envelope, {"_rails":{"message":…,"exp":…,"pur":…}}, also where
// use_message_serializer_for_metadata is set, as it is since 7.1.
//
// Sessions are JSON (cookies_serializer :json or :hybrid); what an app still has in
// Marshal is foreign. So are cookies without a purpose, which apps wrote before
// use_cookies_with_metadata (load_defaults 6.0): Rails takes them under any name.
//
// Encode adds the session_id that Rails gives every session. A null that is not inside
// another value is gone once the app has written the session.
func NewRails(o RailsOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	errs := []error{common.check("", time.Hour)}
	if o.Cookie == "" {
		errs = append(errs, &adapter.OptionError{Key: "cookie", Problem: "missing: the key that the app gives to session_store"})
	}
	digest, err := railsDigest(o.Version)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	r := &rails{cookie: common.cookie, maxAge: o.MaxAge}
	for _, secret := range o.Secrets {
		key, err := railsKey(digest, secret)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, key)
	}
	return r, nil
}

func railsDigest(version string) (func() hash.Hash, error) {
	switch version {
	case "6.0", "6.1":
		return sha1.New, nil
	case "", "7.0", "7.1", "7.2", "8.0", "8.1":
		return sha256.New, nil
	default:
		return nil, &adapter.OptionError{
			Key:     "version",
			Problem: `no version that is known here: what config.load_defaults says in config/application.rb, such as "7.1"`,
		}
	}
}

// railsKey is key_generator.generate_key of Rails::Application#key_generator and
// authenticated_encrypted_cookie_salt.
func railsKey(digest func() hash.Hash, secret string) (cipher.AEAD, error) {
	const iterations, keyLen = 1000, 32
	key, err := pbkdf2.Key(digest, secret, []byte("authenticated encrypted cookie"), iterations, keyLen)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of Rails cookies: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

type rails struct {
	cookie string
	keys   []cipher.AEAD
	maxAge time.Duration // 0: none
}

// railsEnvelope is ActiveSupport::Messages::Metadata, in the order that Rails 7.1 and
// later insist on.
type railsEnvelope struct {
	Rails struct {
		Message string  `json:"message"`
		Expires *string `json:"exp"`
		Purpose string  `json:"pur"`
	} `json:"_rails"`
}

// railsEnvelopeStart is by what Rails tells an envelope.
const railsEnvelopeStart = `{"_rails":{"message":`

// railsTime is Time#iso8601(3).
const railsTime = "2006-01-02T15:04:05.000Z07:00"

// Names returns the session's cookie.
func (r *rails) Names() []string { return []string{r.cookie} }

// Encode encrypts a session that ends at t.Expires. The app's own answers carry
// sessions on without that end, unless it has expire_after.
func (r *rails) Encode(_ context.Context, d Data, t Times) (Cookies, error) {
	session := map[string]any{"session_id": railsSessionID()}
	maps.Copy(session, d)
	text, err := marshalJSON(session, jsonCompact)
	if err != nil {
		return nil, err
	}
	var e railsEnvelope
	e.Rails.Message = base64Std.EncodeToString(text)
	e.Rails.Purpose = "cookie." + r.cookie
	if t.Expires.IsZero() && r.maxAge > 0 {
		t.Expires = t.Now.Add(r.maxAge)
	}
	if !t.Expires.IsZero() {
		expires := t.Expires.UTC().Format(railsTime)
		e.Rails.Expires = &expires
	}
	plain, err := json.Marshal(&e)
	if err != nil {
		return nil, fmt.Errorf("wrapping a session: %w", err)
	}
	return oneCookie(r.cookie, base64Escape(railsSeal(r.keys[0], plain)))
}

// Decode reads what the jar would give the app.
func (r *rails) Decode(_ context.Context, c Cookies, t Times) (Data, error) {
	value, err := findCookie(c, r.cookie)
	if err != nil {
		return nil, err
	}
	plain, err := r.open(value)
	if err != nil {
		return nil, foreign(err)
	}
	text, err := r.unwrap(plain, t.Now)
	if err != nil {
		return nil, foreign(err)
	}
	d, err := unmarshalJSON(text)
	if err != nil {
		return nil, foreign(err)
	}
	return d, nil
}

// unwrap is Metadata's extract_from_metadata_envelope for this cookie's purpose.
func (r *rails) unwrap(plain []byte, now time.Time) ([]byte, error) {
	var e railsEnvelope
	if !strings.HasPrefix(string(plain), railsEnvelopeStart) ||
		json.Unmarshal(plain, &e, json.RejectUnknownMembers(true)) != nil {
		return nil, errors.New("not in the envelope that Rails writes")
	}
	if e.Rails.Purpose != "cookie."+r.cookie {
		return nil, errors.New("another cookie's value")
	}
	if e.Rails.Expires != nil {
		expires, err := time.Parse(time.RFC3339, *e.Rails.Expires)
		if err != nil {
			return nil, errors.New("the end of the session is malformed")
		}
		if !now.Before(expires) {
			return nil, errors.New("the session has ended")
		}
	}
	return decodeBase64(base64Std, e.Rails.Message)
}

// railsSeparator is MessageEncryptor::SEPARATOR, which is not in base64.
const railsSeparator = "--"

func railsSeal(key cipher.AEAD, plain []byte) string {
	nonce := make([]byte, key.NonceSize())
	_, _ = rand.Read(nonce) // never fails, by its contract
	sealed := key.Seal(nil, nonce, plain, nil)
	text, tag := sealed[:len(plain)], sealed[len(plain):]
	return base64Std.EncodeToString(text) + railsSeparator + base64Std.EncodeToString(nonce) + railsSeparator + base64Std.EncodeToString(tag)
}

func (r *rails) open(value string) ([]byte, error) {
	value, err := base64Unescape(value)
	if err != nil {
		return nil, err
	}
	encoded := strings.Split(value, railsSeparator)
	if len(encoded) != 3 {
		return nil, errors.New("not the three parts of an encrypted cookie")
	}
	var parts [3][]byte
	for i := range parts {
		if parts[i], err = decodeBase64(base64Std, encoded[i]); err != nil {
			return nil, err
		}
	}
	text, nonce, tag := parts[0], parts[1], parts[2]
	for _, key := range r.keys {
		// A tag of another length would be a second way to write the same cookie.
		if len(nonce) != key.NonceSize() || len(tag) != key.Overhead() {
			return nil, errors.New("a nonce or tag of the wrong length")
		}
		if plain, err := key.Open(nil, nonce, slices.Concat(text, tag), nil); err == nil {
			return plain, nil
		}
	}
	return nil, errors.New("not encrypted with these secrets")
}

// railsSessionID is generate_sid of Rack::Session::Abstract::Persisted.
func railsSessionID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails, by its contract
	return hex.EncodeToString(id)
}

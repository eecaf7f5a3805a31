package codec

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // G505: the format's binding of cookies to names
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// LaravelOptions are the options of [NewLaravel].
type LaravelOptions struct {
	// Cookie is the session configuration's cookie; "laravel_session" by default,
	// which is what it is in an app that has no name.
	Cookie string `toml:"-"`
	// Secrets are APP_KEY, as it stands there ("base64:…"), and, since Laravel 11, the
	// members of APP_PREVIOUS_KEYS.
	Secrets []string `toml:"-"`
	// MaxAge is the session configuration's lifetime; two hours by default. It is how
	// long a session lasts that Encode is told no end of.
	MaxAge time.Duration `toml:"-"`
	// Cipher is the app configuration's cipher: "AES-256-CBC", which is the default,
	// "AES-128-CBC", "AES-256-GCM" or "AES-128-GCM".
	Cipher string `toml:"cipher"`
	// Encrypt is the session configuration's encrypt.
	Encrypt bool `toml:"encrypt"`
	// Serialization is the session configuration's: "php", which is the default, or
	// "json", which there is since Laravel 9.
	Serialization string `toml:"serialization"`
}

// NewLaravel returns the codec of Laravel's sessions with the driver "cookie":
// Illuminate's EncryptCookies and CookieValuePrefix (Cookie/), Encrypter
// (Encryption/), Store, EncryptedStore and CookieSessionHandler (Session/), Laravel 8
// to 13.
//
// A session is two cookies: Cookie has its ID, and the one that is named by the ID has
// the rest. Of an object in it, such as the ViewErrorBag that withErrors flashes, only
// what it holds is read. Sessions with what else only PHP can hold are foreign.
//
// PHP has one kind of array. An empty object, and one whose keys are "0", "1", "2"
// and so on, is a list when it is read again; with "json", once the app has written
// the session, and a float without a fraction is then an integer.
//
// Encode adds the _token that Laravel gives every session, against forged requests.
func NewLaravel(o LaravelOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	errs := []error{common.check("laravel_session", 2*time.Hour)}
	if strings.Contains(common.cookie, ".") {
		errs = append(errs, &adapter.OptionError{Key: "cookie", Problem: `has a ".", which PHP replaces by "_" in what it reads`})
	}
	if o.Serialization != "" && o.Serialization != "php" && o.Serialization != "json" {
		errs = append(errs, &adapter.OptionError{Key: "serialization", Problem: `neither "php" nor "json"`})
	}
	crypt, err := newLaravelCrypt(o.Cipher, o.Secrets)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return &laravel{common.cookie, crypt, common.maxAge, o.Encrypt, o.Serialization == "json"}, nil
}

type laravel struct {
	cookie  string
	crypt   laravelCrypt
	maxAge  time.Duration
	encrypt bool
	json    bool
}

var _ Owner = (*laravel)(nil)

// laravelSession is what CookieSessionHandler writes.
type laravelSession struct {
	Data    string `json:"data"`
	Expires int64  `json:"expires"`
}

// Names returns the cookie that has the session's ID.
func (l *laravel) Names() []string { return []string{l.cookie} }

// OwnsCookie also takes those that are named like an ID.
func (l *laravel) OwnsCookie(name string) bool { return name == l.cookie || laravelIsID(name) }

// laravelIsID is Store::isValidId.
func laravelIsID(id string) bool {
	return len(id) == 40 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// laravelRandom returns 40 characters, with 200 random bits.
func laravelRandom() string { return rand.Text() + rand.Text()[:14] }

// Encode encrypts a session that ends at t.Expires, under a new ID. The app's own
// answers carry sessions on for its lifetime.
func (l *laravel) Encode(_ context.Context, d Data, t Times) (Cookies, error) {
	attributes := map[string]any{"_token": laravelRandom()}
	maps.Copy(attributes, d)
	text, err := l.store(attributes)
	if err != nil {
		return nil, err
	}
	if t.Expires.IsZero() {
		t.Expires = t.Now.Add(l.maxAge)
	}
	session, err := json.Marshal(laravelSession{text, t.Expires.Unix()})
	if err != nil {
		return nil, fmt.Errorf("wrapping a session: %w", err)
	}
	id := laravelRandom()
	cookies, err := oneCookie(id, l.seal(id, session))
	if err != nil {
		return nil, err
	}
	named, err := oneCookie(l.cookie, l.seal(l.cookie, []byte(id)))
	maps.Copy(cookies, named)
	return cookies, err
}

// Decode reads what Store would give the app. Cookies that are named by other IDs are
// left from the app's earlier sessions.
func (l *laravel) Decode(_ context.Context, c Cookies, t Times) (Data, error) {
	id, err := l.open(c, l.cookie)
	if err != nil {
		return nil, err
	}
	if !laravelIsID(string(id)) {
		return nil, foreign(errors.New("not the ID of a session"))
	}
	text, err := l.open(c, string(id))
	if err != nil {
		return nil, err
	}
	session := laravelSession{Expires: -1}
	if json.Unmarshal(text, &session, json.RejectUnknownMembers(true)) != nil {
		return nil, foreign(errors.New("not what CookieSessionHandler writes"))
	}
	if t.Now.Unix() > session.Expires {
		return nil, foreign(errors.New("the session has ended"))
	}
	d, err := l.load(session.Data)
	if err != nil {
		return nil, foreign(err)
	}
	return d, nil
}

// store is what Store and EncryptedStore give a handler.
func (l *laravel) store(attributes map[string]any) (string, error) {
	var text []byte
	var err error
	if l.json {
		text, err = marshalJSON(attributes, jsonCompact)
	} else {
		text, err = phpSerialize(attributes)
	}
	if err != nil || !l.encrypt {
		return string(text), err
	}
	return l.crypt.seal(fmt.Appendf(nil, `s:%d:"%s";`, len(text), text)), nil
}

// load undoes store.
func (l *laravel) load(data string) (Data, error) {
	if l.encrypt {
		plain, _, err := l.crypt.open(data)
		if err != nil {
			return nil, err
		}
		if data, err = phpUnserializeText(plain); err != nil {
			return nil, err
		}
	}
	if l.json {
		return unmarshalJSON([]byte(data))
	}
	return phpUnserialize([]byte(data))
}

// seal is EncryptCookies::encrypt for one cookie.
func (l *laravel) seal(name string, value []byte) string {
	return base64Escape(l.crypt.seal(append([]byte(laravelPrefix(name, l.crypt.keys[0])), value...)))
}

// open is EncryptCookies::decrypt for one cookie.
func (l *laravel) open(c Cookies, name string) ([]byte, error) {
	value, err := findCookie(c, name)
	if err != nil {
		return nil, err
	}
	text, err := base64Unescape(value)
	if err != nil {
		return nil, foreign(err)
	}
	plain, key, err := l.crypt.open(text)
	if err != nil {
		return nil, foreign(err)
	}
	prefix := laravelPrefix(name, key)
	if len(plain) < len(prefix) || !hmac.Equal(plain[:len(prefix)], []byte(prefix)) {
		return nil, foreign(errors.New("another cookie's value"))
	}
	return plain[len(prefix):], nil
}

// laravelPrefix is CookieValuePrefix::create.
func laravelPrefix(name string, key laravelKey) string {
	h := hmac.New(sha1.New, key.raw)
	h.Write([]byte(name + "v2"))
	return hex.EncodeToString(h.Sum(nil)) + "|"
}

// laravelParseKey is EncryptionServiceProvider::parseKey.
func laravelParseKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, "base64:")
	if !ok {
		return []byte(secret), nil
	}
	return base64.StdEncoding.DecodeString(encoded)
}

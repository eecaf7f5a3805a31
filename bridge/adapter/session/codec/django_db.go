package codec

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// The databases of [DjangoDBOptions].
const (
	DialectPostgres = "postgres"
	DialectMySQL    = "mysql" // and MariaDB
)

// DjangoDBOptions are the options of a [NewDjangoDB].
type DjangoDBOptions struct {
	// Cookie is SESSION_COOKIE_NAME; "sessionid" by default.
	Cookie string `toml:"-"`
	// Secrets are SECRET_KEY and, since Django 4.1, SECRET_KEY_FALLBACKS.
	Secrets []string `toml:"-"`
	// MaxAge is SESSION_COOKIE_AGE; two weeks by default. It is how long a session
	// lasts for which Times says nothing.
	MaxAge time.Duration `toml:"-"`
	// DB is the app's database, or one that has its table django_session. MySQL keeps
	// times without a zone: if the app has USE_TZ = False, the connection's loc must
	// be its TIME_ZONE.
	DB *sql.DB `toml:"-"`
	// Dialect is DialectPostgres or DialectMySQL.
	Dialect string `toml:"dialect"`
	// Salt is for an app whose SESSION_ENGINE has a SessionStore of another name:
	// "django.contrib.sessions.NAME".
	Salt string `toml:"salt"`
}

// NewDjangoDB returns the codec of Django's sessions in a database, its default:
// django/contrib/sessions/backends/db.py of Django 3.1 to 5.2, with the encoding of
// backends/base.py (signing.dumps with compression, SHA-256 and JSONSerializer). An
// app with cached_db reads such sessions too, but has one that was ended until its
// cache forgets it.
//
// Sessions end when their row says so; Django does not look at the time stamp in
// them.
func NewDjangoDB(o DjangoDBOptions) (Codec, error) {
	common := commonOptions{o.Cookie, o.Secrets, o.MaxAge}
	errs := []error{common.check("sessionid", djangoMaxAge)}
	queries, ok := djangoQueriesOf(o.Dialect)
	if !ok {
		errs = append(errs, &adapter.OptionError{Key: "dialect", Problem: fmt.Sprintf(
			"%q; want %q, or %q for MySQL and MariaDB", o.Dialect, DialectPostgres, DialectMySQL)})
	}
	if o.DB == nil {
		errs = append(errs, errors.New("no database"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	salt := o.Salt
	if salt == "" {
		salt = "django.contrib.sessions.SessionStore"
	}
	return &djangoDB{
		cookie: common.cookie, signer: newDjangoSigner(&common, salt), maxAge: common.maxAge,
		db: o.DB, queries: queries,
	}, nil
}

type djangoDB struct {
	cookie  string
	signer  *djangoSigner
	maxAge  time.Duration
	db      *sql.DB
	queries djangoQueries
}

var _ Ender = (*djangoDB)(nil)

type djangoQueries struct{ insert, load, end string }

// djangoQueriesOf returns what Django's own model does, by its default
// Meta.db_table. The size is judged before a row is fetched.
func djangoQueriesOf(dialect string) (djangoQueries, bool) {
	switch dialect {
	case DialectPostgres:
		return djangoQueries{
			insert: `INSERT INTO django_session (session_key, session_data, expire_date) VALUES ($1, $2, $3)`,
			load: `SELECT session_data FROM django_session
				WHERE session_key = $1 AND expire_date > $2 AND octet_length(session_data) <= $3`,
			end: `DELETE FROM django_session WHERE session_key = $1`,
		}, true
	case DialectMySQL:
		return djangoQueries{
			insert: `INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)`,
			load: `SELECT session_data FROM django_session
				WHERE session_key = ? AND expire_date > ? AND octet_length(session_data) <= ?`,
			end: `DELETE FROM django_session WHERE session_key = ?`,
		}, true
	}
	return djangoQueries{}, false
}

// Names returns the session's cookie.
func (d *djangoDB) Names() []string { return []string{d.cookie} }

// Encode adds a session to the app's database.
func (d *djangoDB) Encode(ctx context.Context, data Data, t Times) (Cookies, error) {
	text, err := d.signer.dumps(data, t.Now)
	if err != nil {
		return nil, err
	}
	if len(text) > MaxUnpacked {
		return nil, fmt.Errorf("%w: %d bytes, of which %d are read", ErrTooLarge, len(text), MaxUnpacked)
	}
	key, err := djangoNewKey()
	if err != nil {
		return nil, err
	}
	expires := t.Expires
	if expires.IsZero() {
		expires = t.Now.Add(d.maxAge)
	}
	if _, err := d.db.ExecContext(ctx, d.queries.insert, key, text, expires); err != nil {
		return nil, fmt.Errorf("adding a row to django_session: %w", err)
	}
	return Cookies{d.cookie: key}, nil
}

// Decode reads what SessionStore.load would give the app.
func (d *djangoDB) Decode(ctx context.Context, c Cookies, t Times) (Data, error) {
	key, err := d.key(c)
	if err != nil {
		return nil, err
	}
	var text string
	err = d.db.QueryRowContext(ctx, d.queries.load, key, t.Now, MaxUnpacked).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, foreign(errors.New("not in django_session, or expired"))
	}
	if err != nil {
		return nil, fmt.Errorf("reading from django_session: %w", err)
	}
	data, _, err := d.signer.loads(text)
	if err != nil {
		return nil, foreign(err)
	}
	return data, nil
}

// End removes the session's row.
func (d *djangoDB) End(ctx context.Context, c Cookies) error {
	key, err := d.key(c)
	if err != nil {
		return nil //nolint:nilerr // no session of the app, so nothing to end
	}
	if _, err := d.db.ExecContext(ctx, d.queries.end, key); err != nil {
		return fmt.Errorf("removing a row from django_session: %w", err)
	}
	return nil
}

// The keys of _get_new_session_key in backends/base.py. A database that compares
// text without regard to case is never asked for another.
const (
	djangoKeyChars = "abcdefghijklmnopqrstuvwxyz0123456789"
	djangoKeySize  = 32
)

func (d *djangoDB) key(c Cookies) (string, error) {
	key, err := findCookie(c, d.cookie)
	if err != nil {
		return "", err
	}
	if len(key) != djangoKeySize || strings.Trim(key, djangoKeyChars) != "" {
		return "", foreign(errors.New("not a session key of Django"))
	}
	return key, nil
}

func djangoNewKey() (string, error) {
	var key [djangoKeySize]byte
	for i := range key {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(djangoKeyChars))))
		if err != nil {
			return "", fmt.Errorf("making a session key: %w", err)
		}
		key[i] = djangoKeyChars[n.Int64()]
	}
	return string(key[:]), nil
}

// Package lookup asks an app's own database about a person: the ID that the app
// has for them, or the hash that its sessions must hold.
//
// It asks one fixed query with one parameter, in a transaction that cannot write,
// when a session begins and at no other time.
package lookup

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
	"github.com/ssobridge/ssobridge/mapping"
)

// Options are the table lookup of a kind's options.
type Options struct {
	Database
	// Query returns the one row of the person. It has one parameter, which the
	// database calls $1 (PostgreSQL) or ? (MySQL).
	Query string `toml:"query"`
	// By is the value of the parameter.
	By document.Field `toml:"by"`
	// Match is the column that By must be found in, letter for letter; of an email,
	// in any case. Databases call more alike than that: to most of MySQL's collations
	// "á" is "a", so it is required there, and so it is with patterns.
	Match string `toml:"match"`
	// Timeout is how long an answer may take; 0: two seconds.
	Timeout time.Duration `toml:"timeout"`
}

const (
	defaultTimeout = 2 * time.Second
	minTimeout     = 100 * time.Millisecond
	maxTimeout     = 30 * time.Second
	maxConnections = 4
	maxColumns     = 64
)

// Lookup is an opened table. It is safe for concurrent use.
type Lookup struct {
	db      *sql.DB
	query   string
	by      *document.Document
	what    string // what By is, for people to read
	match   string
	fold    bool
	timeout time.Duration
}

// IsZero reports whether there is no such table.
func (o *Options) IsZero() bool {
	return o.Database.IsZero() && o.Query == "" && o.Match == "" && o.Timeout == 0 && o.By.Source().Given() == 0
}

// Open checks the table and returns what asks.
func (o *Options) Open(env adapter.Env, domains []string, fail value.Fail) *Lookup {
	l := &Lookup{query: o.Query, match: o.Match, what: o.By.Source().Describe(), timeout: defaultTimeout}
	switch {
	case o.Query == "":
		fail("lookup.query", `missing: write one such as "SELECT id FROM users WHERE email = %s"`, parameter(o.Driver))
	case o.Driver == Postgres && (!strings.Contains(o.Query, "$1") || strings.Contains(o.Query, "$2")),
		o.Driver == MySQL && strings.Count(o.Query, "?") != 1:
		fail("lookup.query", "has not exactly one parameter; write %s once, where the value of by shall stand", parameter(o.Driver))
	}
	if o.Driver == MySQL && o.Match == "" {
		fail("lookup.match", `missing: say which column of the query must be what was asked for, such as match = "email"; to MySQL's collations "á" is "a", so that another person could be found`)
	}
	if o.Driver == Postgres && o.Match == "" && patterns.MatchString(o.Query) {
		fail("lookup.match", `missing: to a pattern (LIKE, SIMILAR TO, ~), "_" in an email is any letter, so that another person could be found; compare with =, or say which column must be what was asked for, such as match = "email"`)
	}
	if o.Timeout != 0 {
		l.timeout = o.Timeout
		if o.Timeout < minTimeout || o.Timeout > maxTimeout {
			fail("lookup.timeout", `%s is not between 100 milliseconds and 30 seconds; "2s" is the default`, o.Timeout)
		}
	}
	l.fold = o.By.From == "email" || o.By.From == "email_local"
	o.openBy(l, env, domains, fail)
	l.db = o.Database.Open("lookup", maxConnections, env, fail)
	if l.db != nil {
		CloseWith(l, l.db)
	}
	return l
}

// patterns are what PostgreSQL compares with as with patterns.
var patterns = regexp.MustCompile(`(?i)\b(i?like|similar)\b|~|regexp`)

func parameter(driver string) string {
	if driver == MySQL {
		return "?"
	}
	return "$1"
}

func (o *Options) openBy(l *Lookup, env adapter.Env, domains []string, fail value.Fail) {
	by := o.By
	switch {
	case by.Source().Given() == 0:
		fail("lookup.by", `missing: say what tells the person from others there, such as by = { from = "email" }`)
		return
	case by.SendsList() || by.Object != nil || by.Const != nil || by.Source().SendsRoles() || by.From == "rule" || by.From == "name":
		fail("lookup.by", `is no value that is one person's alone; write such as by = { from = "email" }`)
		return
	}
	by.Required = true
	c := document.NewCompiler(document.Rules{Env: env, Fail: fail, Noun: "field", Domains: domains, MaxNumber: math.MaxInt64})
	c.Add("lookup.by", "by", &by)
	l.by = c.Document()
}

// Describe says what is asked, for people to read.
func (l *Lookup) Describe() string { return "asks the app's database by " + l.what }

// Close closes the database.
func (l *Lookup) Close() error { return l.db.Close() }

var (
	errNobody  = errors.New("the app's database has nobody like that")
	errSeveral = errors.New("the app's database has several rows for the person; let the query return one")
)

// Row asks about a person. Whom the database does not have, the app does not know:
// the error wraps adapter.ErrUnsendable.
func (l *Lookup) Row(ctx context.Context, in *adapter.Input) (document.Row, error) {
	key, err := l.key(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	row, err := l.ask(ctx, key)
	switch {
	case errors.Is(err, errNobody), errors.Is(err, errSeveral):
		return nil, fmt.Errorf("lookup by %s: %w: %w", l.what, adapter.ErrUnsendable, err)
	case err != nil:
		return nil, fmt.Errorf("lookup by %s: asking the app's database: %w", l.what, failure(err))
	}
	if l.match == "" {
		return row, nil
	}
	found, has := row[l.match]
	switch {
	case !has:
		return nil, fmt.Errorf("lookup.match: %w: %q", document.ErrNoColumn, l.match)
	case !l.matches(found, key):
		return nil, fmt.Errorf("lookup by %s: %w: %w", l.what, adapter.ErrUnsendable, errNobody)
	}
	return row, nil
}

// AppendKey appends what is asked about a person, as a JSON object.
func (l *Lookup) AppendKey(b []byte, in *adapter.Input) ([]byte, error) {
	b, err := l.by.Append(append(b, '{'), in, nil)
	return append(b, '}'), err
}

// key is the value of the parameter.
func (l *Lookup) key(in *adapter.Input) (any, error) {
	text, err := l.AppendKey(nil, in)
	if err != nil {
		return nil, err
	}
	var read struct{ By any }
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&read); err != nil {
		return nil, fmt.Errorf("lookup.by: %w", err)
	}
	if n, is := read.By.(json.Number); is {
		return n.Int64()
	}
	return read.By, nil
}

func (l *Lookup) matches(found, key any) bool {
	if found == key {
		return true
	}
	f, isText := found.(string)
	k, isToo := key.(string)
	return l.fold && isText && isToo && mapping.LowerASCII(f) == mapping.LowerASCII(k)
}

func (l *Lookup) ask(ctx context.Context, key any) (document.Row, error) {
	tx, err := l.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, l.query, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	switch {
	case err != nil:
		return nil, err
	case len(names) > maxColumns:
		return nil, fmt.Errorf("the query returns more than %d columns; name those that are needed", maxColumns)
	case !rows.Next():
		if err := rows.Err(); err != nil {
			return nil, err
		}
		return nil, errNobody
	}
	values, places := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		places[i] = &values[i]
	}
	if err := rows.Scan(places...); err != nil {
		return nil, err
	}
	if rows.Next() {
		return nil, errSeveral
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	row := make(document.Row, len(names))
	for i, name := range names {
		if _, twice := row[name]; twice {
			return nil, fmt.Errorf("the query returns two columns called %q; rename one with AS", name)
		}
		row[name] = plain(values[i])
	}
	return row, nil
}

// other is a value of a type that no session has.
type other struct{}

// plain is a value in the types of [document.Row].
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v
	case float32:
		return float64(v)
	case uint64:
		if v <= math.MaxInt64 {
			return int64(v)
		}
	case []byte:
		if utf8.Valid(v) {
			return string(v)
		}
	case driver.Valuer:
		if inner, err := v.Value(); err == nil {
			if _, again := inner.(driver.Valuer); !again {
				return plain(inner)
			}
		}
	}
	return other{}
}

package lookup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/document"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/realdb"
	"github.com/ssobridge/ssobridge/verifier"
)

func secretOf(value string) adapter.Secret {
	return adapter.NewSecret(func() (string, error) { return value, nil })
}

func mustOpen(tb testing.TB, o Options) *Lookup {
	tb.Helper()
	l := o.Open(adapter.Env{ReadSecrets: true}, nil, func(key, format string, args ...any) {
		tb.Errorf("%s: %s", key, fmt.Sprintf(format, args...))
	})
	if tb.Failed() {
		tb.FailNow()
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

func person(email string) *adapter.Input {
	return &adapter.Input{Principal: &verifier.Principal{Subject: "2f6a", Email: email, Claims: map[string]any{"employee": "7"}}}
}

const table = `CREATE TABLE users (
	id BIGINT PRIMARY KEY, email VARCHAR(200), password VARCHAR(200), is_active BOOLEAN, score DOUBLE PRECISION, big DECIMAL(30, 0), note VARCHAR(20), born DATE)`

var rows = []string{
	`INSERT INTO users VALUES (9007199254740993, 'Ann@example.com', 'pbkdf2_sha256$1$a$b', TRUE, 0.5, 123456789012345678901234567890, NULL, '2001-01-01')`,
	`INSERT INTO users VALUES (2, 'bob@example.com', '!', FALSE, 1, 1, '', '2001-01-01')`,
	`INSERT INTO users VALUES (3, 'two@example.com', 'x', TRUE, 1, 1, '', '2001-01-01')`,
	`INSERT INTO users VALUES (4, 'two@example.com', 'x', TRUE, 1, 1, '', '2001-01-01')`,
}

func testLookup(t *testing.T, base Options, parameter string) {
	t.Helper()
	db := realdb.Open(t, map[string]string{Postgres: "pgx", MySQL: "mysql"}[base.Driver], mustRead(t, base.DSN))
	for _, statement := range append([]string{table}, rows...) {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	with := func(query string) Options {
		o := base
		o.Query, o.By, o.Match = strings.ReplaceAll(query, "?", parameter), document.Field{From: "email"}, "email"
		return o
	}
	active := with("SELECT id, email, password, is_active, score, big, note FROM users WHERE lower(email) = lower(?) AND is_active")
	t.Run("found", func(t *testing.T) {
		row, err := mustOpen(t, active).Row(t.Context(), person("ann@example.com"))
		if err != nil {
			t.Fatal(err)
		}
		yes := any(true)
		if base.Driver == MySQL {
			yes = int64(1)
		}
		want := document.Row{
			"id": int64(9007199254740993), "email": "Ann@example.com", "password": "pbkdf2_sha256$1$a$b",
			"is_active": yes, "score": 0.5, "big": "123456789012345678901234567890", "note": nil,
		}
		if diff := cmp.Diff(want, row); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a number as the key", func(t *testing.T) {
		o := with("SELECT id FROM users WHERE id = ?")
		o.By, o.Match = document.Field{Claim: "employee", Type: "number"}, "id"
		in := person("")
		in.Principal.Claims["employee"] = "9007199254740993"
		row, err := mustOpen(t, o).Row(t.Context(), in)
		if err != nil || row["id"] != int64(9007199254740993) {
			t.Errorf("%v, %v", row, err)
		}
	})
	for _, tt := range []struct {
		name, email string
		o           Options
		want        error
	}{
		{"disabled in the app", "bob@example.com", active, errNobody},
		{"not in the app", "nobody@example.com", active, errNobody},
		{"two of them", "two@example.com", active, errSeveral},
		{"no email", "", active, document.ErrEmpty},
		{"another letter that is the same to the database", "Ánn@example.com", active, errNobody},
		{"SQL injection", "ann@example.com' OR '1'='1", active, errNobody},
		{"SQL injection of a statement", "x'; DROP TABLE users; --@example.com", active, errNobody},
		{"everybody", "x@example.com", with("SELECT email FROM users WHERE email <> ?"), errSeveral},
		{"found by a query that is wrong", "x@example.com", with("SELECT email FROM users WHERE email <> ? LIMIT 1"), errNobody},
		{"spaces that the database does not see", "bob@example.com ", with("SELECT email FROM users WHERE email = ?"), errNobody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row, err := mustOpen(t, tt.o).Row(t.Context(), person(tt.email))
			if row != nil || !errors.Is(err, tt.want) || !errors.Is(err, adapter.ErrUnsendable) {
				t.Errorf("%v, %v; want %v", row, err, tt.want)
			}
			if err != nil && tt.email != "" && strings.Contains(err.Error(), tt.email) {
				t.Errorf("the error quotes the person: %v", err)
			}
		})
	}
	readOnly := map[string]string{Postgres: "asking the app's database: SQLSTATE 25006", MySQL: "asking the app's database: error 1792"}[base.Driver]
	for _, tt := range []struct{ name, query, want string }{
		{"no such table", "SELECT email FROM people WHERE email = ?", "people"},
		{"no such column to match", "SELECT id FROM users WHERE lower(email) = ?", `lookup.match: the query of lookup returns no such column: "email"`},
		{"a value that is no number to the database", "SELECT email FROM users WHERE id = CAST(? AS DECIMAL(3, 0)) + 1e400", ""},
		{"a column twice", "SELECT email, email FROM users WHERE lower(email) = ?", `the query returns two columns called "email"; rename one with AS`},
		{"a query that writes", "INSERT INTO users (email) VALUES (?)", readOnly},
		{"a query that changes", "UPDATE users SET is_active = TRUE WHERE email = ?", readOnly},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := mustOpen(t, with(tt.query)).Row(t.Context(), person("ann@example.com"))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, want %s", err, tt.want)
			}
			if errors.Is(err, adapter.ErrUnsendable) && tt.want != "" || strings.Contains(err.Error(), "ann@example.com") {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("nothing was written", func(t *testing.T) {
		var active, all int
		err := db.QueryRowContext(t.Context(), "SELECT count(*), sum(CASE WHEN is_active THEN 1 ELSE 0 END) FROM users").Scan(&all, &active)
		if err != nil || all != len(rows) || active != len(rows)-1 {
			t.Errorf("%d users, %d active: %v", all, active, err)
		}
	})
	t.Run("in time", func(t *testing.T) {
		sleep := map[string]string{Postgres: "pg_sleep(20)", MySQL: "sleep(20)"}[base.Driver]
		o := with("SELECT email, " + sleep + " FROM users WHERE lower(email) = ?")
		o.Timeout = 200 * time.Millisecond
		begun := time.Now()
		_, err := mustOpen(t, o).Row(t.Context(), person("ann@example.com"))
		if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) && took > 10*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		if err == nil {
			t.Error("an answer")
		}
	})
}

func mustRead(tb testing.TB, s adapter.Secret) string {
	tb.Helper()
	text, err := s.Read(adapter.Env{ReadSecrets: true})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestRealPostgres(t *testing.T) {
	testLookup(t, Options{Database: Database{Driver: Postgres, DSN: secretOf(realdb.Postgres(t))}}, "$1")
}

func TestRealMariaDB(t *testing.T) {
	testLookup(t, Options{Database: Database{Driver: MySQL, DSN: secretOf(realdb.MariaDB(t))}}, "?")
}

// TestDown: an app's database that is down refuses nobody for what they are.
func TestDown(t *testing.T) {
	for _, d := range []Database{
		{Driver: Postgres, DSN: secretOf("postgres://ann:hush-canary@127.0.0.1:1/app")},
		{Driver: MySQL, DSN: secretOf("ann:hush-canary@tcp(127.0.0.1:1)/app")},
	} {
		o := Options{Database: d, Query: "SELECT id, email FROM users WHERE email = " + parameter(d.Driver), By: document.Field{From: "email"}, Match: "email"}
		_, err := mustOpen(t, o).Row(t.Context(), person("ann-canary@example.com"))
		if err == nil || errors.Is(err, adapter.ErrUnsendable) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", d.Driver, err)
		}
	}
}

// TestWithoutSecrets: what is opened to look at asks nobody.
func TestWithoutSecrets(t *testing.T) {
	o := Options{
		Database: Database{Driver: Postgres, DSN: adapter.NewSecret(func() (string, error) { return "", errors.New("was read") })},
		Query:    "SELECT id FROM users WHERE email = $1", By: document.Field{From: "email"},
	}
	l := o.Open(adapter.Env{}, nil, func(key, format string, args ...any) { t.Errorf(key+": "+format, args...) })
	if _, err := l.Row(t.Context(), person("ann@example.com")); !errors.Is(err, errUnreachable) {
		t.Errorf("%v", err)
	}
	_ = l.Close()
}

func TestOptions(t *testing.T) {
	good := Options{
		Database: Database{Driver: Postgres, DSN: secretOf("postgres://ann:hush@127.0.0.1/app")},
		Query:    "SELECT id FROM users WHERE email = $1", By: document.Field{From: "email"},
	}
	with := func(change func(o *Options)) Options {
		o := good
		change(&o)
		return o
	}
	for _, tt := range []struct {
		name string
		o    Options
		want []string
	}{
		{"good", good, nil},
		{"nothing", Options{}, []string{
			`lookup.query: missing: write one such as "SELECT id FROM users WHERE email = $1"`,
			`lookup.by: missing: say what tells the person from others there, such as by = { from = "email" }`,
			`lookup.driver: ""; choose "postgres", or "mysql" for MySQL and MariaDB`,
			`lookup.dsn: missing: say where the address of the database stands, such as dsn = { file = "app.dsn" }`,
		}},
		{"no parameter", with(func(o *Options) { o.Query = "SELECT id FROM users" }), []string{
			`lookup.query: has not exactly one parameter; write $1 once, where the value of by shall stand`,
		}},
		{"two parameters", with(func(o *Options) { o.Query += " OR name = $2" }), []string{
			`lookup.query: has not exactly one parameter; write $1 once, where the value of by shall stand`,
		}},
		{"MySQL without match", with(func(o *Options) {
			o.Driver, o.DSN, o.Query = MySQL, secretOf("ann:hush@tcp(127.0.0.1)/app"), "SELECT id FROM users WHERE email = ?"
		}), []string{
			`lookup.match: missing: say which column of the query must be what was asked for, such as match = "email"; to MySQL's collations "á" is "a", so that another person could be found`,
		}},
		{"by a role", with(func(o *Options) { o.By = document.Field{From: "role"} }), []string{
			`lookup.by: is no value that is one person's alone; write such as by = { from = "email" }`,
		}},
		{"by a constant", with(func(o *Options) { o.By = document.Field{Const: "x"} }), []string{
			`lookup.by: is no value that is one person's alone; write such as by = { from = "email" }`,
		}},
		{"by an unknown source", with(func(o *Options) { o.By = document.Field{From: "mail"} }), []string{
			`lookup.by.from: "mail" is no source; there are email, email_local, subject, name, role, roles, groups and rule`,
		}},
		{"a long timeout", with(func(o *Options) { o.Timeout = time.Hour }), []string{
			`lookup.timeout: 1h0m0s is not between 100 milliseconds and 30 seconds; "2s" is the default`,
		}},
		{"an address that is none", with(func(o *Options) { o.DSN = secretOf("hush-hush-hush-hush") }), []string{
			`lookup.dsn: is no address of a PostgreSQL database; write one such as postgres://user:password@host:5432/app?sslmode=verify-full`,
		}},
		{"an address with a port that is none", with(func(o *Options) { o.DSN = secretOf("postgres://ann:hush@127.0.0.1:port/app") }), []string{
			`lookup.dsn: is no address of a PostgreSQL database; write one such as postgres://user:password@host:5432/app?sslmode=verify-full`,
		}},
		{"the other's address", with(func(o *Options) {
			o.Driver, o.Match, o.Query = MySQL, "email", "SELECT email FROM users WHERE email = ?"
		}), []string{
			`lookup.dsn: is no address of a MySQL database; write one such as user:password@tcp(host:3306)/app?tls=true`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			l := tt.o.Open(adapter.Env{ReadSecrets: true}, nil, func(key, format string, args ...any) {
				got = append(got, key+": "+fmt.Sprintf(format, args...))
			})
			if l.db != nil {
				_ = l.Close()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

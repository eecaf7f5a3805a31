package lookup

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// The drivers.
const (
	Postgres = "postgres"
	MySQL    = "mysql" // and MariaDB
)

// Database is the options that say which database, for a kind's options to embed.
type Database struct {
	// Driver is "postgres" or "mysql".
	Driver string `toml:"driver"`
	// DSN is its address with user and password, as the driver has it:
	// "postgres://user:password@host/app?sslmode=verify-full" or
	// "user:password@tcp(host:3306)/app?tls=true".
	DSN adapter.Secret `toml:"dsn"`
}

// IsZero reports whether nothing was written.
func (d *Database) IsZero() bool { return d.Driver == "" && d.DSN.IsZero() }

// idle is how long a connection waits for the next question.
const idle = time.Minute

// Open returns the database, of which at most most connections are used. It asks
// nobody. Without secrets, nothing can be asked of it. What is wrong is reported
// below key.
func (d *Database) Open(key string, most int, env adapter.Env, fail value.Fail) *sql.DB {
	ok := true
	if d.Driver != Postgres && d.Driver != MySQL {
		fail(key+".driver", "%q; choose %q, or %q for MySQL and MariaDB", d.Driver, Postgres, MySQL)
		ok = false
	}
	if d.DSN.IsZero() {
		fail(key+".dsn", `missing: say where the address of the database stands, such as dsn = { file = "app.dsn" }`)
		ok = false
	}
	if !ok {
		return nil
	}
	var connector driver.Connector = unreachable{}
	if env.ReadSecrets {
		dsn, err := d.DSN.Read(env)
		if err == nil {
			connector, err = connect(d.Driver, dsn)
		}
		if err != nil {
			fail(key+".dsn", "%v", err)
			return nil
		}
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(min(most, 2))
	db.SetConnMaxIdleTime(idle)
	return db
}

// CloseWith closes c once nothing refers to owner any more, which is when no request
// of a configuration that is gone is still being answered.
func CloseWith[T any](owner *T, c io.Closer) {
	runtime.AddCleanup(owner, func(c io.Closer) { _ = c.Close() }, c)
}

var (
	errPostgres = errors.New("is no address of a PostgreSQL database; write one such as postgres://user:password@host:5432/app?sslmode=verify-full")
	errMySQL    = errors.New("is no address of a MySQL database; write one such as user:password@tcp(host:3306)/app?tls=true")
)

// connect reads an address. What the drivers say of a wrong one may quote it. Whatever
// the address says, a question is one statement, and what it is about never part of its
// text.
func connect(name, dsn string) (driver.Connector, error) {
	if name == Postgres {
		if !strings.Contains(dsn, "://") && !strings.Contains(dsn, "=") {
			return nil, errPostgres
		}
		config, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, errPostgres
		}
		if config.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol { // as an address for a PgBouncer says
			config.DefaultQueryExecMode = pgx.QueryExecModeExec
		}
		return stdlib.GetConnector(*config), nil
	}
	config, err := mysql.ParseDSN(dsn)
	if err != nil || config.DBName == "" {
		return nil, errMySQL
	}
	config.MultiStatements, config.InterpolateParams, config.AllowAllFiles = false, false, false
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errMySQL
	}
	return connector, nil
}

// unreachable stands for a database whose address was not read.
type unreachable struct{}

func (unreachable) Connect(context.Context) (driver.Conn, error) { return nil, errUnreachable }
func (unreachable) Driver() driver.Driver                        { return nil }

var errUnreachable = errors.New("the adapter was opened without its secrets, and asks nobody")

var errType = errors.New("the value of by is of another type than the query's parameter; give by the type that it has there")

// failure says what went wrong, without what was asked about: of a value that does
// not suit a column, databases quote it, and so does pgx.
func failure(err error) error {
	if strings.HasPrefix(err.Error(), "failed to encode args") { // extended_query_builder.go there
		return errType
	}
	if e, is := errors.AsType[*pgconn.PgError](err); is {
		// Class 42 is about the query itself, 28 and 3D about the connection.
		if slices.Contains([]string{"42", "28", "3D"}, e.Code[:min(2, len(e.Code))]) {
			return fmt.Errorf("%s (SQLSTATE %s)", e.Message, e.Code)
		}
		return fmt.Errorf("SQLSTATE %s", e.Code)
	}
	if e, is := errors.AsType[*mysql.MySQLError](err); is {
		// Access denied, unknown database, column and table, and syntax.
		if slices.Contains([]uint16{1044, 1045, 1049, 1054, 1064, 1142, 1146}, e.Number) {
			return fmt.Errorf("%s (error %d)", e.Message, e.Number)
		}
		return fmt.Errorf("error %d", e.Number)
	}
	return err
}

package codec

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/ssobridge/ssobridge/bridge/adapter/internal/realdb"
)

// djangoDatabase is a database server that a test has for itself.
type djangoDatabase struct {
	db      *sql.DB
	dialect string
	// inTokyo is db for an app whose times are of there; Postgres needs none.
	inTokyo *sql.DB
	// What Django needs for it.
	settings, modules, install string
}

func startPostgres(tb testing.TB) djangoDatabase {
	tb.Helper()
	address := realdb.Postgres(tb)
	o, err := pgx.ParseConfig(address)
	if err != nil {
		tb.Fatal(err)
	}
	return djangoDatabase{
		db:       realdb.Open(tb, "pgx", address),
		dialect:  DialectPostgres,
		settings: fmt.Sprintf(`{"ENGINE": "django.db.backends.postgresql", "NAME": %q, "USER": %q, "HOST": %q}`, o.Database, o.User, o.Host),
		modules:  "django, psycopg2", install: "python3-django python3-psycopg2",
	}
}

func startMariaDB(tb testing.TB) djangoDatabase {
	tb.Helper()
	address := realdb.MariaDB(tb)
	o, err := mysql.ParseDSN(address)
	if err != nil {
		tb.Fatal(err)
	}
	return djangoDatabase{
		db:       realdb.Open(tb, "mysql", address),
		inTokyo:  realdb.Open(tb, "mysql", address+"?loc=Asia%2FTokyo"),
		dialect:  DialectMySQL,
		settings: fmt.Sprintf(`{"ENGINE": "django.db.backends.mysql", "NAME": %q, "USER": %q, "HOST": %q}`, o.DBName, o.User, o.Addr),
		modules:  "django, MySQLdb", install: "python3-django python3-mysqldb",
	}
}

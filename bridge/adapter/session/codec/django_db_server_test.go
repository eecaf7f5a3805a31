package codec

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
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
	const install = "postgresql"
	initdb := djangoProgram(tb, install, "initdb", "/usr/lib/postgresql/*/bin/initdb")
	program := djangoProgram(tb, install, "postgres", "/usr/lib/postgresql/*/bin/postgres")
	s := newDjangoServer(tb, "postgres")
	s.run(tb, initdb, "-D", s.dir+"/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	s.start(tb, syscall.SIGINT, program, "-D", s.dir+"/data", "-k", s.dir, "-F", "-c", "listen_addresses=")
	return djangoDatabase{
		db:       s.open(tb, "pgx", "host="+s.dir+" user=postgres dbname=postgres"),
		dialect:  DialectPostgres,
		settings: fmt.Sprintf(`{"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": %q}`, s.dir),
		modules:  "django, psycopg2", install: "python3-django python3-psycopg2",
	}
}

func startMariaDB(tb testing.TB) djangoDatabase {
	tb.Helper()
	const install = "mariadb-server"
	program := djangoProgram(tb, install, "mariadbd", "/usr/sbin/mariadbd")
	s := newDjangoServer(tb, "mysql")
	s.run(tb, djangoProgram(tb, install, "mariadb-install-db", ""), "--no-defaults", "--datadir="+s.dir+"/data",
		"--auth-root-authentication-method=normal", "--skip-test-db")
	s.start(tb, syscall.SIGTERM, program, "--no-defaults", "--datadir="+s.dir+"/data", "--socket="+s.dir+"/socket",
		"--pid-file="+s.dir+"/pid", "--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4")
	admin := s.open(tb, "mysql", "root@unix("+s.dir+"/socket)/")
	if _, err := admin.ExecContext(tb.Context(), "CREATE DATABASE django"); err != nil {
		tb.Fatal(err)
	}
	return djangoDatabase{
		db:       s.open(tb, "mysql", "root@unix("+s.dir+"/socket)/django"),
		inTokyo:  s.open(tb, "mysql", "root@unix("+s.dir+"/socket)/django?loc=Asia%2FTokyo"),
		dialect:  DialectMySQL,
		settings: fmt.Sprintf(`{"ENGINE": "django.db.backends.mysql", "NAME": "django", "USER": "root", "HOST": %q}`, s.dir+"/socket"),
		modules:  "django, MySQLdb", install: "python3-django python3-mysqldb",
	}
}

// djangoProgram returns the path of a program, which is also looked for where
// Debian keeps it; of several, the newest.
func djangoProgram(tb testing.TB, install, name, pattern string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		requireReal(tb, name, install)
	}
	return found[len(found)-1]
}

// djangoServer is a directory for a server, which is nobody's who may do more than
// run it: database servers refuse to run as root.
type djangoServer struct {
	dir  string
	attr *syscall.SysProcAttr
}

func newDjangoServer(tb testing.TB, name string) djangoServer {
	tb.Helper()
	// Short enough for the name of a socket, and not in a directory that only root may
	// enter, as tb.TempDir is.
	dir, err := os.MkdirTemp("", "ssobridge") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := djangoServer{dir: dir, attr: &syscall.SysProcAttr{Setpgid: true}}
	if os.Geteuid() != 0 {
		return s
	}
	account, err := user.Lookup(name)
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		tb.Fatal(err)
	}
	uid, uidErr := strconv.Atoi(account.Uid)
	gid, gidErr := strconv.Atoi(account.Gid)
	if uidErr != nil || gidErr != nil {
		tb.Fatalf("%+v", account)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		tb.Fatal(err)
	}
	s.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return s
}

func (s djangoServer) command(ctx context.Context, log *djangoLog, name string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, s.attr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir, "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

func (s djangoServer) run(tb testing.TB, name string, args ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	log := &djangoLog{}
	if err := s.command(ctx, log, name, args).Run(); err != nil {
		tb.Fatalf("%s: %v\n%s", name, err, log)
	}
}

// start runs a server until the test ends, when stop ends it.
func (s djangoServer) start(tb testing.TB, stop syscall.Signal, name string, args ...string) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := &djangoLog{}
	cmd := s.command(ctx, log, name, args)
	cmd.Cancel = func() error { return cmd.Process.Signal(stop) }
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		cancel()
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // stopped is how it ends
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if tb.Failed() {
			tb.Logf("%s said:\n%s", name, log)
		}
	})
}

// open connects as soon as the server answers.
func (s djangoServer) open(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return db
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("the database does not answer: %v", err)
		case <-tick.C:
		}
	}
}

type djangoLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *djangoLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *djangoLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

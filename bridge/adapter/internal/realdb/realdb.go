// Package realdb runs database servers for tests: each test has one for itself, on a
// socket, which ends with it. Where there is no such server, the test is skipped, and
// fails if SSOBRIDGE_REQUIRE_REAL=1.
package realdb

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the drivers
	_ "github.com/jackc/pgx/v5/stdlib"
)

// Postgres runs PostgreSQL, and returns its address for the driver "pgx", as a user
// who may do everything.
func Postgres(tb testing.TB) (address string) {
	tb.Helper()
	const install = "postgresql"
	initdb := program(tb, install, "initdb", "/usr/lib/postgresql/*/bin/initdb")
	postgres := program(tb, install, "postgres", "/usr/lib/postgresql/*/bin/postgres")
	s := newServer(tb, "postgres")
	s.run(tb, initdb, "-D", s.dir+"/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	s.start(tb, syscall.SIGINT, postgres, "-D", s.dir+"/data", "-k", s.dir, "-F", "-c", "listen_addresses=")
	address = "host=" + s.dir + " user=postgres dbname=postgres"
	Open(tb, "pgx", address)
	return address
}

// MariaDB runs MariaDB with an empty database "app", and returns its address for the
// driver "mysql", as a user who may do everything.
func MariaDB(tb testing.TB) (address string) {
	tb.Helper()
	const install = "mariadb-server"
	mariadbd := program(tb, install, "mariadbd", "/usr/sbin/mariadbd")
	s := newServer(tb, "mysql")
	s.run(tb, program(tb, install, "mariadb-install-db", ""), "--no-defaults", "--datadir="+s.dir+"/data",
		"--auth-root-authentication-method=normal", "--skip-test-db")
	s.start(tb, syscall.SIGTERM, mariadbd, "--no-defaults", "--datadir="+s.dir+"/data", "--socket="+s.dir+"/socket",
		"--pid-file="+s.dir+"/pid", "--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4")
	db := Open(tb, "mysql", "root@unix("+s.dir+"/socket)/")
	if _, err := db.ExecContext(tb.Context(), "CREATE DATABASE app"); err != nil {
		tb.Fatal(err)
	}
	return "root@unix(" + s.dir + "/socket)/app"
}

// Open connects as soon as the server answers.
func Open(tb testing.TB, driver, address string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, address)
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

// program returns the path of a program, which is also looked for where Debian keeps
// it; of several, the newest.
func program(tb testing.TB, install, name, pattern string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob(pattern)
	if err == nil && len(found) > 0 {
		return found[len(found)-1]
	}
	if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
		tb.Fatalf("%s is not installed, and SSOBRIDGE_REQUIRE_REAL=1; on Debian: apt-get install %s", name, install)
	}
	tb.Skipf("%s is not installed; on Debian: apt-get install %s", name, install)
	return ""
}

// server is a directory for a server. It belongs to an account that may do nothing
// else: database servers refuse to run as root.
type server struct {
	dir  string
	attr *syscall.SysProcAttr
}

func newServer(tb testing.TB, account string) server {
	tb.Helper()
	// Short enough for the name of a socket, and not in a directory that only root may
	// enter, as tb.TempDir is.
	dir, err := os.MkdirTemp("", "ssobridge") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := server{dir: dir, attr: &syscall.SysProcAttr{Setpgid: true}}
	if os.Geteuid() != 0 {
		return s
	}
	found, err := user.Lookup(account)
	if err != nil {
		if found, err = user.Lookup("nobody"); err != nil {
			tb.Fatal(err)
		}
	}
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		tb.Fatalf("%+v", found)
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		tb.Fatal(err)
	}
	s.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return s
}

func (s server) command(ctx context.Context, log *output, name string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // G204: of a test
	cmd.Dir, cmd.SysProcAttr = s.dir, s.attr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir, "LC_ALL=C"}
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

func (s server) run(tb testing.TB, name string, args ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	log := &output{}
	if err := s.command(ctx, log, name, args).Run(); err != nil {
		tb.Fatalf("%s: %v\n%s", name, err, log)
	}
}

// start runs a server until the test ends, when stop ends it.
func (s server) start(tb testing.TB, stop syscall.Signal, name string, args ...string) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := &output{}
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

// output is what a program prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write takes it in.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String returns it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

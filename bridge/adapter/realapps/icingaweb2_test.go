package realapps_test

import (
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestIcingaWeb: here, the role is that of Icinga Web's own roles.ini, from the
// setup: who may read its configuration.
func TestIcingaWeb(t *testing.T) {
	for _, w := range []webServer{
		{"nginx.conf", "nginx", []string{"-e", "stderr", "-c"}, "listen", "fastcgi_param"},
		{"apache2.conf", "apache2", []string{"-DFOREGROUND", "-f"}, "Listen", "SetEnvIf"},
	} {
		t.Run(w.program, func(t *testing.T) {
			a := startIcingaWeb(t, w)
			b := startBridge(t, "icingaweb2")
			b.relay.pointAt(a.addr)
			testApp(t, b, a)
		})
	}
}

// webServer is one of those that the setup has lines for.
type webServer struct {
	config, program string
	args            []string // the configuration's path comes last
	// listen and user are how the setup's lines begin that say where to listen,
	// and who the user is.
	listen, user string
}

func startIcingaWeb(t *testing.T, w webServer) realApp {
	t.Helper()
	const install = "apt-get install icingaweb2 php-fpm nginx-light apache2-bin"
	web := requireProgram(t, w.program, install)
	fpms, _ := filepath.Glob("/usr/sbin/php-fpm*") // Debian's have the version in their name
	if fpms == nil {
		required(t, "php-fpm", install)
	}
	if _, err := os.Stat("/usr/share/icingaweb2/public/index.php"); err != nil {
		required(t, "Icinga Web", install)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir, setup := t.TempDir(), setupOf(t, "icingaweb2")
	place := func(name string, oldnew ...string) {
		oldnew = append(oldnew, "@DIR@", dir)
		write(t, dir, name, strings.NewReplacer(oldnew...).Replace(testdata(t, "icingaweb2/"+name)))
	}
	addr, _ := freeAddr(t)
	place(w.config,
		"@LISTEN@", edit(t, commented(t, setup, w.listen), "127.0.0.1:80", addr),
		"@REMOTE_USER@", commented(t, setup, w.user))
	place("php-fpm.conf", "@USER@", me.Username)
	write(t, dir, "config/config.ini", testdata(t, "icingaweb2/config.ini"))
	write(t, dir, "config/authentication.ini", section(t, setup, "# /etc/icingaweb2/authentication.ini", "# /etc/icingaweb2/roles.ini"))
	write(t, dir, "config/roles.ini", section(t, setup, "# /etc/icingaweb2/roles.ini", ""))

	// As root, FPM wants to be told twice.
	php := start(t, dir, nil, fpms[0], "--allow-to-run-as-root", "--nodaemonize", "--fpm-config", filepath.Join(dir, "php-fpm.conf"))
	php.wait(t, "listen", func() bool {
		conn, err := net.Dial("unix", filepath.Join(dir, "fpm.sock"))
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
	start(t, dir, nil, web, append(w.args, filepath.Join(dir, w.config))...).answers(t, addr, "/")
	return realApp{
		addr:   addr,
		whoami: icingaUser,
		ann:    identity{User: "ann@example.com", Role: "admin"},
		bob:    identity{User: "bob@example.com", Role: "user"},
	}
}

// commented is the line of a setup that is behind a # and begins with a word.
func commented(t *testing.T, setup, word string) string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^# +(` + word + ` .*)$`).FindStringSubmatch(setup)
	if line == nil {
		t.Fatalf("no line %q in:\n%s", "# "+word+" ...", setup)
	}
	return line[1]
}

var icingaAccount = regexp.MustCompile(`<a href="/account"><i class="user-ball">[^<]*</i>([^<]+)</a>`)

// icingaUser opens the person's own page, and then one for admins.
func icingaUser(b *browser) identity {
	b.t.Helper()
	got := b.get("/account")
	switch {
	case got.status == http.StatusUnauthorized, got.status == http.StatusForbidden:
		return nobody
	case got.status != http.StatusOK:
		b.t.Fatalf("/account: status %d: %s", got.status, got.body)
	case strings.HasPrefix(got.url.Path, "/authentication/"):
		return nobody
	}
	found := icingaAccount.FindStringSubmatch(got.body)
	if found == nil {
		b.t.Fatalf("/account: no user in: %s", got.body)
	}
	who := identity{User: found[1], Role: "user"}
	if b.get("/config/general").status == http.StatusOK {
		who.Role = "admin"
	}
	return who
}

package realapps_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

func TestDjango(t *testing.T) {
	setup := setupOf(t, "django")
	dir := t.TempDir()
	write(t, dir, "myapp/__init__.py", "")
	write(t, dir, "myapp/middleware.py", section(t, setup, "# middleware.py", "# settings.py"))
	write(t, dir, "myapp/settings.py", testdata(t, "django/myapp/settings.py")+
		edit(t, section(t, setup, "# settings.py", ""), "# ...", `"django.contrib.sessions.middleware.SessionMiddleware",`))
	for _, name := range []string{"myapp/urls.py", "myapp/wsgi.py"} {
		write(t, dir, name, testdata(t, "django/"+name))
	}
	a := startGunicorn(t, dir, setup, "django")
	b := startBridge(t, "django")
	b.relay.pointAt(a.addr)
	testApp(t, b, a)
}

// TestFlask: here, groups and roles are the app's own code's, from the setup.
func TestFlask(t *testing.T) {
	setup := setupOf(t, "wsgi")
	dir := t.TempDir()
	write(t, dir, "app.py", edit(t, testdata(t, "flask/app.py"), "# SETUP", setup))
	a := startGunicorn(t, dir, setup, "flask")
	b := startBridge(t, "wsgi")
	b.relay.pointAt(a.addr)
	testApp(t, b, a)
}

var gunicornLine = regexp.MustCompile(`gunicorn --bind (127\.0\.0\.1:8000) (\S+)`)

// startGunicorn serves the app in dir by the line of its setup that says how.
func startGunicorn(t *testing.T, dir, setup, module string) realApp {
	t.Helper()
	install := "apt-get install gunicorn python3-" + module
	program := requireProgram(t, "gunicorn", install)
	// The Python that has gunicorn need not be the first one in PATH.
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	probe := t.TempDir()
	write(t, probe, "probe.py", "import "+module+"\ndef application(): pass\n")
	if exec.CommandContext(ctx, program, "--chdir", probe, "--check-config", "probe").Run() != nil {
		required(t, "Python's "+module, install)
	}
	line := gunicornLine.FindStringSubmatch(setup)
	if line == nil {
		t.Fatalf("the setup does not say how to start gunicorn:\n%s", setup)
	}
	addr, _ := freeAddr(t)
	start(t, dir, []string{"PYTHONDONTWRITEBYTECODE=1"}, program,
		"--worker-tmp-dir", filepath.Dir(dir), "--bind", addr, line[2]).answers(t, addr, "/")
	return realApp{
		addr:   addr,
		whoami: headerIdentity,
		ann:    identity{User: "ann@example.com", Role: "admin", Name: "Zoë Ann", Groups: "admins|sre"},
		bob:    identity{User: "bob@example.com", Role: "user", Name: "Bob", Groups: "sre"},
		bare:   identity{User: "bob@example.com", Role: "user", Name: "bob@example.com"},
		// gunicorn drops such names since version 22.
		believesAlias: gunicornVersion(t, program) < 22,
	}
}

// gunicornVersion is the major version.
func gunicornVersion(t *testing.T, program string) int {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), program, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", program, err)
	}
	var major int
	if _, err := fmt.Sscanf(string(text), "gunicorn (version %d", &major); err != nil {
		t.Fatalf("%s --version says %q: %v", program, text, err)
	}
	return major
}

package server_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// watching is a run that watches a configuration whose app is in an included file,
// reached as prepare arranges it.
func watching(t *testing.T, prepare func(dir, main, app string)) (r *run, dir string) {
	t.Helper()
	dir = t.TempDir()
	r = start(t, echoRole, func(r *run) {
		main, app := splitConfig(t, r)
		prepare(dir, main, app)
		r.path = filepath.Join(dir, "ssobridge.toml")
	})
	r.waitReady()
	return r, dir
}

// splitConfig returns the configuration as two files.
func splitConfig(t *testing.T, r *run) (main, app string) {
	t.Helper()
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	main, app, _ = strings.Cut(string(b), "[app.wiki]")
	return "include = [\"apps/*.toml\"]\n" + strings.Replace(main, "[server]", "[server]\nwatch = true", 1), "[app.wiki]" + app
}

// replaced is app with another role.
func replaced(app, role string) string { return strings.ReplaceAll(app, `"Reader"`, `"`+role+`"`) }

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// However a file is replaced, it is read again, also the second time.
func TestWatchSeesEveryKindOfReplacement(t *testing.T) {
	inPlace := func(dir, main, app string) {
		put(t, dir+"/ssobridge.toml", main)
		put(t, dir+"/apps/wiki.toml", app)
	}
	for name, way := range map[string]struct {
		prepare func(dir, main, app string)
		replace func(dir, main, app string, n int)
	}{
		"written in place": {inPlace, func(dir, _, app string, _ int) { put(t, dir+"/apps/wiki.toml", app) }},
		"renamed over, as editors do": {inPlace, func(dir, _, app string, _ int) {
			put(t, dir+"/apps/.wiki.toml.swp", app)
			move(t, dir+"/apps/.wiki.toml.swp", dir+"/apps/wiki.toml")
		}},
		"moved away and written anew": {inPlace, func(dir, _, app string, n int) {
			move(t, dir+"/apps/wiki.toml", fmt.Sprintf("%s/apps/wiki.toml~%d", dir, n))
			put(t, dir+"/apps/wiki.toml", app)
		}},
		"another file of the pattern": {inPlace, func(dir, _, app string, n int) {
			put(t, fmt.Sprintf("%s/apps/wiki%d.toml", dir, n), app)
			old, _ := filepath.Glob(dir + "/apps/wiki*.toml")
			for _, path := range old {
				if path != fmt.Sprintf("%s/apps/wiki%d.toml", dir, n) {
					_ = os.Remove(path)
				}
			}
		}},
		"the whole directory": {inPlace, func(dir, _, app string, n int) {
			put(t, dir+"/next/wiki.toml", app)
			move(t, dir+"/apps", fmt.Sprintf("%s/old%d", dir, n))
			move(t, dir+"/next", dir+"/apps")
		}},
		// A mounted ConfigMap: files are links through ..data, which is moved.
		"Kubernetes' link": {func(dir, main, app string) {
			put(t, dir+"/..0/ssobridge.toml", main)
			put(t, dir+"/..0/wiki.toml", app)
			link(t, "..0", dir+"/..data")
			link(t, "..data/ssobridge.toml", dir+"/ssobridge.toml")
			if err := os.Mkdir(dir+"/apps", 0o700); err != nil {
				t.Fatal(err)
			}
			link(t, "../..data/wiki.toml", dir+"/apps/wiki.toml")
		}, func(dir, main, app string, n int) {
			next := fmt.Sprintf("..%d", n)
			put(t, filepath.Join(dir, next, "ssobridge.toml"), main)
			put(t, filepath.Join(dir, next, "wiki.toml"), app)
			link(t, next, dir+"/..data_tmp")
			move(t, dir+"/..data_tmp", dir+"/..data")
			if err := os.RemoveAll(fmt.Sprintf("%s/..%d", dir, n-1)); err != nil {
				t.Fatal(err)
			}
		}},
		"a link to another version": {func(dir, main, app string) {
			put(t, dir+"/v0/wiki.toml", app)
			link(t, "v0", dir+"/apps")
			put(t, dir+"/ssobridge.toml", main)
		}, func(dir, _, app string, n int) {
			put(t, fmt.Sprintf("%s/v%d/wiki.toml", dir, n), app)
			link(t, fmt.Sprintf("v%d", n), dir+"/next")
			move(t, dir+"/next", dir+"/apps")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var main, app string
			r, dir := watching(t, func(dir, m, a string) {
				main, app = m, a
				way.prepare(dir, main, app)
			})
			for n, role := range []string{"Writer", "Owner"} {
				r.log.reset()
				way.replace(dir, main, replaced(app, role), n+1)
				for text := ""; text != "ann@example.com is "+role; _, text = r.get() {
					r.log.wait(t, "msg=reloaded") // of half of it, perhaps
				}
			}
		})
	}
}

// A time stamp, a neighbouring file and what a reload itself does are no changes.
func TestWatchReloadsOnlyForChanges(t *testing.T) {
	var app string
	r, dir := watching(t, func(dir, main, a string) {
		app = a
		put(t, dir+"/ssobridge.toml", main)
		put(t, dir+"/apps/wiki.toml", app)
	})
	r.log.reset()
	for n := range 50 {
		put(t, fmt.Sprintf("%s/apps/notes%d.txt", dir, n), "x")
		put(t, dir+"/apps/wiki.toml", app)
	}
	put(t, dir+"/apps/wiki.toml", replaced(app, "Writer"))
	r.log.wait(t, "msg=reloaded")
	if status, text := r.post("/-/reload", nil); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	if log := r.log.String(); strings.Count(log, "files have changed") != 1 || strings.Count(log, "msg=reloaded") != 2 {
		t.Errorf("it reloaded more than once for one change and once when asked:\n%s", log)
	}
}

// A bad file is tried once, and its correction is seen. So is a file that was
// missing.
func TestWatchAfterARefusedReload(t *testing.T) {
	var main string
	r, dir := watching(t, func(dir, m, app string) {
		main = m
		put(t, dir+"/ssobridge.toml", main)
		put(t, dir+"/apps/wiki.toml", app)
	})
	r.log.reset()
	put(t, dir+"/ssobridge.toml", main+"\n[issuer.second]\njwks_file = \"new/keys.json\"\n")
	r.log.wait(t, "reload refused")
	if log := r.log.String(); !strings.Contains(log, "new/keys.json: no such file") {
		t.Errorf("it does not say why: %s", log)
	}
	put(t, dir+"/new/keys.json", string(r.issuer.JWKS()))
	r.log.wait(t, "issuer: missing") // the app must now name one
	r.log.reset()
	put(t, dir+"/ssobridge.toml", main)
	r.log.wait(t, "msg=reloaded")
	if status, _ := r.get(); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
}

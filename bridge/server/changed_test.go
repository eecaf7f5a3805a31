package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// What counts as a change: all that a load can depend on, and nothing else.
func TestChanged(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) func() error {
		return func() error { return os.WriteFile(path(name), []byte(text), 0o600) }
	}
	for _, prepare := range []func() error{
		write("main.toml", "1"), func() error { return os.Mkdir(path("apps"), 0o700) }, write("apps/a.toml", "1"),
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
	}
	w := newWatcher(slog.New(slog.DiscardHandler))
	defer w.close()
	files := config.Files{Named: []string{path("main.toml"), path("key.pem")}, Patterns: []string{path("apps/*.toml")}}
	if w.follow(files) {
		t.Error("new files are said to be followed already")
	}
	if !w.follow(files) {
		t.Error("the same files are said to be new")
	}
	for _, step := range []struct {
		name string
		do   func() error
		want bool
	}{
		{"nothing", func() error { return nil }, false},
		{"a time stamp", func() error { return os.Chtimes(path("main.toml"), time.Time{}, time.Unix(1, 0)) }, false},
		{"the same content", write("main.toml", "1"), false},
		{"a neighbour", write("apps/notes.txt", "1"), false},
		{"content of the same length", write("main.toml", "2"), true},
		{"a new included file", write("apps/b.toml", "1"), true},
		{"an included file's content", write("apps/b.toml", "2"), true},
		{"permissions, which secrets are refused for", func() error { return os.Chmod(path("main.toml"), 0o604) }, true},
		{"a named file that comes", write("key.pem", "1"), true},
		{"a named file that goes", func() error { return os.Remove(path("key.pem")) }, true},
		{"an included file that goes", func() error { return os.Remove(path("apps/a.toml")) }, true},
		{"a file that is moved away", func() error {
			return os.Rename(path("main.toml"), path("real.toml"))
		}, true},
		{"and is there again, through a link", func() error { return os.Symlink("real.toml", path("main.toml")) }, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := w.changed(); got != step.want {
			t.Errorf("%s: changed is %v", step.name, got)
		}
	}
}

// Every directory in which a link on the way can be moved is watched.
func TestDirectories(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etc", "mnt/..1", "opt"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"etc/main.toml": "../mnt/main.toml", "mnt/main.toml": "..data/main.toml", "mnt/..data": "..1",
		"opt/loop": "loop", "opt/abs.toml": filepath.Join(dir, "etc/main.toml"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string][]string{
		"etc/main.toml":        {"etc", "mnt", "mnt/..1"},
		"opt/abs.toml":         {"opt", "etc", "mnt", "mnt/..1"},
		"opt/loop/x":           {"opt"},
		"etc/not/there/x.toml": {"etc"},
	} {
		dirs := make(map[string]os.FileInfo)
		addDirectories(dirs, filepath.Join(dir, name))
		for _, each := range want {
			if _, ok := dirs[filepath.Join(dir, each)]; !ok {
				t.Errorf("%s: %s is not watched", name, each)
			}
		}
		if len(dirs) != len(want) {
			t.Errorf("%s: %v, want %v", name, dirs, want)
		}
	}
}

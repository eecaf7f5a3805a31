package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/ssobridge/ssobridge/bridge/config"
)

const (
	// settleQuiet is how long nothing must have happened before files are looked
	// at, so that what is written in several steps is read once, and settleMost for
	// how long that can be put off.
	settleQuiet = 200 * time.Millisecond
	settleMost  = 2 * time.Second
	// pollInterval is when they are looked at without being told, for file systems
	// that tell nothing, such as NFS.
	pollInterval = time.Minute
	// maxWatchedBytes is the largest file whose content is looked at.
	maxWatchedBytes = 16 << 20
)

// watcher tells when files have changed: their content or their permissions, not
// only their time. What the system says about directories is only a reason to look.
// So it does not matter how a file is replaced: written in place, renamed over, or by
// a symbolic link on the way to it that is moved, as Kubernetes does. Only one
// goroutine may call its methods.
type watcher struct {
	log     *slog.Logger
	stirred chan struct{} // receives when something may have changed
	raw     chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup

	files  config.Files
	sums   map[string]string
	dirs   map[string]fs.FileInfo
	notify *fsnotify.Watcher // nil: no directories, or no way to watch them
	lost   *atomic.Bool      // notify has lost one
}

func newWatcher(log *slog.Logger) *watcher {
	ctx, stop := context.WithCancel(context.Background())
	w := &watcher{log: log, stirred: make(chan struct{}), raw: make(chan struct{}, 1), stop: stop, lost: new(atomic.Bool)}
	w.running.Go(func() { settle(ctx, w.raw, w.stirred) })
	return w
}

func (w *watcher) close() {
	w.stop()
	w.unwatch()
	w.running.Wait()
}

// settle turns what is raw into one value on stirred once it is over.
func settle(ctx context.Context, raw <-chan struct{}, stirred chan<- struct{}) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		case <-raw:
			untilQuiet(ctx, raw)
		}
		select {
		case <-ctx.Done():
			return
		case stirred <- struct{}{}:
		}
	}
}

func untilQuiet(ctx context.Context, raw <-chan struct{}) {
	quiet, most := time.NewTimer(settleQuiet), time.NewTimer(settleMost)
	defer quiet.Stop()
	defer most.Stop()
	for {
		select {
		case <-raw:
			quiet.Reset(settleQuiet)
		case <-quiet.C:
			return
		case <-most.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// follow says which files are looked at from now on, and reports whether they are
// the same as before. If not, what changed will compare the new ones with is how they
// are now: read them only now, or a change in between is never seen.
func (w *watcher) follow(files config.Files) (same bool) {
	if slices.Equal(files.Named, w.files.Named) && slices.Equal(files.Patterns, w.files.Patterns) {
		return true
	}
	before := w.sums
	w.files, w.sums = files, make(map[string]string)
	for _, path := range expand(files) {
		sum, followed := before[path]
		if !followed {
			sum = sumOf(path)
		}
		w.sums[path] = sum
	}
	return false
}

// changed reports whether a file differs from how it was at the last call.
func (w *watcher) changed() bool {
	sums := make(map[string]string)
	for _, path := range expand(w.files) {
		sums[path] = sumOf(path)
	}
	before := w.sums
	w.sums = sums
	return !maps.Equal(before, sums)
}

// expand returns the paths of files that are there, and of the named ones that are
// not.
func expand(files config.Files) []string {
	var paths []string
	for _, path := range files.Named {
		if path != "" {
			paths = append(paths, path)
		}
	}
	for _, pattern := range files.Patterns {
		matches, _ := filepath.Glob(pattern) // a bad pattern is the loader's to report
		paths = append(paths, matches...)
	}
	return paths
}

// sumOf stands for all of a file that a load can depend on.
func sumOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	sum := fmt.Sprint(info.Mode(), info.Size())
	if !info.Mode().IsRegular() || info.Size() > maxWatchedBytes {
		return sum
	}
	file, err := os.Open(path)
	if err != nil {
		return sum + err.Error()
	}
	defer func() { _ = file.Close() }()
	content := sha256.New()
	if _, err := io.Copy(content, io.LimitReader(file, maxWatchedBytes)); err != nil {
		return sum + err.Error()
	}
	return sum + string(content.Sum(nil))
}

// directories returns those in which an entry can change so that a path leads to
// another file: where it lies, and where each symbolic link on the way does.
func directories(files config.Files) map[string]fs.FileInfo {
	dirs := make(map[string]fs.FileInfo)
	for _, path := range expand(files) {
		addDirectories(dirs, path)
	}
	for _, pattern := range files.Patterns {
		parents, _ := filepath.Glob(filepath.Dir(pattern))
		for _, parent := range parents {
			addDirectories(dirs, filepath.Join(parent, "new"))
		}
	}
	return dirs
}

// maxLinks is how many symbolic links the kernel follows.
const maxLinks = 40

func addDirectories(dirs map[string]fs.FileInfo, path string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return
	}
	const separator = string(filepath.Separator)
	root := filepath.VolumeName(path) + separator
	dir, rest := root, strings.Split(strings.TrimPrefix(path, root), separator)
	add := func() {
		if info, err := os.Stat(dir); err == nil {
			dirs[dir] = info
		}
	}
	for links := 0; len(rest) > 0 && links <= maxLinks; {
		next := filepath.Join(dir, rest[0])
		info, err := os.Lstat(next)
		switch {
		case err == nil && info.Mode().Type() == fs.ModeSymlink:
			add()
			links++
			target, err := os.Readlink(next)
			if err != nil {
				return
			}
			if filepath.IsAbs(target) {
				dir = root
			}
			rest = append(strings.Split(strings.Trim(target, separator), separator), rest[1:]...)
		case err != nil || len(rest) == 1: // the nearest to where it will be
			add()
			return
		default:
			dir, rest = next, rest[1:]
		}
	}
}

// watch makes the system tell about the directories of the files, as they are now.
// One that was replaced is another one.
func (w *watcher) watch() {
	dirs := directories(w.files)
	same := maps.EqualFunc(dirs, w.dirs, os.SameFile)
	if same && !w.lost.Load() {
		return
	}
	old := w.notify
	w.dirs, w.notify, w.lost = dirs, nil, new(atomic.Bool)
	if len(dirs) > 0 {
		if err := w.start(); err != nil {
			w.log.Error("changes of files are noticed late: they cannot be watched, only looked at now and then",
				"every", pollInterval.String(), "error", err)
		}
		// What has changed before the watch began told nobody.
		w.ping()
	}
	if old != nil {
		_ = old.Close()
	}
}

func (w *watcher) start() error {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	var errs []error
	for dir := range w.dirs {
		errs = append(errs, notify.Add(dir))
	}
	w.notify = notify
	dirs, lost := w.dirs, w.lost
	w.running.Go(func() {
		for {
			select {
			case event, open := <-notify.Events:
				if !open {
					return
				}
				if _, own := dirs[event.Name]; own && event.Has(fsnotify.Remove|fsnotify.Rename) {
					lost.Store(true)
				}
			case _, open := <-notify.Errors: // such as too many events at once
				if !open {
					return
				}
			}
			w.ping()
		}
	})
	return errors.Join(errs...)
}

func (w *watcher) ping() {
	select {
	case w.raw <- struct{}{}:
	default: // there is a reason to look already
	}
}

func (w *watcher) unwatch() {
	if w.notify != nil {
		_ = w.notify.Close()
		w.notify = nil
	}
}

package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/ssobridge/ssobridge/bridge/config"
)

// Listeners are sockets that somebody else has opened; nil: the server opens what
// its configuration says.
type Listeners struct{ Listen, Admin net.Listener }

func (l Listeners) close() {
	for _, each := range []net.Listener{l.Listen, l.Admin} {
		if each != nil {
			_ = each.Close()
		}
	}
}

// The names of passed sockets, FileDescriptorName= in a .socket unit.
const (
	nameListen = "listen"
	nameAdmin  = "admin"
)

// PassedListeners returns the sockets that systemd has passed to this process by
// LISTEN_FDS, sd_listen_fds(3), and removes the variables. Connections wait in such
// a socket from one process to the next. One that would not be served is an error:
// whoever connects to it would wait for ever.
func PassedListeners() (Listeners, error) {
	var l Listeners
	places := map[string]*net.Listener{nameListen: &l.Listen, nameAdmin: &l.Admin}
	for _, file := range activation.Files(true) {
		place, known := places[file.Name()]
		switch {
		case !known:
			return Listeners{}, fmt.Errorf("the socket %q was passed to this process: FileDescriptorName= must be %q or %q",
				file.Name(), nameListen, nameAdmin)
		case *place != nil:
			return Listeners{}, fmt.Errorf("two sockets called %q were passed to this process: one is enough", file.Name())
		}
		listener, err := net.FileListener(file)
		_ = file.Close() // the listener has a duplicate
		if err != nil {
			return Listeners{}, fmt.Errorf("the socket %q that was passed to this process cannot be listened on: %w", file.Name(), err)
		}
		*place = listener
	}
	return l, nil
}

// listen opens those of the two sockets that passed lacks.
func listen(ctx context.Context, c *config.Config, passed Listeners) (Listeners, error) {
	l := passed
	for _, open := range []struct {
		place        *net.Listener
		key, address string
	}{
		{&l.Listen, "server.listen", c.Server.Listen},
		{&l.Admin, "server.admin_listen", c.Server.AdminListen},
	} {
		if *open.place != nil {
			continue
		}
		var err error
		if *open.place, err = listenAt(ctx, open.address, c.Server); err != nil {
			l.close()
			return Listeners{}, &ListenError{open.key, c.SourceOf(open.key), err}
		}
	}
	return l, nil
}

func listenAt(ctx context.Context, text string, c config.Server) (net.Listener, error) {
	network, address := config.SplitListen(text)
	if network == "unix" {
		return listenUnix(ctx, address, c.SocketMode)
	}
	var lc net.ListenConfig
	if c.ReusePort {
		lc.Control = reusePort
	}
	return lc.Listen(ctx, network, address)
}

// listenUnix puts a socket at path in place of the one that an earlier process left
// there, or still serves: connections go to the one or the other, never nowhere.
// For that, and so that it is reachable under no wider mode than it will have, the
// socket is made in a directory of its own and moved.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is there and is no socket: remove it, or name another path", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".ssobridge-") // mode 0700
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fresh := filepath.Join(dir, "s")
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", fresh)
	if err != nil {
		return nil, err
	}
	// By then, another process's socket may be at the path.
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(fresh, mode), os.Rename(fresh, path)); err != nil {
		_ = l.Close()
		return nil, err
	}
	return &movedListener{l, path}, nil
}

// movedListener knows where its socket is now.
type movedListener struct {
	net.Listener
	path string
}

func (l *movedListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

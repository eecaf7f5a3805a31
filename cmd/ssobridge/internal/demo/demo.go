package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"

	"github.com/ssobridge/ssobridge/bridge/server"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// Options say where the demo listens and what it writes to. A port of 0 is
// any free one.
type Options struct {
	// Port is where browsers go: Pomerium's stand-in.
	Port int
	// BridgePort is ssobridge itself, AdminPort its health and metrics.
	BridgePort, AdminPort int
	// Out receives the configuration, the addresses and what to try; required.
	Out io.Writer
	// Log receives what ssobridge logs; nil: none.
	Log *slog.Logger
}

// OptionError is what is wrong with options: nothing has been started.
type OptionError struct{ Problem string }

func (e *OptionError) Error() string { return e.Problem }

// Run runs the demo until ctx ends. It leaves nothing behind.
func Run(ctx context.Context, o Options) error {
	if err := o.checkPorts(); err != nil {
		return err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	running, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err := o.run(running, fail)
	// Whatever went wrong first is the reason; that ctx ended is none.
	if cause := context.Cause(running); cause != nil && !errors.Is(cause, context.Cause(ctx)) {
		return cause
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// run starts what is behind before what is in front of it, and so ends what is
// in front first: requests under way find the rest of their way.
func (o Options) run(ctx context.Context, fail context.CancelCauseFunc) error {
	front, err := listen(ctx, "--port", o.Port)
	if err != nil {
		return err
	}
	defer func() { _ = front.Close() }()
	port := front.Addr().(*net.TCPAddr).Port
	s := site{port: port, apps: sampleApps()}

	upstreams, err := listenApps(ctx, s.apps)
	defer upstreams.close()
	if err != nil {
		return err
	}
	file, err := writeConfig(configData{
		Listen:      loopback(o.BridgePort),
		AdminListen: loopback(o.AdminPort),
		JWKSURL:     "http://" + loopback(port) + verifiertest.JWKSPath,
		upstreams:   upstreams,
	})
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(file.dir) }()

	for _, a := range s.apps {
		handler := &appHandler{app: a, site: s, config: file}
		defer start(ctx, fail, serve(upstreams[a.Name], handler, o.Log))()
	}
	started := make(chan server.Addrs, 1)
	defer start(ctx, fail, func(ctx context.Context) error {
		return nameFlag(server.Run(ctx, server.Options{
			ConfigPath: file.path,
			Log:        o.Log,
			Started:    func(a server.Addrs) { started <- a },
		}))
	})()
	var addrs server.Addrs
	select {
	case addrs = <-started:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	bridge := &url.URL{Scheme: "http", Host: addrs.Listen.String()}
	pomerium, err := newPomerium(s, bridge, o.Log)
	if err != nil {
		return err
	}
	defer pomerium.close()
	// ssobridge has asked for the keys already; its request waits in the
	// listener's queue.
	defer start(ctx, fail, serve(front, pomerium, o.Log))()
	admin := &url.URL{Scheme: "http", Host: addrs.Admin.String()}
	if err := waitReady(ctx, admin.JoinPath("readyz")); err != nil {
		return err
	}
	if err := printGuide(o.Out, guide{site: s, config: file, bridge: bridge, admin: admin}); err != nil {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// checkPorts finds what no operating system can give, in terms of the flags.
func (o Options) checkPorts() error {
	flags := []struct {
		name string
		port int
	}{{"--port", o.Port}, {"--bridge-port", o.BridgePort}, {"--admin-port", o.AdminPort}}
	for i, f := range flags {
		if f.port < 0 || f.port > 65535 {
			return &OptionError{fmt.Sprintf("%s is %d; ports go from 1 to 65535, and 0 is any free one", f.name, f.port)}
		}
		for _, other := range flags[:i] {
			if f.port == other.port && f.port != 0 {
				return &OptionError{fmt.Sprintf("%s and %s are both %d; give each a port of its own", other.name, f.name, f.port)}
			}
		}
	}
	return nil
}

func listen(ctx context.Context, flag string, port int) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", loopback(port))
	if err != nil {
		return nil, portError(flag, err)
	}
	return l, nil
}

func portError(flag string, err error) error {
	return fmt.Errorf("%w; choose another port with %s, or 0 for any free one", err, flag)
}

// nameFlag adds to an error of ssobridge's listeners the flag that helps.
func nameFlag(err error) error {
	var e *server.ListenError
	if !errors.As(err, &e) {
		return err
	}
	if e.Key == "server.admin_listen" {
		return portError("--admin-port", e.Err)
	}
	return portError("--bridge-port", e.Err)
}

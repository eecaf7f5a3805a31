package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	conf "github.com/ssobridge/ssobridge/bridge/config"
	"github.com/ssobridge/ssobridge/bridge/keys"
	"github.com/ssobridge/ssobridge/bridge/server"
	"github.com/ssobridge/ssobridge/verifier/verifiertest"
)

// load sends requests on connections that are kept as long as the server keeps
// them, and that nothing repeats.
type load struct {
	t         *testing.T
	answered  atomic.Int64
	refused   atomic.Int64 // connections; what was sent on one was answered
	stop      context.CancelFunc
	clients   sync.WaitGroup
	assertion string
}

// startLoad: dial connects to the server. While it stops, connections may be
// refused if mayRefuse says so.
func (r *run) startLoad(clients int, mayRefuse bool, dial func() (net.Conn, error)) *load {
	l := &load{t: r.t, assertion: r.issuer.Assertion(verifiertest.Claims{
		Issuer: r.iss, Audience: "wiki.example.com", Subject: "ann-id", Email: "ann@example.com",
	})}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	for range clients {
		l.clients.Go(func() {
			for ctx.Err() == nil {
				c, err := dial()
				if err != nil {
					if !mayRefuse || !errors.Is(err, syscall.ECONNREFUSED) {
						l.t.Errorf("no connection: %v", err)
					}
					l.refused.Add(1)
					return
				}
				n, err := l.use(ctx, c)
				_ = c.Close()
				switch {
				case err == nil:
				case n == 0 && mayRefuse && errors.Is(err, syscall.ECONNRESET):
					l.refused.Add(1) // it never got out of the system's queue
					return
				default:
					l.t.Errorf("request %d on a connection was not answered: %v", n, err)
					return
				}
			}
		})
	}
	r.t.Cleanup(func() { stop(); l.clients.Wait() })
	return l
}

// use sends requests on c until the server closes it, and returns how many were
// answered.
func (l *load) use(ctx context.Context, c net.Conn) (n int, err error) {
	answers := bufio.NewReader(c)
	for ; ctx.Err() == nil; n++ {
		// POST: not a request that could be repeated without a word.
		if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: wiki.example.com\r\nX-Pomerium-Jwt-Assertion: %s\r\nContent-Length: 1\r\n\r\nx", l.assertion); err != nil {
			return n, err
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return n, err
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return n, err
		}
		if resp.StatusCode != http.StatusOK || string(text) != "ann@example.com is Reader" {
			return n, fmt.Errorf("%d %q", resp.StatusCode, text)
		}
		l.answered.Add(1)
		if resp.Close {
			return n + 1, nil
		}
	}
	return n, nil
}

func (l *load) end() {
	l.t.Helper()
	l.stop()
	l.clients.Wait()
	if l.answered.Load() == 0 {
		l.t.Error("nothing was answered")
	}
}

// until waits for n more answers.
func (l *load) until(n int64) {
	for want := l.answered.Load() + n; l.answered.Load() < want && !l.t.Failed(); {
		runtime.Gosched()
	}
}

func dialTo(addr net.Addr) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.Dial(addr.Network(), addr.String()) }
}

// Requests on connections that are kept alive, which nothing repeats: each is
// answered, and what comes too late finds no connection.
func TestStopUnderLoadLosesNoRequest(t *testing.T) {
	r := start(t, echoRole, nil)
	r.waitReady()
	l := r.startLoad(8, true, dialTo(r.addrs.Listen))
	l.until(200)
	r.client.CloseIdleConnections()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	r.ended <- nil
	l.clients.Wait() // until each is refused
	if l.refused.Load() != 8 {
		t.Errorf("%d of 8 clients learnt that the server is gone", l.refused.Load())
	}
}

// One process after the other on a socket that outlives them: while there is none,
// connections wait.
func TestRestartOnAPassedSocketLosesNoRequest(t *testing.T) {
	r := configured(t)
	main, addr := socket(t)
	admin, adminAddr := socket(t)
	p := r.startProcess("listen:admin", main, admin)
	if line := p.wait("msg=serving"); !strings.Contains(line, "listen="+addr.String()+" admin_listen="+adminAddr.String()) {
		t.Errorf("it serves something else: %s", line)
	}
	l := r.startLoad(8, false, dialTo(addr))
	l.until(100)
	for range 2 {
		p.term()
		p = r.startProcess("listen:admin", main, admin)
		l.until(100)
	}
	l.end()
	p.term()
}

func TestPassedSocketThatNobodyServes(t *testing.T) {
	r := configured(t)
	main, _ := socket(t)
	other, _ := socket(t)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	packets, err := udp.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packets.Close() }()
	for _, test := range []struct {
		names string
		files []*os.File
		want  string
	}{
		{"ssobridge.socket", []*os.File{main}, `the socket \"ssobridge.socket\" was passed to this process: FileDescriptorName= must be \"listen\" or \"admin\"`},
		{"listen:listen", []*os.File{main, other}, `two sockets called \"listen\" were passed`},
		{"listen", []*os.File{main, other}, `the socket \"LISTEN_FD_4\" was passed`},
		{"listen", []*os.File{packets}, `the socket \"listen\" that was passed to this process cannot be listened on`},
	} {
		p := r.startProcess(test.names, test.files...)
		p.wait(test.want)
		for range p.lines { // to its end
		}
		if err := p.cmd.Wait(); p.cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("%s: %v", test.names, err)
		}
	}
}

// The new process listens before the old one stops.
func TestReusePort(t *testing.T) {
	r := configured(t)
	holder, addr := socket(t) // keeps others from the port until both know it
	_ = holder.Close()
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.path, strings.Replace(string(b), `listen        = "127.0.0.1:0"`, "reuse_port = true\nlisten = \""+addr.String()+"\"", 1))
	old := r.startProcess("")
	old.wait("msg=serving")
	fresh := r.startProcess("")
	fresh.wait("msg=serving")
	l := r.startLoad(4, false, dialTo(addr))
	l.until(100)
	l.end()
	old.term()
	l = r.startLoad(4, false, dialTo(addr))
	l.until(100)
	l.end()
	fresh.term()
}

func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	path, admin := filepath.Join(dir, "listen.sock"), filepath.Join(dir, "admin.sock")
	onSockets := func(r *run) {
		b, err := os.ReadFile(r.path)
		if err != nil {
			t.Fatal(err)
		}
		r.overwrite(strings.NewReplacer(`listen        = "127.0.0.1:0"`, `listen = "unix:`+path+`"`,
			`admin_listen  = "127.0.0.1:0"`, `admin_listen = "unix:`+admin+`"`).Replace(string(b)))
	}
	old := start(t, echoRole, func(r *run) {
		onSockets(r)
		r.server(`socket_mode = "0600"`)
	})
	old.log.wait(t, "keys changed")
	for _, socket := range []string{path, admin} {
		if info, err := os.Lstat(socket); err != nil || info.Mode() != fs.ModeSocket|0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
	}
	if old.addrs.Listen.String() != path {
		t.Errorf("it says that it listens at %s", old.addrs.Listen)
	}
	c, err := conf.Load(old.path)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := keys.OfRunning(t.Context(), c); err != nil || len(keys) != 1 || keys[0].Issuer != "pomerium" {
		t.Errorf("asked by its socket: %v %v", keys, err)
	}
	l := old.startLoad(4, false, dialTo(old.addrs.Listen))
	l.until(20)
	// A new one takes the path over, and the old one stops: no request is lost.
	fresh := start(t, echoRole, func(r *run) {
		r.issuer = old.issuer
		r.cacheIn("", `jwks_url = "`+old.jwks.URL+verifiertest.JWKSPath+`"`)
		onSockets(r)
	})
	fresh.log.wait(t, "keys changed")
	if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("the default mode: %v %v", info.Mode(), err)
	}
	old.end()
	l.until(20)
	l.end()
	if left, _ := filepath.Glob(dir + "/.ssobridge-*"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// A file that is no socket is somebody's.
func TestUnixSocketReplacesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes")
	put(t, path, "important")
	r := configured(t)
	b, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	put(t, r.path, strings.Replace(string(b), `listen        = "127.0.0.1:0"`, `listen = "unix:`+path+`"`, 1))
	var listen *server.ListenError
	if err := server.Run(t.Context(), server.Options{ConfigPath: r.path}); !errors.As(err, &listen) || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "important" {
		t.Errorf("the file is gone: %v", err)
	}
}

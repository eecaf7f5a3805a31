package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

const upgrade = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

// dialTunnel opens a WebSocket without a library.
func dialTunnel(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, upgrade+"\r\n")
	br := bufio.NewReader(conn)
	if head, err := readHead(br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("%q %v", head, err)
	}
	return conn, br
}

// frame is one of RFC 6455 §5.2; its length may be written longer than it need be.
func frame(first byte, n int, size int) []byte {
	f := []byte{first}
	switch {
	case size == 8 || n > 0xffff:
		f = binary.BigEndian.AppendUint64(append(f, 127), uint64(n))
	case size == 2 || n > 125:
		f = binary.BigEndian.AppendUint16(append(f, 126), uint16(n))
	default:
		f = append(f, byte(n))
	}
	return append(f, bytes.Repeat([]byte{first}, n)...)
}

// What both sides say passes byte for byte, however it is cut, legal or not: frames of
// every kind, fragments, reserved bits, lengths written too long.
func TestWebSocketPassesByteForByte(t *testing.T) {
	var stream []byte
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 200_000} {
		for _, first := range []byte{0x81, 0x82, 0x01, 0x00, 0x80, 0x89, 0x8a, 0xc1, 0xf3, 0x8f} {
			stream = append(stream, frame(first, n, 0)...)
			stream = append(stream, frame(first, n%1000, 8)...)
		}
	}
	stream = append(stream, "no frame at all"...)
	toApp := make(chan []byte, 1)
	s := raw(t, func(c net.Conn, br *bufio.Reader) {
		if _, err := readHead(br); err != nil {
			return
		}
		_, _ = io.WriteString(c, switched)
		var wg sync.WaitGroup
		wg.Go(func() {
			b, _ := io.ReadAll(br)
			toApp <- b
		})
		random := rand.New(rand.NewPCG(1, 2))
		for rest := stream; len(rest) > 0; {
			n := min(1+random.IntN(40_000), len(rest))
			_, _ = c.Write(rest[:n])
			rest = rest[n:]
		}
		_ = c.(*net.TCPConn).CloseWrite()
		wg.Wait()
	})
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, nil)
	for name, addr := range map[string]string{"direct": s.l.Addr().String(), "through": f.Listener.Addr().String()} {
		conn, br := dialTunnel(t, addr)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = conn.Write(stream)
			_ = conn.(*net.TCPConn).CloseWrite()
		})
		got, err := io.ReadAll(br)
		wg.Wait()
		if err != nil || !bytes.Equal(got, stream) {
			t.Errorf("%s: the client gets %d bytes of %d, %v", name, len(got), len(stream), err)
		}
		if got := <-toApp; !bytes.Equal(got, stream) {
			t.Errorf("%s: the app gets %d bytes of %d", name, len(got), len(stream))
		}
	}
}

// A library sees no difference either: compression, fragments, pings, close codes.
func TestWebSocketIsAsDirect(t *testing.T) {
	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover, Subprotocols: []string{"v2"}})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(-1)
		for {
			kind, msg, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if string(msg) == "bye" {
				_ = c.Close(4001, "the app's own reason")
				return
			}
			_ = c.Write(r.Context(), kind, msg)
		}
	})
	f := newFront(t, proxy.Options{}, nil, echo)
	for name, target := range map[string]string{"direct": echo.URL, "through": f.URL} {
		c, answer, err := websocket.Dial(t.Context(), target, &websocket.DialOptions{
			HTTPClient: client(t), CompressionMode: websocket.CompressionContextTakeover, Subprotocols: []string{"v1", "v2"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.Subprotocol() != "v2" || !strings.Contains(answer.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate") {
			t.Errorf("%s: %v", name, answer.Header)
		}
		c.SetReadLimit(-1)
		for _, n := range []int{0, 1, 500, 70_000, 2 << 20} {
			sent := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
			if err := c.Write(t.Context(), websocket.MessageBinary, sent); err != nil {
				t.Fatal(err)
			}
			if kind, got, err := c.Read(t.Context()); err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, sent) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		}
		_ = c.Write(t.Context(), websocket.MessageText, []byte("bye"))
		_, _, err = c.Read(t.Context())
		if closed, ok := errors.AsType[websocket.CloseError](err); !ok || closed.Code != 4001 || closed.Reason != "the app's own reason" {
			t.Errorf("%s: %v", name, err)
		}
		_ = c.CloseNow()
	}
}

// tunnelled is a front whose tunnels tests can end.
func tunnelled(t *testing.T, s *rawServer) (*proxied, <-chan *proxy.Tunnel, <-chan struct{}) {
	t.Helper()
	opened, closed := make(chan *proxy.Tunnel, 1), make(chan struct{}, 1)
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, func(f *proxied) {
		f.tunnel = func(opening *proxy.Tunnel) func() {
			opened <- opening
			return func() { closed <- struct{}{} }
		}
	})
	return f, opened, closed
}

func TestEndOfATunnelIsSaidBetweenFrames(t *testing.T) {
	appSees := make(chan error, 1)
	s := raw(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		_, _ = io.WriteString(c, switched)
		_, _ = c.Write(frame(0x81, 5, 0))
		_, err := br.ReadByte()
		appSees <- err
	})
	f, opened, closed := tunnelled(t, s)
	_, br := dialTunnel(t, f.Listener.Addr().String())
	tunnel := <-opened
	first := make([]byte, 7)
	if _, err := io.ReadFull(br, first); err != nil {
		t.Fatal(err)
	}
	tunnel.End(proxy.CloseGoingAway, "a reason")
	tunnel.End(1011, "not said, as the end was")
	rest, err := io.ReadAll(br)
	want := append([]byte{0x88, 10, 0x03, 0xe9}, "a reason"...)
	if err != nil || !bytes.Equal(rest, want) {
		t.Errorf("the client gets %x, %v; want %x", rest, err, want)
	}
	if err := <-appSees; err == nil {
		t.Error("the app's connection goes on")
	}
	<-closed
}

// A close frame amid another frame would be the app's data.
func TestEndOfATunnelIsNeverSaidAmidAFrame(t *testing.T) {
	whole := frame(0x82, 100_000, 0)
	for _, cut := range []int{1, 2, 5, 9, 10, 50_000, len(whole) - 1} {
		for _, finishes := range []bool{true, false} {
			t.Run(fmt.Sprint(cut, " ", finishes), func(t *testing.T) {
				t.Parallel()
				goOn := make(chan struct{})
				s := raw(t, func(c net.Conn, br *bufio.Reader) {
					_, _ = readHead(br)
					_, _ = io.WriteString(c, switched)
					_, _ = c.Write(whole[:cut])
					<-goOn
					if finishes {
						_, _ = c.Write(slices.Concat(whole[cut:], frame(0x81, 3, 0)))
					}
					_, _ = io.Copy(io.Discard, br)
				})
				f, opened, closed := tunnelled(t, s)
				conn, br := dialTunnel(t, f.Listener.Addr().String())
				got := make([]byte, cut)
				if _, err := io.ReadFull(br, got); err != nil {
					t.Fatal(err)
				}
				(<-opened).End(proxy.CloseGoingAway, "x")
				close(goOn)
				rest, err := io.ReadAll(br)
				want := []byte{}
				if finishes {
					want = slices.Concat(whole[cut:], []byte{0x88, 3, 0x03, 0xe9, 'x'})
				}
				if err != nil || !bytes.Equal(rest, want) {
					t.Errorf("the client gets %d bytes, %v; want %d", len(rest), err, len(want))
				}
				_ = conn.Close()
				<-closed
			})
		}
	}
}

// A client that reads nothing, and one that never takes leave, do not keep a tunnel.
func TestEndOfATunnelDoesNotWaitForTheClient(t *testing.T) {
	stuck := make(chan struct{})
	s := raw(t, func(c net.Conn, br *bufio.Reader) {
		_, _ = readHead(br)
		_, _ = io.WriteString(c, switched)
		for {
			// Until nobody on the way has room for more.
			_ = c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
			if _, err := c.Write(frame(0x82, 60_000, 0)); err != nil {
				break
			}
		}
		close(stuck)
		_, _ = io.Copy(io.Discard, br)
	})
	f, opened, closed := tunnelled(t, s)
	conn, br := dialTunnel(t, f.Listener.Addr().String())
	if _, err := br.Discard(1 << 20); err != nil {
		t.Fatal(err)
	}
	<-stuck
	(<-opened).End(proxy.CloseGoingAway, "x")
	<-closed
	_ = conn.Close()
}

// Tunnels end with their client and with their app, and nothing is left of them.
func TestTunnelEndsWithEitherSide(t *testing.T) {
	for _, first := range []string{"client", "app"} {
		appDone := make(chan struct{})
		s := raw(t, func(c net.Conn, br *bufio.Reader) {
			_, _ = readHead(br)
			_, _ = io.WriteString(c, switched)
			if first == "client" {
				_, _ = io.Copy(io.Discard, br)
			}
			_ = c.Close()
			close(appDone)
		})
		f, opened, closed := tunnelled(t, s)
		conn, br := dialTunnel(t, f.Listener.Addr().String())
		<-opened
		if first == "client" {
			_ = conn.Close()
		} else if b, err := io.ReadAll(br); err != nil || len(b) != 0 {
			t.Errorf("%q %v", b, err)
		}
		<-appDone
		_ = conn.Close()
		<-closed
	}
}

// Many tunnels at once leave nothing behind.
func TestManyTunnels(t *testing.T) {
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		_, msg, err := c.Read(r.Context())
		if err == nil {
			_ = c.Write(r.Context(), websocket.MessageText, msg)
			_, _, _ = c.Read(r.Context())
		}
	}))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			c, _, err := websocket.Dial(ctx, f.URL, &websocket.DialOptions{HTTPClient: client(t)})
			if err != nil {
				t.Error(err)
				return
			}
			text := fmt.Sprint(i)
			_ = c.Write(ctx, websocket.MessageText, []byte(text))
			if _, got, err := c.Read(ctx); err != nil || string(got) != text {
				t.Errorf("%q %v", got, err)
			}
			_ = c.Close(websocket.StatusNormalClosure, "")
		})
	}
	wg.Wait()
}

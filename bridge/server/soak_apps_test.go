package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// soakApp is what TestSoak's clients ask.
func soakApp(w http.ResponseWriter, q *http.Request) {
	switch q.URL.Path {
	case "/echo":
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, q.Body)
	case "/hang":
		<-q.Context().Done()
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		for n := 0; q.Context().Err() == nil; n++ {
			_, _ = fmt.Fprintf(w, "data: %d\n", n)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(time.Millisecond):
			case <-q.Context().Done():
			}
		}
	case "/websocket":
		c, err := websocket.Accept(w, q, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			kind, text, err := c.Read(q.Context())
			if err != nil || c.Write(q.Context(), kind, text) != nil {
				return
			}
		}
	default:
		echoRole(w, q)
	}
}

// listening is an app at an address that stays.
type listening struct {
	addr string
	http *http.Server
	done chan struct{}
}

func serveOn(t *testing.T, addr string, app http.Handler) *listening {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &listening{addr: l.Addr().String(), http: &http.Server{Handler: app}, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l)
	}()
	t.Cleanup(s.stop)
	return s
}

// stop ends it as kill does.
func (s *listening) stop() {
	_ = s.http.Close()
	<-s.done
}

// restless is an app that restarts now and then.
type restless struct {
	t      *testing.T
	server *listening
	// times is odd while it is down.
	times atomic.Int64
}

func newRestless(t *testing.T) *restless {
	t.Helper()
	return &restless{t: t, server: serveOn(t, "127.0.0.1:0", http.HandlerFunc(echoRole))}
}

func (r *restless) restart() {
	r.times.Add(1)
	r.server.stop()
	r.server = serveOn(r.t, r.server.addr, http.HandlerFunc(echoRole))
	r.times.Add(1)
}

// askRestless may be refused, or its answer broken off, only if the app has been down
// meanwhile.
func (s *soak) askRestless() error {
	before := s.restless.times.Load()
	status, text, _, err := s.answer(s.request(context.Background(), http.MethodGet, "restless", "/", nil))
	switch after := s.restless.times.Load(); {
	case err == nil && status == http.StatusOK && text == "ann@example.com is Guest":
		return nil
	case (after != before || before%2 == 1) && (status == http.StatusBadGateway || errors.Is(err, io.ErrUnexpectedEOF)):
		return nil
	}
	return unexpected(status, text, err)
}

package proxy

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// inbound is the body of a request that its answer may overtake (HTTP/1, full duplex).
//
// net/http then leaves the rest of it to the end of the request, and there it does not
// look at how that went (conn.serve and response.finishRequest, Go 1.26): if the body's
// end comes, it reads the connection twice at the same time and panics; if an error
// does, of a Read that was interrupted or of a chunk that is none, it takes what follows
// for the next request, which whoever wrote the body has written too (CWE-444).
type inbound struct {
	io.ReadCloser
	mu    sync.Mutex // held while a Read waits for the client
	over  bool       // nobody reads on
	whole bool       // it was read to its end
}

var errOver = errors.New("the request is over")

// Read fails once the request is over: what writes to the upstream outlives it.
func (b *inbound) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return 0, errOver
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.whole = true
	}
	return n, err
}

// end is called when the request is over. A connection whose body is not whole by then
// carries no other request; what is left may come for a while, so that the client gets
// to read the answer (RFC 9112 §9.6).
func (b *inbound) end(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	interrupted := !b.mu.TryLock()
	if interrupted {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	b.over = true
	if b.whole && !interrupted {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(farewell))
	closeAfter(w)
}

// closeAfter closes w's connection after the answer, even if the header is sent: of what
// net/http offers, only the limit of a body does that, and only if it is given the
// innermost w.
func closeAfter(w http.ResponseWriter) {
	for {
		outer, wraps := w.(interface{ Unwrap() http.ResponseWriter })
		if !wraps {
			break
		}
		w = outer.Unwrap()
	}
	_, _ = http.MaxBytesReader(w, io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
}

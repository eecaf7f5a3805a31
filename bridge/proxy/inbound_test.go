package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
)

// However a large upload ends, its buffer is for the next.
func TestUploadsReturnTheirBuffers(t *testing.T) {
	const size = 1 << 20
	for name, end := range map[string]func(*inbound, *io.PipeWriter, <-chan struct{}){
		"whole": func(b *inbound, pw *io.PipeWriter, written <-chan struct{}) {
			go func() {
				<-written
				_ = pw.Close()
			}()
			if n, err := io.Copy(io.Discard, b); n != size/2 || err != nil {
				t.Error(n, err)
			}
		},
		"given up between two Reads": func(*inbound, *io.PipeWriter, <-chan struct{}) {},
		"given up amid a Read": func(b *inbound, pw *io.PipeWriter, written <-chan struct{}) {
			done := make(chan error)
			go func() {
				_, err := io.Copy(io.Discard, b) // waits for more
				done <- err
			}()
			<-written
			_ = b.Close()
			if err := <-done; err == nil {
				t.Error("the Read ends as if all were read")
			}
		},
		"the client is lost": func(b *inbound, pw *io.PipeWriter, written <-chan struct{}) {
			_ = pw.CloseWithError(io.ErrUnexpectedEOF)
			_, _ = io.Copy(io.Discard, b)
		},
	} {
		var u Upstream
		pr, pw := io.Pipe()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", pr)
		r.ProtoMajor = 2
		b, _ := u.newInbound(nil, r, false)
		written := make(chan struct{})
		go func() {
			defer close(written)
			_, _ = pw.Write(make([]byte, size))
		}()
		if _, err := io.ReadFull(b, make([]byte, size/2)); err != nil {
			t.Fatal(err)
		}
		if u.buffers.lent.Load() != 1 {
			t.Errorf("%s: %d large buffers are lent", name, u.buffers.lent.Load())
		}
		end(b, pw, written)
		b.end()
		if n, err := b.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%s: there is more to read", name)
		}
		for deadline := time.Now().Add(10 * time.Second); u.buffers.lent.Load() != 0; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d large buffers are still lent", name, u.buffers.lent.Load())
			}
		}
	}
}

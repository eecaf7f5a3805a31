package lookup

import (
	"runtime"
	"testing"
	"time"
)

type closing chan struct{}

func (c closing) Close() error {
	close(c)
	return nil
}

// TestCloseWith: connections end with the configuration that they are of.
func TestCloseWith(t *testing.T) {
	owner, closed := &struct{ name string }{"app"}, make(closing)
	CloseWith(owner, closed)
	runtime.GC()
	select {
	case <-closed:
		t.Fatal("closed while it is used")
	default:
	}
	runtime.KeepAlive(owner)
	for over := time.After(time.Minute); ; {
		runtime.GC()
		select {
		case <-closed:
			return
		case <-over:
			t.Fatal("never closed")
		case <-time.After(time.Millisecond):
		}
	}
}

package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// cgroup is one with a limit of memory, below that of this process.
type cgroup struct {
	dir   string
	usage string // the file with its peak
}

// newCgroup skips the test where none can be made, as in most containers.
func newCgroup(t *testing.T, limit int) *cgroup {
	t.Helper()
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skipf("no cgroups here: %v", err)
	}
	var errs []error
	for line := range strings.Lines(string(own)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3) // cgroups(7)
		c, limitFile := &cgroup{}, "memory.max"
		switch part[1] {
		case "":
			c.dir, c.usage = "/sys/fs/cgroup"+part[2], "memory.peak"
		case "memory":
			c.dir, c.usage, limitFile = "/sys/fs/cgroup/memory"+part[2], "memory.max_usage_in_bytes", "memory.limit_in_bytes"
		default:
			continue
		}
		parent := c.dir
		if c.dir, err = os.MkdirTemp(parent, "ssobridge-test-"); err != nil { //nolint:usetesting // in this file system
			errs = append(errs, err)
			continue
		}
		t.Cleanup(func() { _ = os.Remove(c.dir) })
		if err := os.WriteFile(filepath.Join(c.dir, limitFile), []byte(strconv.Itoa(limit)), 0); err != nil { // not made by this
			errs = append(errs, err)
			continue
		}
		return c
	}
	t.Skipf("no cgroup with a limit of memory can be made here: %v", errors.Join(errs...))
	return nil
}

// TestMemoryOfACgroup runs the program as a container does that may have 96 MiB, and
// sends it more at once than it is likely to see there.
func TestMemoryOfACgroup(t *testing.T) {
	const (
		limit       = 96 << 20
		connections = 400
		uploads     = 40
	)
	c := newCgroup(t, limit)
	program := filepath.Join(t.TempDir(), "ssobridge")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/ssobridge").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := configured(t)
	r.app.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(w, q.Body)
	})
	p := r.startShell(`echo $$ >"$CGROUP/cgroup.procs" && exec "$PROGRAM" serve --config "$`+processConfig+`"`,
		[]string{"CGROUP=" + c.dir, "PROGRAM=" + program})
	p.wait(fmt.Sprintf("msg=\"memory limit\" gomemlimit=%d", limit/10*9+limit%10*9/10))
	own := r.own(p)

	// All connections have a request under way at the same time, again and again.
	conns := make([]net.Conn, connections)
	for i := range conns {
		conns[i] = own.dial()
	}
	for range 3 {
		var asking sync.WaitGroup
		for _, conn := range conns {
			asking.Go(func() {
				if status, err := own.ask(conn, "/", ""); status != http.StatusOK {
					t.Errorf("%d %v", status, err)
				}
			})
		}
		asking.Wait()
	}
	// And some carry a megabyte up and down.
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	var uploading sync.WaitGroup
	for range uploads {
		uploading.Go(func() {
			resp, err := own.send(t.Context(), http.MethodPost, bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d %v, %d bytes", resp.StatusCode, err, len(got))
			}
		})
	}
	uploading.Wait()
	_, metrics := own.admin("/metrics")
	peak, _ := os.ReadFile(filepath.Join(c.dir, c.usage))
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "process_resident_memory_bytes") || strings.HasPrefix(line, "go_memstats_heap_inuse_bytes") {
			t.Log(strings.TrimSpace(line))
		}
	}
	t.Logf("of %d bytes, at most %s were in use", limit, strings.TrimSpace(string(peak)))
	for _, conn := range conns {
		_ = conn.Close()
	}
	own.client.CloseIdleConnections()
	p.term() // fails if it has been killed
}

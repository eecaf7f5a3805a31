package codec

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// linePeer is a framework in a process of its own, which answers lines with lines.
type linePeer struct {
	in  io.Writer
	out *bufio.Reader
}

// startLinePeer runs a peer until the test ends.
func startLinePeer(t *testing.T, dir, name string, args ...string) *linePeer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var log bytes.Buffer
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("%s ended with %v and said:\n%s", name, err, log.Bytes())
		}
	})
	return &linePeer{in, bufio.NewReader(out)}
}

// ask sends a line, if there is one to send, and reads the next.
func (p *linePeer) ask(t *testing.T, asked, answer any) {
	t.Helper()
	if asked != nil {
		line, err := json.Marshal(asked)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.in.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the peer says nothing: %v", err)
	}
	if err := json.Unmarshal(line, answer); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
}

// webHeader is what browsers make of cookies.
func webHeader(c Cookies) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		pairs = append(pairs, name+"="+c[name])
	}
	return strings.Join(pairs, "; ")
}

package codec

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// requireReal skips without something that is not installed, and fails where it
// must be.
func requireReal(tb testing.TB, what, install string) {
	tb.Helper()
	if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
		tb.Fatalf("%s is not installed, and SSOBRIDGE_REQUIRE_REAL=1; on Debian: apt-get install %s", what, install)
	}
	tb.Skipf("%s is not installed; on Debian: apt-get install %s", what, install)
}

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

// cookieHeader is what browsers make of cookies.
func cookieHeader(c Cookies) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		pairs = append(pairs, name+"="+c[name])
	}
	return strings.Join(pairs, "; ")
}

// peerAnswer is what the app of a peer found in a visit, and what it set.
type peerAnswer struct {
	User    *string           `json:"user"`
	Session json.RawMessage   `json:"session"` // typed, of before the change
	Set     map[string]string `json:"set"`
}

// data is the session that the app found, with Python's own word on every type.
func (a peerAnswer) data(t *testing.T) Data {
	t.Helper()
	var tree any
	if err := json.Unmarshal(a.Session, &tree); err != nil {
		t.Fatal(err)
	}
	d, ok := untyped(t, tree).(map[string]any)
	if !ok {
		t.Fatalf("not a dict: %s", a.Session)
	}
	return d
}

// name is who the app thinks is there.
func (a peerAnswer) name() string {
	if a.User == nil {
		return ""
	}
	return *a.User
}

// untyped undoes [TYPE, VALUE], by which peers say what JSON would lose.
func untyped(t *testing.T, tree any) any {
	t.Helper()
	pair := tree.([]any)
	switch kind, v := pair[0].(string), pair[1]; kind {
	case "NoneType":
		return nil
	case "bool":
		return v == "True"
	case "str":
		return v
	case "int":
		n, err := strconv.ParseInt(v.(string), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	case "float":
		f, err := strconv.ParseFloat(v.(string), 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	case "list":
		list := []any{}
		for _, member := range v.([]any) {
			list = append(list, untyped(t, member))
		}
		return list
	case "dict":
		object := map[string]any{}
		for _, member := range v.([]any) {
			pair := member.([]any)
			object[pair[0].(string)] = untyped(t, pair[1])
		}
		return object
	default:
		t.Fatalf("a %s: %v", kind, v)
		return nil
	}
}

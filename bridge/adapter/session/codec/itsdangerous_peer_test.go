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

	"github.com/google/go-cmp/cmp"
)

// pyRequired skips without something that is not installed, and fails where it
// must be.
func pyRequired(tb testing.TB, what, install string) {
	tb.Helper()
	if os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1" {
		tb.Fatalf("%s is not installed, and SSOBRIDGE_REQUIRE_REAL=1; on Debian: apt-get install %s", what, install)
	}
	tb.Skipf("%s is not installed; on Debian: apt-get install %s", what, install)
}

// pyPeer is a framework that runs in a process of its own: testdata/python/NAME.py.
type pyPeer struct {
	in  io.Writer
	out *bufio.Reader
}

// pyAsked is a visit with each of some Cookie headers.
type pyAsked struct {
	Cookies []string `json:"cookies"`
	// Change is Python for what the app does to its "session", if anything.
	Change string `json:"change,omitempty"`
	// Now is the app's clock, if not the real one.
	Now int64 `json:"now,omitempty"`
}

type pyAnswer struct {
	User    *string           `json:"user"`
	Session json.RawMessage   `json:"session"` // typed, of before the change
	Set     map[string]string `json:"set"`
}

// startPyPeer runs a peer until the test ends. Its Python has all modules.
func startPyPeer(t *testing.T, name, modules, install string, args ...string) *pyPeer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	// The Python that Debian's modules are for need not be the first one in PATH.
	var python string
	for _, candidate := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(ctx, candidate, "-c", "import "+modules).Run() == nil {
			python = candidate
			break
		}
	}
	if python == "" {
		pyRequired(t, "Python with "+modules, install)
	}
	cmd := exec.CommandContext(ctx, python, append([]string{"-B", name + ".py"}, args...)...)
	cmd.Dir = "testdata/python"
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
		err := cmd.Wait()
		if err != nil || t.Failed() {
			t.Logf("%s ended with %v and said:\n%s", name, err, log.Bytes())
		}
	})
	return &pyPeer{in, bufio.NewReader(out)}
}

// line reads what the peer says next.
func (p *pyPeer) line(t *testing.T, v any) {
	t.Helper()
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the peer says nothing: %v", err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		t.Fatal(err)
	}
}

func (p *pyPeer) visit(t *testing.T, asked pyAsked) []pyAnswer {
	t.Helper()
	line, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	var answers []pyAnswer
	p.line(t, &answers)
	if len(answers) != len(asked.Cookies) {
		t.Fatalf("%d answers to %d visits", len(answers), len(asked.Cookies))
	}
	return answers
}

// visitOne is a visit with one session of a codec, or with none.
func (p *pyPeer) visitOne(t *testing.T, c Cookies, change string) pyAnswer {
	t.Helper()
	header := ""
	for name, value := range c {
		header = name + "=" + value
	}
	return p.visit(t, pyAsked{Cookies: []string{header}, Change: change})[0]
}

// data is the session that the app found, with Python's own word on every type.
func (a pyAnswer) data(t *testing.T) Data {
	t.Helper()
	var tree any
	if err := json.Unmarshal(a.Session, &tree); err != nil {
		t.Fatal(err)
	}
	d, ok := pyTree(t, tree).(map[string]any)
	if !ok {
		t.Fatalf("not a dict: %s", a.Session)
	}
	return d
}

// name is who the app thinks is there.
func (a pyAnswer) name() string {
	if a.User == nil {
		return ""
	}
	return *a.User
}

func pyTree(t *testing.T, tree any) any {
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
			list = append(list, pyTree(t, member))
		}
		return list
	case "dict":
		object := map[string]any{}
		for _, member := range v.([]any) {
			pair := member.([]any)
			object[pair[0].(string)] = pyTree(t, pair[1])
		}
		return object
	default:
		t.Fatalf("a %s: %v", kind, v)
		return nil
	}
}

// pyWantSession compares what the app found with what it should have.
func pyWantSession(t *testing.T, want Data, a pyAnswer, except ...string) {
	t.Helper()
	got := a.data(t)
	want = maps.Clone(want)
	for _, key := range except {
		delete(got, key)
		delete(want, key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the app's session (-want +got):\n%s", diff)
	}
}

// pyAgrees shows a framework what is tampered with, and what is old. Some of what is
// refused here itsdangerous takes, since it drops characters that are not base64's.
func pyAgrees(t *testing.T, f pyFormat, peer *pyPeer) {
	t.Helper()
	c := f.must(t, pySecret)
	name := c.Names()[0]
	d := Data{"a": "b"}
	value := pyEncode(t, c, d, pyNow)[name]
	var headers []string
	for tampered := range pyTampered(value) {
		headers = append(headers, name+"="+tampered)
	}
	slices.Sort(headers)
	// A cookie that nobody could send.
	headers = slices.DeleteFunc(headers, func(h string) bool {
		return slices.ContainsFunc([]byte(h), func(b byte) bool { return b < ' ' || b >= 0x7f || b == ';' })
	})
	lenient := 0
	for i, a := range peer.visit(t, pyAsked{Cookies: headers, Now: pyNow.Unix()}) {
		if len(a.data(t)) > 0 {
			lenient++
			if f.skew == 0 && !strings.ContainsAny(headers[i], `" `) { // which is the parser of headers
				t.Errorf("%s takes %s", f.name, headers[i])
			}
		}
	}
	t.Logf("of %d cookies that are refused here, %s takes %d", len(headers), f.name, lenient)

	// The stamp's age, by the clock of an app whose settings are the default.
	stamp := pyNow.Add(-f.skew)
	last := f.maxAge
	for age, want := range map[time.Duration]bool{0: true, time.Second: true, last - time.Second: true, last: true, last + time.Second: false} {
		now := stamp.Add(age)
		a := peer.visit(t, pyAsked{Cookies: []string{name + "=" + value}, Now: now.Unix()})[0]
		_, err := c.Decode(t.Context(), Cookies{name: value}, Times{Now: now})
		if theirs, ours := len(a.data(t)) > 0, err == nil; theirs != want || ours != want {
			t.Errorf("after %s: the framework %t, the codec %t; want %t", age, theirs, ours, want)
		}
	}
	// A bridge whose clock is ahead signs people in all the same.
	if f.skew > 0 {
		for ahead, want := range map[time.Duration]bool{f.skew: true, f.skew + time.Second: false} {
			value := pyEncode(t, c, d, pyNow.Add(ahead))[name]
			a := peer.visit(t, pyAsked{Cookies: []string{name + "=" + value}, Now: pyNow.Unix()})[0]
			if got := len(a.data(t)) > 0; got != want {
				t.Errorf("%s ahead: %t, want %t", ahead, got, want)
			}
		}
	}
}

package codec

import (
	"context"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pyPeer is a framework that runs in a process of its own: testdata/python/NAME.py.
type pyPeer struct{ *linePeer }

// pyAsked is a visit with each of some Cookie headers.
type pyAsked struct {
	Cookies []string `json:"cookies"`
	// Change is Python for what the app does to its "session", if anything.
	Change string `json:"change,omitempty"`
	// Now is the app's clock, if not the real one.
	Now int64 `json:"now,omitempty"`
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
		requireReal(t, "Python with "+modules, install)
	}
	return &pyPeer{startLinePeer(t, "testdata/python", python, append([]string{"-B", name + ".py"}, args...)...)}
}

func (p *pyPeer) visit(t *testing.T, asked pyAsked) []peerAnswer {
	t.Helper()
	var answers []peerAnswer
	p.ask(t, asked, &answers)
	if len(answers) != len(asked.Cookies) {
		t.Fatalf("%d answers to %d visits", len(answers), len(asked.Cookies))
	}
	return answers
}

// visitOne is a visit with one session of a codec, or with none.
func (p *pyPeer) visitOne(t *testing.T, c Cookies, change string) peerAnswer {
	t.Helper()
	header := ""
	for name, value := range c {
		header = name + "=" + value
	}
	return p.visit(t, pyAsked{Cookies: []string{header}, Change: change})[0]
}

// pyWantSession compares what the app found with what it should have.
func pyWantSession(t *testing.T, want Data, a peerAnswer, except ...string) {
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

// pyAgrees shows a framework what is tampered with, and what is old: whatever is taken
// here, it takes; of what it takes, only what nobody writes is refused. That is some,
// since itsdangerous drops characters that are not base64's.
func pyAgrees(t *testing.T, f pyFormat, peer *pyPeer) {
	t.Helper()
	c := f.must(t, testSecret)
	name := c.Names()[0]
	d := Data{"a": "b"}
	value := mustEncode(t, c, d, testNow)[name]
	var headers []string
	for bad := range tampered(value) {
		headers = append(headers, name+"="+bad)
	}
	slices.Sort(headers)
	// A cookie that nobody could send.
	headers = slices.DeleteFunc(headers, func(h string) bool {
		return slices.ContainsFunc([]byte(h), func(b byte) bool { return b < ' ' || b >= 0x7f || b == ';' })
	})
	lenient := 0
	for i, a := range peer.visit(t, pyAsked{Cookies: headers, Now: testNow.Unix()}) {
		if len(a.data(t)) > 0 {
			lenient++
			if f.skew == 0 && !strings.ContainsAny(headers[i], `" `) { // which is the parser of headers
				t.Errorf("%s takes %s", f.name, headers[i])
			}
		}
	}
	t.Logf("of %d cookies that are refused here, %s takes %d", len(headers), f.name, lenient)

	// The stamp's age, by the clock of an app whose settings are the default.
	stamp := testNow.Add(-f.skew)
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
			value := mustEncode(t, c, d, testNow.Add(ahead))[name]
			a := peer.visit(t, pyAsked{Cookies: []string{name + "=" + value}, Now: testNow.Unix()})[0]
			if got := len(a.data(t)) > 0; got != want {
				t.Errorf("%s ahead: %t, want %t", ahead, got, want)
			}
		}
	}
}

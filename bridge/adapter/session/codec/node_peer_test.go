package codec

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// nodePeer is an app of testdata/node/peer.mjs, which runs until the test ends.
type nodePeer struct {
	t    *testing.T
	addr string
}

// nodeVisit is a request to the app.
type nodeVisit struct {
	path    string
	cookies Cookies
	change  Data      // what the app adds to the session
	now     time.Time // the app's clock; zero: the real one
}

type nodeAnswer struct {
	user    string // empty: nobody
	session Data   // of before the change
	set     Cookies
	gone    []string // cookies that the app removes
}

// startNodePeer runs the apps of one kind.
func startNodePeer(t *testing.T, app string, secrets []string, env ...string) *nodePeer {
	t.Helper()
	const install = "nodejs npm; then copy package.json and package-lock.json from testdata/node elsewhere, " +
		"run npm ci --legacy-peer-deps there, and set SSOBRIDGE_NODE_CODECS to that directory"
	node, err := exec.LookPath("node")
	if err != nil {
		requireReal(t, "node", install)
	}
	packages := filepath.Join(os.Getenv("SSOBRIDGE_NODE_CODECS"), "node_modules")
	if _, err := os.Stat(filepath.Join(packages, "cookie-session")); os.Getenv("SSOBRIDGE_NODE_CODECS") == "" || err != nil {
		requireReal(t, "what testdata/node/package.json names", install)
	}
	dir := t.TempDir()
	script, err := os.ReadFile("testdata/node/peer.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "peer.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, node, "peer.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(env, "APP="+app, "SECRETS="+string(list))...)
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
		if t.Failed() {
			t.Logf("peer.mjs ended with %v and said:\n%s", err, log.Bytes())
		}
	})
	var port int
	if _, err := fmt.Fscanln(out, &port); err != nil {
		t.Fatalf("peer.mjs says no port: %v", err)
	}
	return &nodePeer{t, fmt.Sprintf("http://127.0.0.1:%d", port)}
}

// of is the same app for a subtest.
func (p *nodePeer) of(t *testing.T) *nodePeer { return &nodePeer{t, p.addr} }

// get is a request of a browser.
func (p *nodePeer) get(v nodeVisit) nodeAnswer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.addr+v.path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	var header []string
	for name, value := range v.cookies {
		header = append(header, name+"="+value)
	}
	slices.Sort(header)
	req.Header.Set("Cookie", strings.Join(header, "; "))
	if v.change != nil {
		text, err := marshalJS(v.change)
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header.Set("X-Change", base64.StdEncoding.EncodeToString(text))
	}
	if !v.now.IsZero() {
		req.Header.Set("X-Now", fmt.Sprint(v.now.Unix()))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode > 299 {
		p.t.Fatalf("%s: status %d: %s", v.path, resp.StatusCode, body)
	}
	answer := nodeAnswer{set: Cookies{}}
	for _, line := range resp.Header.Values("Set-Cookie") {
		pair, attributes, _ := strings.Cut(line, ";")
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || strings.Contains(attributes, "Max-Age=0") {
			answer.gone = append(answer.gone, name)
			continue
		}
		answer.set[name] = value
	}
	if len(body) == 0 {
		return answer
	}
	said, err := unmarshalJS(body)
	if err != nil {
		p.t.Fatalf("%s: %v in %s", v.path, err, body)
	}
	answer.user, _ = said["user"].(string)
	answer.session = said["session"].(map[string]any)
	return answer
}

// nodeSeen is what JavaScript makes of a session: its numbers are all of one kind.
func nodeSeen(v any) any {
	switch v := v.(type) {
	case float64:
		if n := int64(v); float64(n) == v && jsKeeps(n) {
			return n
		}
		return v
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = nodeSeen(v[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, member := range v {
			object[key] = nodeSeen(member)
		}
		return object
	default:
		return v
	}
}

func nodeSeenData(d Data) Data { return nodeSeen(map[string]any(d)).(map[string]any) }

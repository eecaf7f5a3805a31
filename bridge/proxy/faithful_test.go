package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/proxy"
)

// answers is a server that answers each request with the same bytes, and closes.
func answers(t testing.TB, text string) *rawServer {
	t.Helper()
	return raw(t, func(c net.Conn, br *bufio.Reader) {
		if _, err := readHead(br); err == nil {
			_, _ = io.WriteString(c, text)
		}
	})
}

// The client gets what the app says, as it would without a proxy. (All that net/http
// leaves out: the Content-Length of a 304, which says nothing (RFC 9110 §8.6), and
// what the trailers of a HEAD would be.)
func TestAnswersAreAsDirect(t *testing.T) {
	for name, answer := range map[string]string{
		"several Set-Cookie":     "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=\"x, y\"; Expires=Thu, 01 Jan 2026 00:00:00 GMT\r\nSet-Cookie: \r\nContent-Length: 0\r\n\r\n",
		"weird header values":    "HTTP/1.1 200 OK\r\nX-Empty:\r\nX-Latin: caf\xe9\r\nX-Utf8: \u00fc\u2603\r\nX-Tab: a\tb\r\nX-Quotes: \"a\\\"b\", c;d=\"e\"\r\nX-Long: " + strings.Repeat("x", 8000) + "\r\nContent-Length: 0\r\n\r\n",
		"weird header names":     "HTTP/1.1 200 OK\r\nx_under: 1\r\nX.Dot: 2\r\nX-!#$%&'*+^`|~: 3\r\nContent-Length: 0\r\n\r\n",
		"no content type":        "HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html><script>1",
		"empty content type":     "HTTP/1.1 200 OK\r\nContent-Type:\r\nContent-Length: 6\r\n\r\n<html>",
		"204":                    "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
		"304":                    "HTTP/1.1 304 Not Modified\r\nEtag: \"a\"\r\nVary: Accept\r\n\r\n",
		"205":                    "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
		"a range":                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/10\r\nAccept-Ranges: bytes\r\nContent-Length: 2\r\n\r\ncd",
		"several ranges":         "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 5\r\n\r\n--x--",
		"416":                    "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\nContent-Length: 0\r\n\r\n",
		"an unknown status":      "HTTP/1.1 299 Whatever\r\nContent-Length: 0\r\n\r\n",
		"999":                    "HTTP/1.1 999 Request Denied\r\nContent-Length: 0\r\n\r\n",
		"a redirect elsewhere":   "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:3000/a?b#c\r\nContent-Length: 0\r\n\r\n",
		"compressed":             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
		"until the end":          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nall of it",
		"HTTP/1.0":               "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold",
		"chunks":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n",
		"trailers":               "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Unannounced: 2\r\n\r\n",
		"trailers without chunk": "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n",
		"WWW-Authenticate":       "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm=\"a, b\"\r\nContent-Length: 0\r\n\r\n",
		"server":                 "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nX-Powered-By: PHP\r\nContent-Length: 0\r\n\r\n",
		"authorization":          "HTTP/1.1 200 OK\r\nAuthorization: Bearer app\r\nX-User: who the app says\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
				said := answer
				if method == http.MethodHead { // the same without a body
					head, _, _ := strings.Cut(answer, "\r\n\r\n")
					said = strings.ReplaceAll(head, "\r\nTrailer: X-Sum", "") + "\r\n\r\n"
				}
				s := answers(t, said)
				f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, nil)
				direct := seen(t, method, "http://"+s.l.Addr().String())
				if diff := cmp.Diff(direct, seen(t, method, f.URL)); diff != "" {
					t.Errorf("%s (-direct +through):\n%s", method, diff)
				}
			}
		})
	}
}

// answerSeen is an answer as far as a client can tell.
type answerSeen struct {
	Status  string
	Length  int64
	Header  http.Header
	Body    string
	Trailer http.Header
}

func seen(t *testing.T, method, target string) answerSeen {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	code, _, _ := strings.Cut(answer.Status, " ")
	got := answerSeen{code, answer.ContentLength, answer.Header, string(body), answer.Trailer}
	// What one connection says of itself; and a proxy may add a Date (RFC 9110 §6.6.1).
	got.Header.Del("Connection")
	if v := got.Header["Date"]; len(v) == 1 && !strings.Contains(v[0], "2026 00:00:00") {
		got.Header.Del("Date")
	}
	return got
}

// The app gets what the client says, but for what is the bridge's to say.
func TestRequestsAreAsSent(t *testing.T) {
	heads := make(chan string, 1)
	s := raw(t, func(c net.Conn, br *bufio.Reader) {
		head, _ := readHead(br)
		heads <- head
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	a := s.address(t)
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{a}}, nil)
	base := address(t, a.URL.String()+"/wiki%2Fa/")
	below := newFront(t, proxy.Options{Addresses: []proxy.Address{base}}, nil)
	ask := func(f *front, request string) string {
		t.Helper()
		exchange(t, f.Listener.Addr().String(), request+"Host: app.example.com\r\nConnection: close\r\n\r\n")
		return <-heads
	}
	for _, target := range []string{
		"/", "//", "//a//b", "/a/../b", "/%2e%2e/x", "/a%2Fb%2fc", "/a;b=c,d", "/a?b=1;c=2&d", "/?q=%zz", "/x?", "/%C3%BC?%00", "/a+b?c+d=e%20f", "/@x:80", "/a:b", "/?" + strings.Repeat("a", 500),
	} {
		head := ask(f, "GET "+target+" HTTP/1.1\r\n")
		if want := "GET " + target + " HTTP/1.1\r\n"; !strings.HasPrefix(head, want) {
			t.Errorf("sent %q, the app gets\n%s", want, head)
		}
		if strings.Contains(target, "..") || strings.Contains(target, "%2e") {
			continue // Reaches refuses these where there is a path before
		}
		head = ask(below, "GET "+target+" HTTP/1.1\r\n")
		if want := "GET /wiki%2Fa" + target + " HTTP/1.1\r\n"; !strings.HasPrefix(head, want) {
			t.Errorf("below a path, want %q, the app gets\n%s", want, head)
		}
	}
	head := ask(f, "PROPFIND /dav HTTP/1.1\r\nX-Empty:\r\nX-Latin: caf\xe9\r\nX-Two: a\r\nX-Two: b\r\nCookie: a=\"x y\"; b=\xff\r\nIf-Range: \"e\"\r\nRange: bytes=0-1,5-\r\nTe: trailers, deflate\r\nAccept-Encoding: br\r\n")
	for _, want := range []string{
		"PROPFIND /dav HTTP/1.1", "X-Empty: ", "X-Latin: caf\xe9", "X-Two: a", "X-Two: b", "Cookie: a=\"x y\"; b=\xff", "Range: bytes=0-1,5-",
		"If-Range: \"e\"", "Te: trailers", "Accept-Encoding: br", "Host: app.example.com", "X-User: ann",
	} {
		if !strings.Contains(head, "\r\n"+want+"\r\n") && !strings.HasPrefix(head, want) {
			t.Errorf("the app lacks %q in\n%s", want, head)
		}
	}
	for _, unwanted := range []string{"User-Agent", "Accept-Encoding: gzip", "deflate", "Content-Length", "Transfer-Encoding"} {
		if strings.Contains(head, unwanted) {
			t.Errorf("the app gets %q in\n%s", unwanted, head)
		}
	}
}

// A client of HTTP/1.0 gets an answer that it understands: no chunks, nothing
// informational, and an end.
func TestClientOfHTTP10(t *testing.T) {
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "a")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "b")
	}))
	got := exchange(t, f.Listener.Addr().String(), "GET / HTTP/1.0\r\nHost: a\r\n\r\n")
	head, body, _ := strings.Cut(got, "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.0 200 OK") || strings.Contains(got, "103") || strings.Contains(head, "chunked") || body != "ab" {
		t.Errorf("got\n%s", got)
	}
	// Nor is it switched to another protocol (RFC 9110 §7.8).
	got = exchange(t, f.Listener.Addr().String(), "GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.0 200 OK") {
		t.Errorf("got\n%s", got)
	}
}

func TestEarlyHintsHoldNothingButHints(t *testing.T) {
	s := answers(t, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nSet-Cookie: session=1\r\nX-Pomerium-Jwt-Assertion: x\r\nServer: nginx\r\n\r\n"+
		"HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n"+
		"HTTP/1.1 200 OK\r\nSet-Cookie: session=2\r\nX-Pomerium-Claim-Email: x\r\nServer: nginx\r\nContent-Length: 2\r\n\r\nok")
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, func(f *front) {
		f.upstream.Hide = []string{"Server"}
		inner := f.Config.Handler
		f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Ours", "said before")
			inner.ServeHTTP(w, r)
		})
	})
	var hints []textproto.MIMEHeader
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		hints = append(hints, h)
		return nil
	}})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	want := []textproto.MIMEHeader{{"Link": {"</a.css>; rel=preload"}}, {"Link": {"</b.css>; rel=preload"}}}
	if diff := cmp.Diff(want, hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	answer.Header.Del("Date")
	final := http.Header{"Set-Cookie": {"session=2"}, "Content-Length": {"2"}, "X-Ours": {"said before"}}
	if diff := cmp.Diff(final, answer.Header); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestHiddenNamesAreHiddenInTrailersToo(t *testing.T) {
	s := answers(t, "HTTP/1.1 200 OK\r\nTrailer: X-Sum, X-Pomerium-A\r\nTransfer-Encoding: chunked\r\nX-Powered-By: PHP\r\nX-POMERIUM-B: 1\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nX-Pomerium-A: 1\r\nX-Pomerium-C: 1\r\nX-Powered-By: PHP\r\n\r\n")
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, func(f *front) { f.upstream.Hide = []string{"X-Powered-By"} })
	got := seen(t, http.MethodGet, f.URL)
	if !onlyAnnounced(got.Trailer) {
		t.Errorf("trailers %v", got.Trailer)
	}
	if len(got.Header) != 0 {
		t.Errorf("header %v", got.Header)
	}
}

// onlyAnnounced: what an app announces is a name without a value.
func onlyAnnounced(trailer http.Header) bool {
	for name, values := range trailer {
		if name != "X-Sum" && len(values) > 0 {
			return false
		}
	}
	return slices.Equal(trailer["X-Sum"], []string{"1"})
}

// Each event arrives before the next is sent: nothing on the way waits for more.
func TestEventsAreNotHeldBack(t *testing.T) {
	for _, header := range []string{"Content-Type: text/event-stream", "Content-Type: text/plain", "Content-Type: text/event-stream; charset=utf-8\nContent-Length: 24"} {
		next := make(chan struct{})
		f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
			for line := range strings.SplitSeq(header, "\n") {
				name, value, _ := strings.Cut(line, ": ")
				w.Header().Set(name, value)
			}
			for i := range 3 {
				_, _ = fmt.Fprintf(w, "data: %d\n", i)
				_ = http.NewResponseController(w).Flush()
				select {
				case <-next:
				case <-r.Context().Done():
					return
				}
			}
		}))
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := clientOf(t, protocol).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			br := bufio.NewReader(answer.Body)
			for i := range 3 {
				line, err := br.ReadString('\n')
				if want := fmt.Sprintf("data: %d\n", i); err != nil || line != want {
					t.Fatalf("%s, %s: %q, %v", header, protocol, line, err)
				}
				next <- struct{}{}
			}
			_ = answer.Body.Close()
		}
	}
}

func clientOf(t testing.TB, protocol string) *http.Client {
	t.Helper()
	c := client(t)
	if protocol == "HTTP/2" {
		transport := c.Transport.(*http.Transport)
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	return c
}

// A client that asks first sends its body only if the app wants it.
func TestExpectContinue(t *testing.T) {
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		b, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprint(w, len(b), r.Header.Get("Expect"))
	}))
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	br := bufio.NewReader(conn)
	request := "POST %s HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	_, _ = fmt.Fprintf(conn, request, "/")
	if head, err := readHead(br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 100 Continue\r\n") {
		t.Fatalf("%q %v", head, err)
	}
	_, _ = io.WriteString(conn, "hello")
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(answer.Body); err != nil || string(b) != "5100-continue" {
		t.Errorf("%q %v", b, err)
	}
	_, _ = fmt.Fprintf(conn, request, "/no")
	if head, err := readHead(br); err != nil || !strings.HasPrefix(head, "HTTP/1.1 413") {
		t.Errorf("%q %v", head, err)
	}
}

// An app that has seen enough says so, and the client hears it.
func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"+strings.Repeat("x", 1<<20))
	if head, err := readHead(bufio.NewReader(conn)); err != nil || !strings.HasPrefix(head, "HTTP/1.1 413") {
		t.Errorf("%q %v", head, err)
	}
}

// endless reads n bytes that no buffer holds.
type endless struct {
	n   int64
	sum hash.Hash
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), e.n)]
	for i := range p {
		p[i] = byte(e.n) + byte(i)
	}
	e.n -= int64(len(p))
	e.sum.Write(p)
	return len(p), nil
}

// Bodies of any size pass through constant memory, both ways at once.
func TestBodiesAreNotHeld(t *testing.T) {
	const size = 96 << 20
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body)
	}))
	sent := &endless{size, sha256.New()}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL, sent)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	answer, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	received := sha256.New()
	n, err := io.Copy(received, answer.Body)
	if err != nil || n != size || !bytes.Equal(received.Sum(nil), sent.sum.Sum(nil)) {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size/8 {
		t.Errorf("%d MB were allocated for %d MB", allocated>>20, size>>20)
	}
}

// gRPC: HTTP/2 on both sides, streams both ways, and the status in trailers.
func TestGRPCPasses(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Te") != "trailers" || r.Header.Get("X-User") != "ann" {
			t.Errorf("the app gets %s %v", r.Proto, r.Header)
		}
		w.Header().Set("Content-Type", "application/grpc")
		if r.URL.Path == "/trailers-only" {
			w.Header().Set("Grpc-Status", "7")
			return
		}
		w.Header().Set("Trailer", "Grpc-Status")
		_ = http.NewResponseController(w).Flush()
		br := bufio.NewReader(r.Body)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				break
			}
			_, _ = io.WriteString(w, "echo "+line)
			_ = http.NewResponseController(w).Flush()
		}
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Grpc-Message", "fine")
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	f := newFront(t, proxy.Options{HTTP2: true}, nil, s)
	pr, pw := io.Pipe()
	ask := func(path string, body io.Reader) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
		answer, err := clientOf(t, "HTTP/2").Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	answer := ask("/stream", pr)
	br := bufio.NewReader(answer.Body)
	for i := range 3 {
		_, _ = fmt.Fprintf(pw, "%d\n", i)
		if line, err := br.ReadString('\n'); err != nil || line != fmt.Sprintf("echo %d\n", i) {
			t.Fatalf("%q %v", line, err)
		}
	}
	_ = pw.Close()
	if _, err := io.ReadAll(br); err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if diff := cmp.Diff(http.Header{"Grpc-Status": {"0"}, "Grpc-Message": {"fine"}}, answer.Trailer); diff != "" {
		t.Error(diff)
	}
	answer = ask("/trailers-only", nil)
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if got := answer.Trailer.Get("Grpc-Status") + answer.Header.Get("Grpc-Status"); got != "7" {
		t.Errorf("status %q", got)
	}
}

// What ends amid a body must not look whole.
func TestBrokenAnswersStayBroken(t *testing.T) {
	for name, answer := range map[string]string{
		"short of its length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"amid a chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
		"before the last":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"a chunk too large":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nfffffffffffffffff\r\n",
		"a chunk of no size":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
	} {
		for _, reset := range []bool{false, true} {
			s := raw(t, func(c net.Conn, br *bufio.Reader) {
				_, _ = readHead(br)
				_, _ = io.WriteString(c, answer)
				if reset {
					_ = c.(*net.TCPConn).SetLinger(0)
				}
			})
			f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, nil)
			for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				answer, err := clientOf(t, protocol).Do(r)
				if err != nil {
					continue // before anything was said
				}
				if b, err := io.ReadAll(answer.Body); err == nil && answer.StatusCode == http.StatusOK {
					t.Errorf("%s, %s, reset %v: the client takes %q for all", name, protocol, reset, b)
				}
				_ = answer.Body.Close()
			}
		}
	}
}

// A client that goes away lets the app go too, while it works and while it answers.
func TestClientThatGoesAwayFreesTheApp(t *testing.T) {
	began, gone := make(chan struct{}), make(chan struct{})
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then, net/http does not see who goes
		if r.URL.Path == "/answering" {
			_, _ = io.WriteString(w, "a")
			_ = http.NewResponseController(w).Flush()
		}
		began <- struct{}{}
		<-r.Context().Done()
		gone <- struct{}{}
	}))
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2"} {
		for _, path := range []string{"/working", "/answering"} {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL+path, strings.NewReader("body"))
				if err != nil {
					done <- err
					return
				}
				answer, err := clientOf(t, protocol).Do(r)
				if err == nil {
					_, err = io.ReadAll(answer.Body)
					_ = answer.Body.Close()
				}
				done <- err
			}()
			<-began
			cancel()
			<-gone
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("%s %s: %v", protocol, path, err)
			}
		}
	}
}

// A 101 that nobody asked for is no tunnel past the bridge.
func TestProtocolSwitchThatNobodyAskedForIsRefused(t *testing.T) {
	for _, head := range []string{"Connection: Upgrade\r\nUpgrade: websocket\r\n", "Connection: Upgrade\r\n", "", "Connection: Upgrade\r\nUpgrade:\r\n"} {
		s := answers(t, "HTTP/1.1 101 Switching Protocols\r\n"+head+"\r\nraw")
		f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, nil)
		for _, upgrade := range []string{"", "Connection: Upgrade\r\nUpgrade: h2c\r\n", "Upgrade: websocket\r\n", "Connection: Upgrade\r\n"} {
			got := exchange(t, f.Listener.Addr().String(), "GET / HTTP/1.1\r\nHost: a\r\n"+upgrade+"Connection: close\r\n\r\n")
			if strings.Contains(got, " 101 ") || strings.Contains(got, "raw") {
				t.Errorf("app %q, client %q: %q", head, upgrade, got)
			}
		}
	}
}

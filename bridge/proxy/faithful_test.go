package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"

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
	ask := func(f *proxied, request string) string {
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
	f := newFront(t, proxy.Options{}, nil, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header["Upgrade"] != nil {
			t.Error("the app is asked for another protocol")
		}
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
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, func(f *proxied) {
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
	f := newFront(t, proxy.Options{Addresses: []proxy.Address{s.address(t)}}, func(f *proxied) { f.upstream.Hide = []string{"X-Powered-By"} })
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

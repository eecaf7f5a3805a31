package demo

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// browser is a person at a browser without JavaScript: it keeps cookies,
// follows redirects, and knows links and forms by what the page says.
type browser struct {
	t      *testing.T
	client *http.Client
	page   *page // the one that is open
}

// page is what the browser shows.
type page struct {
	url    *url.URL
	status int
	header http.Header
	doc    *html.Node
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, client: newClient(t)}
	b.client.Jar = jar
	return b
}

// newClient returns a client that takes *.localhost for this machine, as
// browsers do and Go does not.
func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			if host == "localhost" || strings.HasSuffix(host, ".localhost") {
				addr = net.JoinHostPort("127.0.0.1", port)
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (b *browser) open(address string) {
	b.t.Helper()
	b.send(http.MethodGet, address, nil)
}

func (b *browser) send(method, address string, form url.Values) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	doc, err := html.Parse(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.page = &page{url: resp.Request.URL, status: resp.StatusCode, header: resp.Header, doc: doc}
}

// follow opens the link that says text.
func (b *browser) follow(text string) {
	b.t.Helper()
	for n := range b.page.doc.Descendants() {
		if n.Data == "a" && textOf(n) == text {
			b.open(b.resolve(attr(n, "href")))
			return
		}
	}
	b.t.Fatalf("no link %q on %s:\n%s", text, b.page.url, textOf(b.page.doc))
}

// submit sends the form with the button that says text, with what typed says
// in its fields.
func (b *browser) submit(text string, typed url.Values) {
	b.t.Helper()
	for form := range b.page.doc.Descendants() {
		if form.Data != "form" {
			continue
		}
		values, pressed := url.Values{}, false
		for n := range form.Descendants() {
			name := attr(n, "name")
			switch n.Data {
			case "button":
				if label, _, _ := strings.Cut(textOf(n), "\n"); label == text {
					pressed = true
					if name != "" {
						values.Set(name, attr(n, "value"))
					}
				}
			case "input":
				values.Set(name, attr(n, "value"))
			case "textarea":
				values.Set(name, textOf(n))
			}
		}
		if !pressed {
			continue
		}
		for name, v := range typed {
			if !values.Has(name) {
				b.t.Fatalf("the form has no field %q", name)
			}
			values[name] = v
		}
		b.send(strings.ToUpper(attr(form, "method")), b.resolve(attr(form, "action")), values)
		return
	}
	b.t.Fatalf("no button %q on %s:\n%s", text, b.page.url, textOf(b.page.doc))
}

// become signs in as a sample person on the sign-in page.
func (b *browser) become(name string) {
	b.t.Helper()
	b.submit(name, nil)
}

func (b *browser) resolve(reference string) string {
	b.t.Helper()
	u, err := b.page.url.Parse(reference)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.String()
}

// byID is the text of an element, "" if there is none.
func (p *page) byID(id string) string {
	for n := range p.doc.Descendants() {
		if attr(n, "id") == id {
			return textOf(n)
		}
	}
	return ""
}

func (p *page) text() string { return textOf(p.doc) }

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// textOf is the text in an element, without style sheets.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && (d.Parent == nil || d.Parent.Data != "style") {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

// curl sends what curl would: any Accept, no cookies but those given.
func curl(t *testing.T, address string, header http.Header) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "*/*")
	maps.Copy(r.Header, header) // in this spelling
	client := newClient(t)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

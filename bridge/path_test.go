package bridge_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// pathConfig has public and denied paths, in an app of a preset that carries sessions.
const pathConfig = rigConfig + `
[[app.grafana.public]]
prefix = "/public/"

[[app.grafana.public]]
path = "/health"

[[app.grafana.public]]
methods = ["POST"]
path    = "/hook"

[[app.grafana.public]]
path = "/"

[[app.grafana.deny]]
prefix = "/admin/"

[[app.grafana.deny]]
prefix = "/public/private/"

[[app.grafana.deny]]
methods = ["DELETE"]
prefix  = "/api/"
`

// request sends a request for a target, with Ann's assertion or without one, and returns
// the status and the target that the upstream sees; empty: none.
func (r *rig) request(method, target string, identity bool, lines ...string) (status int, seen string) {
	r.t.Helper()
	head := []string{method + " " + target + " HTTP/1.1", "Host: grafana.example.com", "Content-Length: 0"}
	if identity {
		head = append(head, "X-Pomerium-Jwt-Assertion: "+r.ann())
	}
	before := r.upstream.connections()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, strings.Join(append(head, lines...), "\r\n")+"\r\n\r\n"); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		r.t.Fatalf("%s %q: %v", method, target, err)
	}
	_ = resp.Body.Close()
	if r.upstream.connections() == before {
		return resp.StatusCode, ""
	}
	line, _, _ := strings.Cut(r.upstream.last(r.t), "\r\n")
	return resp.StatusCode, strings.Fields(line)[1]
}

// confusions are beginnings, middles and ends of paths that servers disagree about.
func confusions() []string {
	middles := []string{
		"/", "//", "///", "/./", "/../", "/%2e/", "/%2e%2e/", "/.%2e/", "/%2E./", "%2f", "%2F..%2f", "/..%2f", "%5c", "%5c..%5c", `\`, `\..\`,
		"/..;/", "/..;a=b/", ";/", ";/../", "/;/", ";a=b/", "%3b/", "/%3b/", "/%00/", "%00/", "/..%00/", "/%0a/", "/%0d%0a/", "/%09/", "/%7f/",
		"#/", "%23/", "%23/../", "?/../", "%3f/", "%3f/../", "/%252e%252e/", "%252f", "/%252e%252e%252f", "%255c..%255c", "/%25%32%65%25%32%65/",
		"/%c0%ae%c0%ae/", "/%c0%af", "/%e0%80%af/", "/%ff/", "/\xc3\xa4/", "/\xff/", "/%u002e%u002e/", "/...//", "/%2e%2e%2f%2e%2e%2f", "/|/", "/|%2f",
		"/{x}%2f..%2f", `/"/`, "/ /../", "/%20/", "/../../", "/a/../../", "/%ef%bc%8e%ef%bc%8e/", "/..//", "/.//", "/../public/", "/%70ublic/",
	}
	firsts := []string{"/public", "/health", "/ADMIN", "/%61dmin", "/x", "", "/public/private", "/%2essobridge"}
	lasts := []string{"", "x", "Admin/users", "%61dmin", "public/x", "private/x", ".."}
	var all []string
	for _, first := range firsts {
		for _, middle := range middles {
			for _, last := range lasts {
				all = append(all, first+middle+last)
			}
		}
	}
	return all
}

// readings are the paths that servers of all kinds make of a target.
func readings(target string) []string {
	cutAt := func(p string, chars string) string {
		if i := strings.IndexAny(p, chars); i >= 0 {
			return p[:i]
		}
		return p
	}
	decode := func(p string) string {
		if d, err := url.PathUnescape(p); err == nil {
			return d
		}
		return p
	}
	noParams := func(p string) string {
		segments := strings.Split(p, "/")
		for i := range segments {
			segments[i] = cutAt(segments[i], ";")
		}
		return strings.Join(segments, "/")
	}
	raw := cutAt(target, "?")
	all := []string{raw}
	for range 2 { // one thing after the other, in any order
		for _, p := range slices.Clone(all) {
			for _, read := range []func(string) string{
				decode, noParams, strings.ToLower, path.Clean,
				func(p string) string { return strings.ReplaceAll(p, `\`, "/") },
				func(p string) string { return strings.ReplaceAll(p, "//", "/") },
				func(p string) string { return cutAt(p, "#?\x00\r\n") },
				func(p string) string {
					return strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", "/", "%5C", "/").Replace(p)
				},
				func(p string) string { return strings.NewReplacer("\xc0\xae", ".", "\xc0\xaf", "/").Replace(p) },
			} {
				all = append(all, read(p), path.Clean(noParams(read(p))))
			}
		}
	}
	return all
}

func below(p, prefix string) bool { return strings.HasPrefix(p+"/", prefix) }

// Every reading of a path that reaches the upstream without identity is of a public
// path, and no reading of one that reaches it at all is of a denied one.
func TestPathMeansTheSameToTheUpstream(t *testing.T) {
	for name, option := range map[string]string{"strict": "", "encoded_slash": "encoded_slash = true\n"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, withConfig(strings.Replace(pathConfig, "timeout  =", option+"timeout  =", 1)))
			passed, free := 0, 0
			for _, target := range confusions() {
				if option != "" && !strings.Contains(strings.ToLower(target), "%2f") {
					continue
				}
				for _, identity := range []bool{false, true} {
					status, seen := r.request("GET", target, identity)
					if seen == "" {
						if status == http.StatusOK && !strings.HasPrefix(target, "/.ssobridge") {
							t.Errorf("%q: status 200, and the upstream sees nothing", target)
						}
						continue
					}
					passed++
					if seen != target && strings.IndexFunc(target, func(c rune) bool { return c > 126 || strings.ContainsRune(`"|{}`, c) }) < 0 {
						t.Errorf("%q reaches the upstream as %q", target, seen)
					}
					for _, p := range readings(seen) {
						if below(strings.ToLower(p), "/admin/") || below(strings.ToLower(p), "/public/private/") {
							t.Fatalf("%q reaches the upstream (identity: %v), which may read %q", target, identity, p)
						}
						if !identity && !below(p, "/public/") && p != "/health" && p != "/" {
							t.Fatalf("%q reaches the upstream without identity, which may read %q", target, p)
						}
					}
					if !identity {
						free++
					}
				}
			}
			if passed < 20 || free < 5 && option == "" {
				t.Errorf("%d passed, %d without identity: the corpus tests nothing", passed, free)
			}
		})
	}
}

// Apps without rules about paths have addresses that others would refuse; their bytes
// are kept.
func TestLenientPathReachesUpstreamAsItCame(t *testing.T) {
	r := newRig(t)
	for target, want := range map[string]string{
		"/":                            "/",
		"//a//b/":                      "//a//b/",
		"/api/v4/projects/group%2fapp": "/api/v4/projects/group%2fapp",
		"/job/a%252Fb/":                "/job/a%252Fb/",
		"/nifi;jsessionid=1?x;y=%zz":   "/nifi;jsessionid=1?x;y=%zz",
		"/a%5cb":                       "/a%5cb",
		"/%C3%A4%e4":                   "/%C3%A4%e4",
		"/a(b)[c]!$&'*+,=:@~.-_":       "/a(b)[c]!$&'*+,=:@~.-_",
		"/%61%2D":                      "/%61%2D",
		"/a|b%2fc":                     "/a%7Cb%2fc", // net/url alone makes a "/" of the %2f
		"/\xc3\xa4%2F":                 "/%C3%A4%2F",
		`/{"a"}`:                       "/%7B%22a%22%7D",
		"/...":                         "/...",
		"/%20":                         "/%20",
		"/a../b%20/..a%20":             "/a../b%20/..a%20",
		"/wiki/%E3%80%82":              "/wiki/%E3%80%82", // a full stop, and an ellipsis
		"/wiki/%E2%80%A6/..%E2%80%A6a": "/wiki/%E2%80%A6/..%E2%80%A6a",
		"/x?y=/../z&u=http://a//b":     "/x?y=/../z&u=http://a//b",
	} {
		if status, seen := r.request("GET", target, true); status != http.StatusOK || seen != want {
			t.Errorf("%q: status %d, the upstream sees %q, want %q", target, status, seen, want)
		}
	}
	for _, target := range []string{
		"/../x", "/a/..", "/./", "/%2e%2e/x", "/a/..%2fb", "/a/..%5cb", `/a\b`, "/a/..;/b", "/%00", "/a%0ab", "/a%7f", "/a#b", "/a?b#c", "/%252e%252e%252fx", "/%zz", "/%", "*", "x:/y", "a",
		"/a/..%20/b", "/a/.%20", "/a/..%20%20", "/a/.%20./b", "/a/..%20.", "/a/%20../b", "/a/..%c2%a0/b", "/a/..%e3%80%80", "/a/..%e2%80%8b/b", "/a/..%ef%bb%bf",
		"/a/..%e3%80%82/b", "/a/..%ef%bc%8e/b", "/a/%ef%bc%8e%ef%bc%8e/b", "/a/.%ef%bc%8e", "/a/%e2%80%a4%e2%80%a4/b", "/a/%e2%80%a5/b", "/a/..%ef%b9%92", "/a/%ef%bd%a1.", "/a/..%20;x/b",
	} {
		if status, seen := r.request("GET", target, true); status != http.StatusBadRequest || seen != "" {
			t.Errorf("%q: status %d, the upstream sees %q", target, status, seen)
		}
	}
}

func TestStrictPathsAreRefused(t *testing.T) {
	r := newRig(t, withConfig(strings.Replace(rigConfig, "timeout  =", "paths = \"strict\"\ntimeout  =", 1)))
	for _, target := range []string{"//a", "/a//", "/a%2fb", "/a%5Cb", "/a;b", "/a%3bb", "/a%23b", "/a%3Fb", "/a%2525", "/%ff"} {
		if status, seen := r.request("GET", target, true); status != http.StatusBadRequest || seen != "" {
			t.Errorf("%q: status %d, the upstream sees %q", target, status, seen)
		}
	}
	for _, target := range []string{"/", "/a/", "/a%20b", "/100%25", "/%C3%A4", "/a?b//c;d%2f"} {
		if status, seen := r.request("GET", target, true); status != http.StatusOK || seen != target {
			t.Errorf("%q: status %d, the upstream sees %q", target, status, seen)
		}
	}
}

// With paths = "lenient", what is ambiguous passes; as a public path it never does.
func TestAmbiguousPathIsNeverPublic(t *testing.T) {
	text := strings.Replace(rigConfig, "timeout  =", "paths = \"lenient\"\ntimeout  =", 1) + "[[app.grafana.public]]\nprefix = \"/public/\"\n"
	r := newRig(t, withConfig(text))
	for _, target := range []string{"/public//x", "/public/a%2f", "/public/a%5cx", "/public/;x", "/public/%252e%252e", "/public/%2fadmin", "/public/%ff", "/public/%3f", "/public/%23"} {
		if status, seen := r.request("GET", target, false); status != http.StatusUnauthorized && status != http.StatusBadRequest || seen != "" {
			t.Errorf("%q without identity: status %d, the upstream sees %q", target, status, seen)
		}
	}
	if status, seen := r.request("GET", "/public/a%2fb//", true); status != http.StatusOK || seen != "/public/a%2fb//" {
		t.Errorf("with identity: status %d, the upstream sees %q", status, seen)
	}
}

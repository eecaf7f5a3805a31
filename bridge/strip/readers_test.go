package strip

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// reader is how a server reads a Cookie header. These are models, written after the
// servers' sources, of what cannot be had in a test; the package's users test with real
// servers.
type reader struct {
	name string
	read func(line string, found func(name, value string))
}

// findsSession reports whether a server finds an owned cookie that has a value.
func (r reader) findsSession(line string) (finds bool) {
	r.read(line, func(name, value string) {
		if folded := adapter.FoldName(name); value != "" && (folded == "session" || folded == "app-sid") {
			finds = true
		}
	})
	return finds
}

var readers = []reader{
	{"net/http", func(line string, found func(string, string)) {
		r := http.Request{Header: http.Header{"Cookie": {line}}}
		for _, c := range r.Cookies() {
			found(c.Name, c.Value)
		}
	}},
	{"Werkzeug 1.0 to 2.2.2", werkzeug},
	{"http.cookies", httpCookies},
	{"Django and Starlette", django},
	{"PHP before 7.4.11", func(line string, found func(string, string)) { php(line, url.QueryUnescape, found) }},
	{"PHP 7.4.11 and later", func(line string, found func(string, string)) {
		php(line, func(s string) (string, error) { return s, nil }, found)
	}},
	{"Rack before 2.2.3", func(line string, found func(string, string)) { rack(line, ";,", found) }},
	{"Java by RFC 2965", rfc2965},
	{"Node's cookie", node},
}

// werkzeug follows _cookie_parse_impl of werkzeug/_internal.py.
func werkzeug(line string, found func(name, value string)) {
	line += ";"
	for {
		m := werkzeugPair.FindStringSubmatchIndex(line)
		if m == nil {
			return
		}
		value := ""
		if m[4] >= 0 {
			value = line[m[4]:m[5]]
		}
		found(unquote(strings.TrimSpace(line[m[2]:m[3]])), value)
		line = line[m[1]:]
	}
}

var werkzeugPair = regexp.MustCompile(`([^=;]+)(?:\s*=\s*("(?:[^\\"]|\\.)*"|.*?))?\s*;`)

// unquote follows _cookie_unquote.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return octal.ReplaceAllStringFunc(s[1:len(s)-1], func(escape string) string {
		if len(escape) == 2 {
			return escape[1:]
		}
		return string(rune((escape[1]-'0')<<6 | (escape[2]-'0')<<3 | escape[3] - '0'))
	})
}

var octal = regexp.MustCompile(`\\(?:[0-3][0-7][0-7]|.)`)

// httpCookies follows __parse_string of Python's http/cookies.py.
func httpCookies(line string, found func(name, value string)) {
	for line != "" {
		m := pythonPair.FindStringSubmatchIndex(line)
		if m == nil || m[1] == 0 {
			return
		}
		if m[4] >= 0 {
			found(line[m[2]:m[3]], line[m[4]:m[5]])
		}
		line = line[m[1]:]
	}
}

var pythonPair = regexp.MustCompile(`^\s*([\w\d!#%&'~_` + "`" + `><@,:/$*+\-.^|)(?}{=]+?)` +
	`(?:\s*=\s*("(?:[^\\"]|\\.)*"|\w{3},\s[\w\d\s-]{9,11}\s[\d:]{8}\sGMT|[\w\d!#%&'~_` + "`" + `><@,:/$*+\-.^|)(?}{=\[\]]*))?\s*(?:\s+|;|$)`)

// django follows parse_cookie of django/http/cookie.py, and Starlette's cookie_parser.
func django(line string, found func(name, value string)) {
	for pair := range strings.SplitSeq(line, ";") {
		name, value, assigns := strings.Cut(pair, "=")
		if !assigns {
			name, value = "", pair
		}
		found(strings.TrimSpace(name), strings.TrimSpace(value))
	}
}

// php follows php_default_treat_data of main/php_variables.c.
func php(line string, decode func(string) (string, error), found func(name, value string)) {
	for pair := range strings.SplitSeq(line, ";") {
		name, value, _ := strings.Cut(strings.TrimLeft(pair, " \t\n\v\f\r"), "=")
		if decoded, err := decode(name); err == nil {
			name = decoded
		}
		name, _, _ = strings.Cut(strings.TrimLeft(name, " "), "\x00")
		if array, _, is := strings.Cut(name, "["); is && strings.Contains(name, "]") {
			name = array
		}
		found(strings.NewReplacer(" ", "_", ".", "_", "[", "_").Replace(name), value)
	}
}

// rack follows Rack::Utils.parse_query for cookies.
func rack(line, separators string, found func(name, value string)) {
	for pair := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		name, value, _ := strings.Cut(strings.TrimLeft(pair, " "), "=")
		if decoded, err := url.QueryUnescape(name); err == nil {
			name = decoded
		}
		found(strings.TrimSpace(name), value)
	}
}

// rfc2965 reads as Tomcat's LegacyCookieProcessor and Jetty's RFC2965 compliance do:
// commas separate cookies, quoted texts may hold anything, and $ begins attributes.
func rfc2965(line string, found func(name, value string)) {
	for line != "" {
		line = strings.TrimLeft(line, " \t;,")
		end := strings.IndexAny(line, "=;,")
		if end < 0 {
			return
		}
		name := strings.Trim(line[:end], ` "`)
		if line[end] != '=' {
			line = line[end:]
			continue
		}
		line = strings.TrimLeft(line[end+1:], " \t")
		value := ""
		if rest, quoted := strings.CutPrefix(line, `"`); quoted {
			value, line = quotedText(rest)
		} else {
			end := strings.IndexAny(line, ";, \t")
			if end < 0 {
				end = len(line)
			}
			value, line = line[:end], line[end:]
		}
		if !strings.HasPrefix(name, "$") {
			found(name, value)
		}
	}
}

func quotedText(s string) (text, rest string) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// node follows parse of Node's cookie, before and after 1.0.
func node(line string, found func(name, value string)) {
	for pair := range strings.SplitSeq(line, ";") {
		if name, value, assigns := strings.Cut(pair, "="); assigns {
			found(strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
}

package headers

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	_ "github.com/ssobridge/ssobridge/verifier/verifiertest/seeds" // properties are repeatable
)

// readQuotedPrintable reads a header as Grafana does with headers_encoded.
func readQuotedPrintable(s string) (string, error) {
	text, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(s)))
	return string(text), err
}

func TestQuotedPrintable(t *testing.T) {
	tests := []struct{ text, want string }{
		{"Ann Example", "Ann Example"},
		{"Zoë", "Zo=C3=AB"},
		{"a=b", "a=3Db"},
		{"=C3", "=3DC3"},
		{" a ", "=20a=20"}, // readers trim spaces at the end of a line
		{" ", "=20"},
		{"?_!", "?_!"}, // structure in RFC 2047, not here
		{"北京", "=E5=8C=97=E4=BA=AC"},
	}
	for _, tt := range tests {
		got, err := encodeQuotedPrintable(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

// TestQuotedPrintableLength: what a reader would cut off is not sent.
func TestQuotedPrintableLength(t *testing.T) {
	if text, _ := readQuotedPrintable(strings.Repeat("a", 5000)); len(text) == 5000 {
		t.Log("mime/quotedprintable reads long lines by now: maxQuotedPrintable may go")
	}
	groups := strings.Split(strings.Repeat("group ", 667), " ") // 4,002 bytes with commas
	tests := []struct {
		name   string
		header Header
		groups []string
		sent   bool
	}{
		{"short enough", Header{From: "groups", Join: ",", Append: "sync_marker"}, groups[:600], true},
		{"too long together", Header{From: "groups", Join: ",", Append: "sync_marker"}, groups, false},
		{"too long alone", Header{From: "groups", Join: ","}, []string{strings.Repeat("ë", 1000)}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.header.Encode = "quoted-printable"
			a := mustOpen(t, Options{Header: map[string]Header{"X-Groups": tt.header}})
			p := ann()
			p.Groups = tt.groups
			out, err := a.Adapt(t.Context(), inputOf(p))
			if (err == nil) != tt.sent {
				t.Fatalf("Adapt: %v, want it sent: %t", err, tt.sent)
			}
			if err != nil {
				return
			}
			value := out.Header["X-Groups"][0]
			if text, err := readQuotedPrintable(value); err != nil || text != value {
				t.Errorf("the app reads %d of %d bytes: %v", len(text), len(value), err)
			}
		})
	}
}

// TestLatin1: Django, which reads headers so, made "zoÃ«" of UTF-8.
func TestLatin1(t *testing.T) {
	tests := []struct {
		text, want string
		err        error
	}{
		{"Ann", "Ann", nil},
		{"zoë", "zo\xeb", nil},
		{"\u00a1\u00ff", "\xa1\xff", nil},
		{"a\u00a0b", "a\xa0b", nil},
		{"a\u00a0", "", errSpace},
		{"a\u0085b", "", errControl}, // a line break to some, and one byte here
		{"a\u009fb", "", errControl},
		{"\u0100", "", errLatin1},
		{"€", "", errLatin1}, // of Windows-1252, which calls itself Latin-1
		{"カ", "", errLatin1},
		{"\u010a", "", errLatin1}, // cut to a byte, it is a line feed
	}
	for _, tt := range tests {
		if got, err := encodeLatin1(tt.text); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%q: %q, %v, want %q, %v", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestPercent(t *testing.T) {
	tests := []struct{ text, want string }{
		{"Ann", "Ann"},
		{"Zoë Ærø", "Zo%C3%AB%20%C3%86r%C3%B8"},
		{"a+b", "a%2Bb"}, // a space to readers of forms
		{"100%", "100%25"},
		{"%61dmin", "%2561dmin"},
		{"a,b;c|d", "a%2Cb%3Bc%7Cd"},
		{"-._~", "-._~"},
		{" ", "%20"},
	}
	for _, tt := range tests {
		if got, err := encodePercent(tt.text); err != nil || got != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestRFC2047(t *testing.T) {
	tests := []struct{ text, want string }{
		{"Ann Example", "Ann Example"},
		{"Zoë", "=?UTF-8?B?Wm/Dqw==?="},
		// Plain ASCII that reads as somebody else.
		{"=?UTF-8?B?YWRtaW4=?=", "=?UTF-8?B?PT9VVEYtOD9CP1lXUnRhVzQ9Pz0=?="},
		{"=?utf-8?q?admin?=", "=?UTF-8?B?PT91dGYtOD9xP2FkbWluPz0=?="},
		{" a", "=?UTF-8?B?IGE=?="},
		// Words have 75 characters at most, and no character is in two of them.
		{strings.Repeat("ë", 40), "=?UTF-8?B?" + strings.Repeat("w6vDq8Or", 7) + "w6s=?= =?UTF-8?B?" + strings.Repeat("w6vDq8Or", 6) + "?="},
	}
	for _, tt := range tests {
		got, err := encodeRFC2047(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.text, got, err, tt.want)
		}
		for word := range strings.SplitSeq(got, " ") {
			if len(word) > 75 {
				t.Errorf("%q: a word of %d characters", tt.text, len(word))
			}
		}
	}
}

// readers are how apps read each encoding, by code that is not ours. Where apps
// read one in several ways, all must read the same.
var readers = map[string][]func(string) (string, error){
	"ascii":            {func(s string) (string, error) { return s, nil }},
	"utf-8":            {func(s string) (string, error) { return s, nil }},
	"latin-1":          {charmap.ISO8859_1.NewDecoder().String},
	"quoted-printable": {readQuotedPrintable},
	"percent":          {url.PathUnescape, url.QueryUnescape},
	"rfc2047":          {new(mime.WordDecoder).DecodeHeader},
}

// accepts reports whether an encoding has an answer for a text without control
// characters.
func accepts(name, text string) bool {
	trimmed := strings.TrimSpace(text) == text
	only := func(most rune) bool { return !strings.ContainsFunc(text, func(r rune) bool { return r > most }) }
	switch name {
	case "ascii":
		return trimmed && only(unicode.MaxASCII)
	case "utf-8":
		return trimmed
	case "latin-1":
		return trimmed && only(unicode.MaxLatin1)
	default:
		return true
	}
}

// checkEncodings: what is sent is read back, and passes as a header's value.
func checkEncodings(t interface{ Errorf(string, ...any) }, text string) {
	hostile := !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)
	for name, encoding := range encodings {
		value, err := encoding.encode(text)
		if want := !hostile && accepts(cmp.Or(name, "ascii"), text); want != (err == nil) {
			t.Errorf("%s of %q: %q, %v, want it sent: %t", name, text, value, err, want)
		}
		if err != nil {
			continue
		}
		if strings.ContainsFunc(value, unicode.IsControl) || strings.TrimSpace(value) != value || !httpguts.ValidHeaderFieldValue(value) {
			t.Errorf("%s of %q: %q is no header value", name, text, value)
		}
		if name != "utf-8" && name != "latin-1" && !isASCII(value) {
			t.Errorf("%s of %q: %q is not ASCII", name, text, value)
		}
		if encoding.most > 0 && len(value) > encoding.most {
			continue
		}
		for _, read := range readers[name] {
			if got, err := read(value); err != nil || got != text {
				t.Errorf("%s of %q is read as %q: %v", name, text, got, err)
			}
		}
	}
}

func TestEncodingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkEncodings(t, rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune(" =3DCëa?%+_/\"\t\n,\u00a0ÿ\u0100€")))).Draw(t, "text"))
	})
}

func FuzzEncodings(f *testing.F) {
	for _, text := range []string{"", "Zoë", " a=b ", "=0D=0A", "a\r\nb", "\xff", "=?UTF-8?B?YQ==?=", "%41+", "100%", "\u010a", "\u0085", "\u2028", "\u00a0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkEncodings(t, text) })
}

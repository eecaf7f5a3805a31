package headers

import (
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
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

// readers are how apps read each encoding.
var readers = map[string]func(string) (string, error){
	"ascii":            func(s string) (string, error) { return s, nil },
	"utf-8":            func(s string) (string, error) { return s, nil },
	"quoted-printable": readQuotedPrintable,
}

// checkEncodings: what is sent is read back, and passes as a header's value.
func checkEncodings(t interface{ Errorf(string, ...any) }, text string) {
	hostile := !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl)
	for name, read := range readers {
		value, err := encodings[name](text)
		if hostile && err == nil {
			t.Errorf("%s of %q: %q, want a refusal", name, text, value)
		}
		if err != nil {
			continue
		}
		if strings.ContainsFunc(value, unicode.IsControl) || strings.TrimSpace(value) != value {
			t.Errorf("%s of %q: %q is no header value", name, text, value)
		}
		if name != "utf-8" && strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII }) {
			t.Errorf("%s of %q: %q is not ASCII", name, text, value)
		}
		if len(value) > maxQuotedPrintable {
			continue
		}
		if got, err := read(value); err != nil || got != text {
			t.Errorf("%s of %q is read as %q: %v", name, text, got, err)
		}
	}
}

func TestEncodingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkEncodings(t, rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune(" =3DCëa?\"\t\n,")))).Draw(t, "text"))
	})
}

func FuzzEncodings(f *testing.F) {
	for _, text := range []string{"", "Zoë", " a=b ", "=0D=0A", "a\r\nb", "\xff", "\u0085", "\u2028", "\u00a0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkEncodings(t, text) })
}

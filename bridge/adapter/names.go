package adapter

import "embed"

// FoldName returns the form in which header and cookie names are compared:
// lower case, every byte but letters and digits as "-". Servers behind a
// gateway interface (CGI, WSGI, FastCGI, PHP) read "X_Remote_User",
// "x-remote-user" and "X.Remote.User" as one variable, so a client that may
// send any of them may say who it is (CVE-2025-64484, CVE-2026-54763).
func FoldName(name string) string {
	var buf [64]byte
	return string(AppendFolded(buf[:0], name))
}

// AppendFolded appends FoldName(name) to dst.
func AppendFolded(dst []byte, name string) []byte {
	for i := range len(name) {
		dst = append(dst, foldByte(name[i]))
	}
	return dst
}

func foldByte(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		return c
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	default:
		return '-'
	}
}

// Presets holds the built-in presets, one presets/NAME.toml each.
//
//go:embed presets/*.toml
var Presets embed.FS

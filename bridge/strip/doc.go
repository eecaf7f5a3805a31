// Package strip removes from a request what nobody but the bridge may say to an app:
// the names that an app's adapter owns, in headers, cookies and query parameters, and
// the headers by which apps take another path, method, host, address or person than the
// request's own.
//
// Names are compared folded: lower-cased, with every character but letters and digits
// equal (adapter.FoldName), because CGI, WSGI and PHP fold them too. What is left of a
// request keeps its bytes, but for cookies: they are written anew.
package strip

import (
	"bytes"
	"slices"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

func folded(lists ...[]string) map[string]struct{} {
	set := make(map[string]struct{})
	for _, name := range slices.Concat(lists...) {
		set[adapter.FoldName(name)] = struct{}{}
	}
	return set
}

func prefixes(names ...string) [][]byte {
	all := make([][]byte, len(names))
	for i, name := range names {
		all[i] = adapter.AppendFolded(nil, name)
	}
	return all
}

func beginsWith(name []byte, prefixes [][]byte) bool {
	for _, prefix := range prefixes {
		if bytes.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

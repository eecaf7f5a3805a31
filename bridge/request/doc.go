// Package request reads what came: the host, the method, the path and the way in
// which a request is written. It decides nothing and changes nothing.
package request

import (
	"net/url"
	"strings"
)

// OwnPath is where the bridge answers by itself, on every host. Nothing below it is
// ever asked of an app.
const OwnPath = "/.ssobridge/"

// CutOwn returns what follows OwnPath in a request's path. own reports whether the
// path begins so.
func CutOwn(u *url.URL) (rest string, own bool) {
	if u.Opaque != "" {
		return "", false
	}
	return strings.CutPrefix(u.Path, OwnPath)
}

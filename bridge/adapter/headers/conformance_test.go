package headers

import (
	"mime"
	"net/url"
	"strings"
	"testing"

	"github.com/ssobridge/ssobridge/bridge/adapter"
	"github.com/ssobridge/ssobridge/bridge/adapter/adaptertest"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/carry"
	"github.com/ssobridge/ssobridge/bridge/adapter/internal/value"
)

// TestConformance runs the suite on adapters that have the whole vocabulary
// between them, in the forms of the apps that they are named after.
func TestConformance(t *testing.T) {
	// items splits a header's value and reads each item.
	items := func(header, separator string, read func(item string) string) func(name, value string) ([]string, bool) {
		return func(name, value string) ([]string, bool) {
			if name != header {
				return nil, false
			}
			list := strings.Split(value, separator)
			for i := range list {
				list[i] = read(strings.TrimSpace(list[i]))
			}
			return list, true
		}
	}
	same := func(item string) string { return item }
	groups := map[string]string{"sre@example.com": "admins", "staff": "users"}
	tests := []struct {
		name    string
		options Options
		split   func(name, value string) ([]string, bool)
	}{
		{"Kubernetes", Options{
			Header: map[string]Header{
				"Authorization": {Secret: secretOf(proxySecret, nil), Words: value.Words{Prefix: "Bearer "}}, "Impersonate-User": {From: "email", Required: true},
				"Impersonate-Group": {From: "groups", Repeat: true, Words: value.Words{Prefix: "sso:"}}, "Impersonate-Extra-Dept": {Claim: "department"},
			},
			Strip: []string{"Impersonate-Extra-*", "Impersonate-Uid"},
		}, items("Impersonate-Group", ",", func(item string) string { return strings.TrimPrefix(item, "sso:") })},
		{"NiFi", Options{Header: map[string]Header{
			"X-Proxiedentitieschain": {From: "email", Wrap: "<>", Required: true}, "X-Proxiedentitygroups": {From: "groups", Wrap: "<>"},
		}}, func(name, value string) ([]string, bool) {
			if name != "X-Proxiedentitygroups" {
				return nil, false
			}
			return strings.Split(value[1:len(value)-1], "><"), true
		}},
		{"SonarQube", Options{
			Header: map[string]Header{
				"X-Forwarded-Login":  {From: "email", Required: true, Words: value.Words{Allow: "A-Za-z0-9._@-", MaxLength: 255, Forbid: []string{"admin"}}},
				"X-Forwarded-Name":   {From: "name", Encode: "latin-1", Unsendable: "omit"},
				"X-Forwarded-Groups": {From: "groups", Join: ",", Default: "none"},
			},
			Groups: groups, Unmapped: "omit",
		}, items("X-Forwarded-Groups", ",", func(item string) string {
			for from, to := range groups {
				if to == item {
					return from
				}
			}
			return item
		})},
		{"OpenSearch", Options{Header: map[string]Header{
			"X-Proxy-User": {From: "email_local", Required: true, Words: value.Words{Lower: true}}, "X-Proxy-Roles": {From: "roles", Join: ","},
		}, Domains: []string{"example.com"}}, items("X-Proxy-Roles", ",", same)},
		{"Open WebUI", Options{Header: map[string]Header{
			"X-User-Email": {From: "email", Required: true, Words: value.Words{Lower: true}}, "X-User-Name": {From: "name", Encode: "percent"},
			"X-User-Role": {From: "role"}, "X-User-Groups": {From: "groups", Join: ",", Encode: "percent"},
		}, Logout: Logout{Logout: carry.Logout{Path: "/api/v1/auths/signout"}}}, items("X-User-Groups", ",", func(item string) string {
			text, err := url.PathUnescape(item)
			if err != nil {
				return err.Error()
			}
			return text
		})},
		{"a user's name", Options{Header: map[string]Header{
			"X-User": {From: "email", Required: true, Words: value.Words{Replace: map[string]string{"@": "-at-"}, Allow: "a-z0-9.+-"}}, "X-Sync": {From: "sync_marker"},
			"X-Roles": {Claim: "resource_access.app.roles", Join: " | ", Encode: "rfc2047", Append: "sync_marker"},
		}, StripCookies: []string{"app_session"}}, items("X-Roles", "|", func(item string) string {
			text, err := new(mime.WordDecoder).DecodeHeader(item)
			if err != nil {
				return err.Error()
			}
			return text
		})},
		{"one word for each role", Options{Header: map[string]Header{
			"X-User": {From: "subject", Words: value.Words{Prefix: "accounts:"}}, "X-Role": {From: "role", Words: value.Words{Map: map[string]string{"Viewer": "v", "Viewer-2": "w"}}},
		}}, nil},
		{"no role", Options{Header: map[string]Header{"X-User": {From: "subject"}, "X-Groups": {From: "groups", Join: " ", Encode: "quoted-printable"}}},
			items("X-Groups", " ", func(item string) string {
				text, err := readQuotedPrintable(item)
				if err != nil {
					return err.Error()
				}
				return text
			})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			adaptertest.Run(t, func(tb testing.TB) adapter.Adapter {
				tb.Helper()
				a, err := tt.options.Open(adapter.Env{ReadSecrets: true})
				if err != nil {
					tb.Fatal(err)
				}
				return a
			}, adaptertest.Options{Split: tt.split})
		})
	}
}

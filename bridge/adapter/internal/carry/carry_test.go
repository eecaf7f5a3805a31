package carry

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options Options
		want    []string
	}{
		{"nothing", Options{}, nil},
		{"everything", Options{
			Deliver: "browser", Lifetime: time.Hour, SameSite: "strict", PlainNames: true,
			Logout: Logout{Path: "/logout", Method: "POST", Everywhere: true},
		}, nil},
		{"the shortest", Options{Lifetime: time.Minute}, nil},
		{"the longest", Options{Lifetime: 30 * 24 * time.Hour, Deliver: "upstream", SameSite: "none"}, nil},
		{"delivered elsewhere", Options{Deliver: "server"}, []string{
			`deliver: "server"; choose "browser", or "upstream" for cookies that the browser never sees`,
		}},
		{"too short", Options{Lifetime: time.Minute - 1}, []string{`lifetime: 59.999999999s is not between a minute and 30 days; "8h" is a working day`}},
		{"too long", Options{Lifetime: 721 * time.Hour}, []string{`lifetime: 721h0m0s is not between a minute and 30 days; "8h" is a working day`}},
		{"negative", Options{Lifetime: -time.Hour}, []string{`lifetime: -1h0m0s is not between a minute and 30 days; "8h" is a working day`}},
		{"SameSite as browsers write it", Options{SameSite: "Lax"}, []string{`same_site: "Lax"; choose "lax", "strict", or "none" for an app within pages of other sites`}},
		{"names that the browser never sees", Options{Deliver: "upstream", PlainNames: true}, []string{
			`plain_names: has no effect with deliver = "upstream": the browser never sees the app's cookies; remove it`,
		}},
		{"a logout nowhere", Options{Logout: Logout{Everywhere: true}}, []string{`logout.path: missing: say where people sign out of the app, such as "/logout"`}},
		{"a logout at an address", Options{Logout: Logout{Path: "https://a/logout"}}, []string{`logout.path: "https://a/logout" is no path; write it whole and as people read it, such as "/logout"`}},
		{"a logout with a query", Options{Logout: Logout{Path: "/?logout=1"}}, []string{`logout.path: "/?logout=1" is no path; write it whole and as people read it, such as "/logout"`}},
		{"a logout by a method that is none", Options{Logout: Logout{Path: "/logout", Method: "post"}}, []string{`logout.method: "post"; choose "GET", "POST", "PUT" or "DELETE"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			tt.options.Check(func(key, format string, args ...any) { got = append(got, key+": "+fmt.Sprintf(format, args...)) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		options Options
		want    adapter.SessionPlan
		how     []string
	}{
		{
			Options{}, adapter.SessionPlan{Deliver: adapter.DeliverBrowser, Lifetime: 8 * time.Hour, SameSite: http.SameSiteLaxMode},
			[]string{"kept by the browser", "good for 8h at most"},
		},
		{
			Options{Deliver: "upstream", Lifetime: 90 * time.Minute, SameSite: "none"},
			adapter.SessionPlan{Deliver: adapter.DeliverUpstream, Lifetime: 90 * time.Minute, SameSite: http.SameSiteNoneMode},
			[]string{"kept by ssobridge: the browser never sees it", "good for 1h30m at most"},
		},
		{
			Options{SameSite: "strict", PlainNames: true},
			adapter.SessionPlan{Deliver: adapter.DeliverBrowser, Lifetime: 8 * time.Hour, SameSite: http.SameSiteStrictMode, PlainNames: true},
			[]string{"kept by the browser", "good for 8h at most"},
		},
	} {
		tt.want.Cookies = []string{"a", "b"}
		if diff := cmp.Diff(tt.want, tt.options.Plan("a", "b"), cmpopts.IgnoreFields(adapter.SessionPlan{}, "Match")); diff != "" {
			t.Errorf("%+v: the plan (-want +got):\n%s", tt.options, diff)
		}
		if diff := cmp.Diff(tt.how, tt.options.Describe()); diff != "" {
			t.Errorf("%+v: the description (-want +got):\n%s", tt.options, diff)
		}
	}
}

func TestWay(t *testing.T) {
	l := Logout{Path: "/logout", Method: "POST", Everywhere: true}
	if got := l.Way(); got != (adapter.Logout{Path: "/logout", Method: "POST", Everywhere: true}) {
		t.Errorf("%+v", got)
	}
}

func TestCheckCookie(t *testing.T) {
	for name, ok := range map[string]bool{
		"session": true, "connect.sid": true, "__Host-sid": true, "__Secure-authjs.session-token": true,
		"": false, "a b": false, "a=b": false, "a;b": false, "é": false, "a\r\nb": false,
		"ssobridge-session": false, "__Host-ssobridge-session": false, "SSOBridge_x": false,
	} {
		if problem := CheckCookie(name); (problem == "") != ok {
			t.Errorf("%q: %q", name, problem)
		}
	}
}

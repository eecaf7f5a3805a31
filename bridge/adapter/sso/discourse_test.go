package sso

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// TestDiscourseVector is the example of Discourse's documentation, whose payload
// ends with a line break and names no return_sso_url:
// https://meta.discourse.org/t/13045.
func TestDiscourseVector(t *testing.T) {
	const question = "sso=bm9uY2U9Y2I2ODI1MWVlZmI1MjExZTU4YzAwZmYxMzk1ZjBjMGI%3D%0A&sig=2828aa29899722b35a2f191d34ef9b3ce695e0e6eeec47deb46d588d70c7cb56"
	a := mustOpen(t, Options{Protocol: "discourse", Secret: secretOf(docSecret, nil), Fields: map[string]Field{
		"email": {From: "email"}, "username": {Claim: "login"}, "name": {From: "name"}, "require_activation": {Const: "true"},
	}}, forum)
	p := ann()
	p.Subject, p.Email, p.Name, p.Claims = "hello123", "test@test.com", "sam", map[string]any{"login": "samsam"}
	got, err := readDiscourse(answer(t, a, asking(p, "user", question)), forumReturn)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"nonce": {"cb68251eefb5211e58c00ff1395f0c0b"}, "name": {"sam"}, "username": {"samsam"}, "email": {"test@test.com"},
		"external_id": {"hello123"}, "require_activation": {"true"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the answer (-want +got):\n%s", diff)
	}
	// And the documentation's own answers, whose fields have another order: the
	// present one, and that of its first years.
	const (
		text = "nonce=cb68251eefb5211e58c00ff1395f0c0b&name=sam&username=samsam&email=test%40test.com&external_id=hello123&require_activation=true"
		old  = "bm9uY2U9Y2I2ODI1MWVlZmI1MjExZTU4YzAwZmYxMzk1ZjBjMGImbmFtZT1z\nYW0mdXNlcm5hbWU9c2Ftc2FtJmVtYWlsPXRlc3QlNDB0ZXN0LmNvbSZleHRl\n" +
			"cm5hbF9pZD1oZWxsbzEyMw==\n"
	)
	for payload, want := range map[string]string{
		base64.StdEncoding.EncodeToString([]byte(text)): "3d7e5ac755a87ae3ccf90272644ed2207984db03cf020377c8b92ff51be3abc3",
		old: "1c884222282f3feacd76802a9dd94e8bc8deba5d619b292bed75d63eb3152c0b",
	} {
		if got := sign([]byte(docSecret), payload); got != want {
			t.Errorf("%s: signature %s, want %s", payload, got, want)
		}
	}
}

func TestDiscourseAnswer(t *testing.T) {
	a := mustOpen(t, discourseOptions(), forum)
	for _, tt := range []struct {
		role, admin, moderator string
		verified               any
		activation             []string
	}{
		{"user", "false", "false", nil, nil}, // both are said: nobody stays what they were
		{"moderator", "false", "true", true, []string{"false"}},
		{"admin", "true", "false", "false", []string{"true"}},
		{"user", "false", "false", false, []string{"true"}},
	} {
		p := ann()
		if tt.verified != nil {
			p.Claims["email_verified"] = tt.verified
		}
		got, err := readDiscourse(answer(t, a, asking(p, tt.role, askedFor("n-1", forumReturn))), forumReturn)
		if err != nil {
			t.Fatal(err)
		}
		want := url.Values{
			"nonce": {"n-1"}, "external_id": {"2f6a"}, "email": {"Ann@example.com"}, "name": {"Ann Exämple"},
			"admin": {tt.admin}, "moderator": {tt.moderator}, "groups": {"sre,staff & co"},
		}
		if tt.activation != nil {
			want["require_activation"] = tt.activation
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.role, diff)
		}
	}
}

// TestQuestionsThatDiscourseDoesNotAsk: none of them gets an answer, and none is
// quoted in the log.
func TestQuestionsThatDiscourseDoesNotAsk(t *testing.T) {
	a := mustOpen(t, discourseOptions(), forum)
	good, err := url.ParseQuery(askedFor("n1", forumReturn))
	if err != nil {
		t.Fatal(err)
	}
	sso, sig := url.QueryEscape(good.Get("sso")), good.Get("sig")
	signed := func(sso string) string {
		return url.Values{"sso": {sso}, "sig": {sign([]byte(docSecret), sso)}}.Encode()
	}
	flipped := "0" + sig[1:]
	if flipped == sig {
		flipped = "1" + sig[1:]
	}
	to := func(back string) string { return askedFor("n1", back) }
	for name, query := range map[string]string{
		"nothing":                "",
		"forged sig":             "sso=" + sso + "&sig=" + flipped,
		"forged payload":         "sso=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("nonce=canary"))) + "&sig=" + sig,
		"wrong secret":           asked("another-secret-of-32-characters!", "nonce=n1"),
		"secret shown to people": asked(adapter.HiddenSecret, "nonce=n1"),
		"empty secret":           asked("", "nonce=n1"),
		"no sig":                 "sso=" + sso,
		"empty sig":              "sso=" + sso + "&sig=",
		"sig cut":                "sso=" + sso + "&sig=" + sig[:32],
		"sig in upper case":      "sso=" + sso + "&sig=" + strings.ToUpper(sig),
		"sig and more":           "sso=" + sso + "&sig=" + sig + "00",
		"no sso":                 "sig=" + sig,
		"two sso":                "sso=" + sso + "&sso=" + sso + "&sig=" + sig,
		"two sig":                "sso=" + sso + "&sig=" + sig + "&sig=" + sig,
		"semicolons":             "sso=" + sso + ";sig=" + sig,
		"broken escape":          "sso=" + sso + "&sig=" + sig + "&x=%zz",
		"huge sso":               signed(base64.StdEncoding.EncodeToString([]byte("nonce=n1&x=" + strings.Repeat("canary", 1000)))),
		"huge query":             askedFor("n1", forumReturn) + "&x=" + strings.Repeat("canary", 2000),
		"no base64":              signed("canary!"),
		"base64 of URLs":         signed(base64.URLEncoding.EncodeToString([]byte("nonce=n1?>?>?>"))),
		"base64, no padding":     signed(base64.RawStdEncoding.EncodeToString([]byte("nonce=n1"))),
		"base64, loose bits":     signed("bm9uY2U9bjF="),
		"no query within":        asked(docSecret, "nonce=%zz"),
		"no nonce":               asked(docSecret, "return_sso_url="+url.QueryEscape(forumReturn)),
		"empty nonce":            asked(docSecret, "nonce="),
		"two nonces":             asked(docSecret, "nonce=a&nonce=b"),
		"huge nonce":             asked(docSecret, "nonce="+strings.Repeat("a", 300)),
		"nonce with CRLF":        asked(docSecret, "nonce=a%0d%0ab"),
		"two returns":            asked(docSecret, "nonce=a&return_sso_url="+url.QueryEscape(forumReturn)+"&return_sso_url=https://canary.example/"),
		"empty return":           asked(docSecret, "nonce=a&return_sso_url="),

		"open redirect: //":            to("//canary.example/session/sso_login"),
		"open redirect: backslash":     to(`\\canary.example/session/sso_login`),
		"open redirect: path":          to("/session/sso_login"),
		"open redirect: userinfo":      to("https://forum.example.com@canary.example/session/sso_login"),
		"open redirect: userinfo here": to("https://canary@forum.example.com/session/sso_login"),
		"open redirect: other host":    to("https://canary.example/session/sso_login"),
		"open redirect: longer host":   to("https://forum.example.com.canary.example/session/sso_login"),
		"open redirect: http":          to("http://forum.example.com/session/sso_login"),
		"open redirect: javascript":    to("javascript:alert(1)//forum.example.com/session/sso_login"),
		"open redirect: port":          to("https://forum.example.com:8443/session/sso_login"),
		"open redirect: fragment":      to(forumReturn + "#canary"),
		"open redirect: query":         to(forumReturn + "?x=canary"),
		"open redirect: CRLF":          to(forumReturn + "\r\nSet-Cookie: canary=1"),
		"open redirect: other path":    to("https://forum.example.com/canary"),
		"open redirect: white space":   to(" " + forumReturn),
	} {
		t.Run(name, func(t *testing.T) {
			out, err := a.Adapt(t.Context(), asking(ann(), "user", query))
			if !errors.Is(err, adapter.ErrBadSignIn) || out.Redirect != "" {
				t.Fatalf("%q, %v", out.Redirect, err)
			}
			if text := err.Error(); strings.Contains(text, "canary") || strings.Contains(text, "n1") || strings.Contains(text, sig) {
				t.Errorf("the error quotes the question: %v", err)
			}
		})
	}
	post := asking(ann(), "user", askedFor("n1", forumReturn))
	post.Request.Method = "POST"
	if out, err := a.Adapt(t.Context(), post); !errors.Is(err, adapter.ErrBadSignIn) || out.Redirect != "" {
		t.Errorf("POST: %q, %v", out.Redirect, err)
	}
	if address := answer(t, a, asking(ann(), "user", askedFor("n1", forumReturn))); !strings.HasPrefix(address, forumReturn+"?sso=") {
		t.Errorf("and the right one: %q", address)
	}
}

// TestReplayForAnotherPerson: a question that somebody else brings is answered for
// who brings it.
func TestReplayForAnotherPerson(t *testing.T) {
	a := mustOpen(t, discourseOptions(), forum)
	question := askedFor("n1", forumReturn)
	first := answer(t, a, asking(ann(), "admin", question))
	bob := ann()
	bob.Subject, bob.Email, bob.Name, bob.Groups = "b0b", "bob@example.com", "Bob", nil
	second, err := readDiscourse(answer(t, a, asking(bob, "user", question)), forumReturn)
	if err != nil {
		t.Fatal(err)
	}
	if second.Get("external_id") != "b0b" || second.Get("admin") != "false" || second.Get("groups") != "" || second.Get("name") != "Bob" {
		t.Errorf("Bob is answered %v", second)
	}
	if again := answer(t, a, asking(ann(), "admin", question)); again != first {
		t.Errorf("Ann is answered %s and %s", first, again)
	}
}

// TestPeopleThatDiscourseCannotTake are refused, at every request.
func TestPeopleThatDiscourseCannotTake(t *testing.T) {
	a := mustOpen(t, discourseOptions(), forum)
	for name, spoil := range map[string]func(*adapter.Input){
		"a banned external_id":    func(in *adapter.Input) { in.Principal.Subject = "NULL" },
		"a blank external_id":     func(in *adapter.Input) { in.Principal.Subject = " " },
		"no email":                func(in *adapter.Input) { in.Principal.Email = "" },
		"fields in the email":     func(in *adapter.Input) { in.Principal.Email = "a@b.c\r\nadmin=true" },
		"a role of no map":        func(in *adapter.Input) { in.Decision.Roles = []string{"owner"} },
		"two roles":               func(in *adapter.Input) { in.Decision.Roles = []string{"user", "admin"} },
		"an email perhaps theirs": func(in *adapter.Input) { in.Principal.Claims["email_verified"] = "perhaps" },
		"too many groups":         func(in *adapter.Input) { in.Principal.Groups = strings.Fields(strings.Repeat("group ", 1000)) },
	} {
		t.Run(name, func(t *testing.T) {
			in := asking(ann(), "user", askedFor("n1", forumReturn))
			spoil(&in)
			for _, in.SignIn = range []bool{true, false} {
				if out, err := a.Adapt(t.Context(), in); !errors.Is(err, adapter.ErrUnsendable) || out.Redirect != "" {
					t.Errorf("%q, %v", out.Redirect, err)
				}
			}
			if fields, err := a.(adapter.SignIn).SignedFields(in); !errors.Is(err, adapter.ErrUnsendable) || fields != nil {
				t.Errorf("explained: %q, %v", fields, err)
			}
		})
	}
}

// TestFieldInjection: what a person is called adds no field and no group.
func TestFieldInjection(t *testing.T) {
	a := mustOpen(t, discourseOptions(), forum)
	p := ann()
	p.Name = "x&admin=true;admin=true%26admin=true"
	p.Email = "a&external_id=1@example.com"
	p.Groups = []string{"a,admins", "b&add_groups=admins", "c"}
	got, err := readDiscourse(answer(t, a, asking(p, "user", askedFor("n1", forumReturn))), forumReturn)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"nonce": {"n1"}, "external_id": {"2f6a"}, "email": {p.Email}, "name": {p.Name},
		"admin": {"false"}, "moderator": {"false"}, "groups": {"b&add_groups=admins,c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

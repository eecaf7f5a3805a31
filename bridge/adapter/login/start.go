package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/adapter"
)

// maxPageBytes bounds the page with the CSRF token.
const maxPageBytes = 1 << 20

var (
	errLooking   = errors.New("the adapter was opened without its secrets, and signs nobody in")
	errNoRequest = errors.New("the sign-in cannot be written as a request")
)

// StartSession signs the person in at the app.
func (a *loginAdapter) StartSession(ctx context.Context, in adapter.Input, app adapter.Caller) ([]*http.Cookie, error) {
	all, err := a.say(&in)
	if err != nil {
		return nil, err
	}
	if !a.serves {
		return nil, errLooking
	}
	// The caller's own end is no failure of the app's.
	timed, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	s := &signIn{a: a, in: &in, app: app, jar: jar{now: in.Time}}
	cookies, err := s.run(timed, all)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, fmt.Errorf("signing in at the app: %w", ctx.Err())
	}
	return cookies, err
}

// signIn is one sign-in under way.
type signIn struct {
	a   *loginAdapter
	in  *adapter.Input
	app adapter.Caller
	jar jar
}

func (s *signIn) run(ctx context.Context, all []said) ([]*http.Cookie, error) {
	token := ""
	if s.a.csrf != nil {
		var err error
		if token, err = s.token(ctx); err != nil {
			return nil, err
		}
	}
	req, err := s.a.signIn(ctx, s.in, all, token)
	if err != nil {
		return nil, err
	}
	s.jar.send(req, req.URL.Path)
	resp, err := s.do(req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close() // nothing in it counts
	if err := s.check(resp); err != nil {
		return nil, err
	}
	return s.cookies(sentSecrets(all, token))
}

// do sends a request, and takes in the cookies of its answer.
func (s *signIn) do(req *http.Request) (*http.Response, error) {
	resp, err := s.app.Do(req)
	if err != nil {
		return nil, failed(req, "%w", s.callError(req.Context(), err))
	}
	if err := s.jar.add(req.URL.Path, resp.Header); err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// token asks for the page with the CSRF token.
func (s *signIn) token(ctx context.Context) (string, error) {
	c := s.a.csrf
	req, err := s.a.newRequest(ctx, s.in, http.MethodGet, c.path, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "text/html, */*;q=0.9")
	if c.json {
		req.Header.Set("Accept", typeJSON)
	}
	resp, err := s.do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", failed(req, "answered with status %d, want the page with the token", resp.StatusCode)
	}
	p := &page{header: resp.Header, jar: &s.jar, at: req.URL, target: &url.URL{Path: s.a.requestPath()}}
	if c.body {
		if p.body, err = s.read(req, resp); err != nil {
			return "", err
		}
	}
	token, err := c.token(p)
	switch {
	case err != nil:
		return "", failed(req, "the token in %s %w", c.where, err)
	case token == "":
		return "", failed(req, "answered without a token in %s", c.where)
	}
	return token, nil
}

func (s *signIn) read(req *http.Request, resp *http.Response) ([]byte, error) {
	if resp.Header.Get("Content-Encoding") != "" {
		return nil, failed(req, "answered in an encoding that nobody asked for")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPageBytes+1))
	switch {
	case err != nil:
		return nil, failed(req, "%w", s.callError(req.Context(), err))
	case len(body) > maxPageBytes:
		return nil, failed(req, "answered with more than %d bytes", maxPageBytes)
	}
	return body, nil
}

// check says why an answer to the sign-in is not one that signs in.
func (s *signIn) check(resp *http.Response) error {
	req, status := s.request(), resp.StatusCode
	if !slices.Contains(s.a.status, status) {
		return failed(req, "answered with status %d, want %s", status, statusWords(s.a.status))
	}
	if !isRedirect(status) {
		return nil
	}
	locations := resp.Header["Location"]
	if len(locations) != 1 || locations[0] == "" {
		return failed(req, "answered with status %d and not one place to go on", status)
	}
	switch to, err := url.Parse(locations[0]); {
	case err != nil: // which quotes it
		return failed(req, "redirected to what is no address")
	case s.a.loginPage(to):
		return failed(req, "redirected back to the login page")
	case !s.a.atHome(to, resp.Request):
		return failed(req, "redirected to another host, as if somebody else were to sign people in")
	}
	return nil
}

// request stands for the sign-in in messages.
func (s *signIn) request() *http.Request {
	return &http.Request{Method: s.a.request.Method, URL: &url.URL{Path: s.a.requestPath()}}
}

// cookies returns those of the session, if all that it takes are there.
func (s *signIn) cookies(secrets []string) ([]*http.Cookie, error) {
	for _, name := range s.a.required {
		if s.jar.get(name) == nil {
			return nil, failed(s.request(), "set no cookie %s%s", name, s.others(secrets))
		}
	}
	var session []*http.Cookie
	for _, name := range s.a.cookies {
		if c := s.jar.get(name); c != nil {
			session = append(session, c)
		}
	}
	return session, nil
}

// others names a few of the cookies that the app has set, for whoever wonders how its
// session is called. Names that could hold what was sent are left out.
func (s *signIn) others(secrets []string) string {
	var names []string
	for _, c := range s.jar.cookies {
		tells := slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(c.Name, secret) })
		if !tells && c.Value != "" && len(c.Name) <= 64 && len(names) < 5 && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	if names == nil {
		return ", nor another"
	}
	return ", but " + strings.Join(names, ", ")
}

// sentSecrets are the texts that only the app may read.
func sentSecrets(all []said, token string) []string {
	var secrets []string
	for _, s := range all {
		if s.secret() {
			secrets = append(secrets, s.values...)
		}
	}
	if token != "" {
		secrets = append(secrets, token)
	}
	return secrets
}

// failed says what a request came to.
func failed(req *http.Request, format string, args ...any) error {
	return fmt.Errorf("%w: %s %s: %w", adapter.ErrSignInFailed, req.Method, req.URL.Path, fmt.Errorf(format, args...))
}

// callError is why there is no answer, without what the app wrote: net/http quotes
// headers that it cannot read.
func (s *signIn) callError(ctx context.Context, err error) error {
	var network *net.OpError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer in time (%s for all): %w", s.a.timeout, ctx.Err())
	case errors.As(err, &network):
		return network
	}
	return errNoAnswer
}

var errNoAnswer = errors.New("no answer that could be read")

func statusWords(list []int) string {
	words := make([]string, len(list))
	for i, status := range list {
		words[i] = fmt.Sprint(status)
	}
	return strings.Join(words, " or ")
}

// DescribeSession says what StartSession would send.
func (a *loginAdapter) DescribeSession(in adapter.Input) ([]string, error) {
	all, err := a.say(&in)
	if err != nil {
		return nil, err
	}
	var lines []string
	if a.csrf != nil {
		lines = append(lines, fmt.Sprintf("GET %s, for the token in %s", a.csrf.path, a.csrf.where))
	}
	lines = append(lines, a.request.Method+" "+a.request.Path)
	for _, s := range all {
		text := strings.Join(s.values, ", ")
		switch {
		case s.kind == kindCSRF:
			text = "(the app's token)"
		case s.secret():
			text = adapter.HiddenSecret
		}
		lines = append(lines, fmt.Sprintf("  %s %s: %s", s.in, s.name, text))
	}
	return append(lines, "wants "+a.wanted()), nil
}

// SessionSecrets returns what of the person's account is sent: with another account, or
// another password, the session is another.
func (a *loginAdapter) SessionSecrets(in adapter.Input) []string {
	if a.accounts == nil {
		return nil
	}
	account, _ := a.accounts.Of(&in)
	var texts []string
	for _, f := range a.fields {
		if f.kind == kindCredential {
			texts = append(texts, account[f.credential])
		}
	}
	return texts
}

// wanted is what makes an answer a sign-in.
func (a *loginAdapter) wanted() string {
	return fmt.Sprintf("status %s and cookie %s", statusWords(a.status), strings.Join(a.required, " and cookie "))
}

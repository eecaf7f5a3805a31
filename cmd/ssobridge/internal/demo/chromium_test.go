package demo

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// startChromium returns a tab of a real browser. The test is skipped where there
// is none, unless SSOBRIDGE_REQUIRE_REAL=1 says that there must be.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	switch {
	case path != "":
	case os.Getenv("SSOBRIDGE_REQUIRE_REAL") == "1":
		t.Fatal("no chromium found, and SSOBRIDGE_REQUIRE_REAL=1 requires one; on Debian: apt-get install chromium")
	default:
		t.Skip("no chromium found, so nothing is tested in a real browser; on Debian: apt-get install chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Env("TMPDIR="+t.TempDir()),
		chromedp.NoSandbox, // containers have none
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	ctx, closeBrowser := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(closeBrowser)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	t.Cleanup(func() {
		// t.Context, which ctx comes from, has ended by now; the browser goes
		// with it. What remains is to wait.
		_ = chromedp.Cancel(ctx)
	})
	return ctx
}

// TestChromium does what TestLikeAPerson does where cookies, *.localhost,
// redirects after forms and the content security policy are a browser's own.
func TestChromium(t *testing.T) {
	d := startDemo(t)
	ctx := startChromium(t)
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatal(err)
		}
	}
	see := func(selector chromedp.CSS, want string) {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Text(selector))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(got); got != want {
			t.Errorf("%s says %q, want %q", selector, got, want)
		}
	}
	// A style sheet that the policy refuses is no style sheet.
	styled := func() {
		t.Helper()
		rules, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.styleSheets[0]?.cssRules.length ?? 0`))
		if err != nil {
			t.Fatal(err)
		}
		if rules == 0 {
			t.Error("the page has no style")
		}
	}
	const (
		people = chromedp.CSS("#people")
		role   = chromedp.CSS("#role")
	)

	do(chromedp.Navigate(d.grafana+"/"), chromedp.WaitVisible(people))
	styled()
	do(chromedp.Click(chromedp.CSS(`button[value="ann"]`)), chromedp.WaitVisible(role))
	styled()
	see("#user", "ann@example.com")
	see(role, "Admin")

	do(chromedp.Click(chromedp.CSS("#switch")), chromedp.WaitVisible(people))
	see("#current", "Ann Archer")
	do(chromedp.Click(chromedp.CSS(`button[value="bob"]`)), chromedp.WaitVisible(role))
	see("#user", "bob@example.com")
	see(role, "Editor")

	do(chromedp.Navigate(d.wiki+"/"), chromedp.WaitVisible(role))
	see("#user", "bob@example.com")
	see(role, "writer")

	do(chromedp.Click(chromedp.CSS("#sign-out")), chromedp.WaitVisible(people))
	do(chromedp.Click(chromedp.CSS(`button[value="carol"]`)), chromedp.WaitVisible(chromedp.CSS("#current")))
	do(chromedp.Navigate(d.grafana + "/"))
	see("h1", "You have no role in this app")
}

// Command ssobridge verifies the identity assertion that Pomerium puts on every
// request, turns email and groups into a role of the app behind it, and hands
// that identity to the app in the app's own language.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM, for
// commands that have something to finish. The second ends the process, as the
// first does with every other command.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// The exit codes.
const (
	exitOK    = 0
	exitNo    = 1 // a "no": failed test, denied, refused assertion, or serving ended in an error
	exitUsage = 2 // usage or configuration error
)

// exit is an error with an exit code. Its err may be nil where everything has
// been printed already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var e *exit
	if !errors.As(err, &e) {
		// Whatever cobra itself finds is about usage.
		e = &exit{exitUsage, err}
	}
	if text := e.Error(); text != "" {
		if !startsWithPlace.MatchString(text) {
			text = "ssobridge: " + text
		}
		_, _ = fmt.Fprintf(stderr, "%s%s\n", text, noConfig(cmd, e))
	}
	return e.code
}

// startsWithPlace matches "file:line: ", which editors and terminals find at the
// start of a line only.
var startsWithPlace = regexp.MustCompile(`^[^\s:]+:\d+: `)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "ssobridge",
		Short: "Pomerium's identity assertion, in the language of the app behind it",
		Long: `ssobridge verifies the identity assertion that Pomerium puts on every request,
turns email and groups into a role of the app behind it by rules in one TOML
file, and hands that identity to the app in the app's own language.

Exit codes: 0 success; 1 a "no" (failed test, denied, refused assertion);
2 usage or configuration error.`,
		Example: `  ssobridge demo
  ssobridge check --config ssobridge.toml
  ssobridge explain --app grafana --email ann@example.com --group sre@example.com
  ssobridge serve --config ssobridge.toml`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(withoutArguments(newServe(), newCheck(), newTest(), newExplain(), newKeys(), newDemo(), newVersion())...)
	root.AddCommand(newDiff(), newInspect(), newAdapters())
	addHelp(root)
	root.SetFlagErrorFunc(flagError)
	strictFlags(root)
	return root
}

// configFlag adds --config to a command.
func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", defaultConfig, "configuration `FILE`")
}

// formatFlag adds --format to a command; json reports what was chosen.
func formatFlag(cmd *cobra.Command) (json func() (bool, error)) {
	format := cmd.Flags().String("format", "text", "output `FORMAT`: text or json")
	return func() (bool, error) {
		if *format != "text" && *format != "json" {
			return false, &exit{exitUsage, fmt.Errorf("--format is %q; choose text or json", *format)}
		}
		return *format == "json", nil
	}
}

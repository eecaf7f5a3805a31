package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/cmd/ssobridge/topics"
)

// addHelp gives root the command help, which knows topics and commands, and lists the
// topics after root's own help.
func addHelp(root *cobra.Command) {
	usual := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		usual(cmd, args)
		if cmd == root {
			_, _ = io.WriteString(cmd.OutOrStdout(), topicList())
		}
	})
	root.SetHelpCommand(newHelp())
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [TOPIC | COMMAND]",
		Short: "Print a page of the manual, or help about a command",
		Long: `Print a page of the manual, or help about a command. Without an argument, list
both. On a terminal, long pages go through $PAGER, or through less.`,
		Example: `  ssobridge help rules
  ssobridge help explain`,
		RunE: help,
	}
}

func help(cmd *cobra.Command, args []string) error {
	root := cmd.Root()
	if len(args) == 0 {
		return root.Help()
	}
	pages, err := topics.All()
	if err != nil {
		return err
	}
	var known []string
	for _, page := range pages {
		if len(args) == 1 && page.Name == args[0] {
			return show(cmd, topics.Render(page.Text))
		}
		known = append(known, page.Name)
	}
	for _, sub := range root.Commands() {
		known = append(known, sub.Name())
	}
	about, rest, err := root.Find(args)
	if err != nil || about == root || len(rest) > 0 {
		name := strings.Join(args, " ")
		return fmt.Errorf("no topic or command is called %q%s; ssobridge help lists them", wording.Visible(name), wording.DidYouMean(name, known))
	}
	return about.Help()
}

// topicList is the table of contents of the manual.
func topicList() string {
	pages, err := topics.All()
	if err != nil {
		return ""
	}
	var b strings.Builder
	b.WriteString("\nTopics of the manual, for ssobridge help TOPIC:\n")
	for _, page := range pages {
		fmt.Fprintf(&b, "  %-16s %s\n", page.Name, strings.TrimSuffix(page.Summary, "."))
	}
	return b.String()
}

// show prints a text, on a terminal by a pager.
func show(cmd *cobra.Command, text string) error {
	out := cmd.OutOrStdout()
	if pager := pagerFor(out); pager != nil {
		pager.Stdin, pager.Stdout, pager.Stderr = strings.NewReader(text), out, cmd.ErrOrStderr()
		if err := pager.Run(); err == nil {
			return nil
		}
	}
	_, err := io.WriteString(out, text)
	return err
}

// pagerFor returns the pager for an output, or nil if that is no terminal or there is no
// pager.
func pagerFor(out io.Writer) *exec.Cmd {
	file, ok := out.(*os.File)
	if !ok {
		return nil
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	// $PAGER may have arguments, as it has for man and git.
	words := strings.Fields(os.Getenv("PAGER"))
	if len(words) == 0 {
		words = []string{"less"}
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return nil
	}
	pager := exec.Command(path, words[1:]...) //nolint:gosec,noctx // the pager is the user's choice, and ends with them
	pager.Env = os.Environ()
	if os.Getenv("LESS") == "" {
		pager.Env = append(pager.Env, "LESS=FRX") // one screen: print and end
	}
	return pager
}

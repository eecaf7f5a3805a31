package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	policydiff "github.com/ssobridge/ssobridge/bridge/policy/diff"
)

// diffFlags are the flags of diff.
type diffFlags struct {
	principals, at, format string
	limit                  int
	failOnChange           bool
}

func newDiff() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say who gains and who loses what between two configurations",
		Long: `Say who gains and who loses what between two configurations, now and at every later
time at which a rule begins or ends.

Without --principals, people are made up from the rules of both files: those who
meet an old and a new rule of which one changed, and those who only just do not.
With it, the people of a file are asked about:

  CSV         with a row of column names: email, subject, name, groups (several
              separated by ";") and claim.NAME; at least email, subject or groups
  JSON lines  objects with email, subject, name, groups (a list) and claims (an
              object); other members, such as those of a log, do not matter

Whoever is there several times counts once. They are asked about as explain does:
with the claims that an assertion of each of the app's issuers would have, and as
"subject-not-given" if the file has no subject.

Compared are decisions (roles and attributes) and, for each app: its name, host,
upstream and other keys; its issuers, with where their keys are from and what must
be in an assertion; its adapter, with the options of an [adapter.NAME]. Apps are
compared by name, and one that was renamed by its host.

Nobody made up proves that rules do the same: rules that do not say the same count
as a change, even if no made-up person shows how. For the people of a file it is
only said that they differ. Rules that compare "now" with something else than a
written time are noted, and count as a change: they may decide otherwise later.

Not compared are what is in the files of keys, certificates and secrets, or behind
the URLs of keys, what the presets of another version of ssobridge send, [server],
and policy tests.

Exit code 1 means that something changes, if --fail-on-change asks for it.`,
		Example: `  git worktree add ../main main
  ssobridge diff ../main/ssobridge.toml ssobridge.toml
  ssobridge diff old.toml new.toml --principals people.csv --format markdown
  ssobridge diff old.toml new.toml --principals - < audit.jsonl`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("diff needs two files: OLD NEW")
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.principals, "principals", "", "`FILE` of people, CSV or JSON lines; - for standard input")
	flags.StringVar(&f.at, "at", "", "compare from this `TIME` on, such as 2027-01-31T18:00:00Z; default: now")
	flags.StringVar(&f.format, "format", "text", "output `FORMAT`: text, markdown or json")
	flags.IntVar(&f.limit, "limit", 10, "list at most `N` kinds of change, and people of each; 0: all; json lists all kinds, and 100 people by default")
	flags.BoolVar(&f.failOnChange, "fail-on-change", false, "exit code 1 if anything changes, be it only an app's upstream, or rules of which no made-up person shows how")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.format == "json" && !flags.Changed("limit") {
			f.limit = 100
		}
		r, err := f.compare(args[0], args[1], cmd.InOrStdin(), cmd.ErrOrStderr())
		if err != nil {
			return &exit{exitUsage, err}
		}
		if err := f.write(cmd.OutOrStdout(), r); err != nil {
			return &exit{exitUsage, err}
		}
		if f.failOnChange && r.Changed() {
			return &exit{exitNo, nil}
		}
		return nil
	}
	return cmd
}

func (f *diffFlags) compare(oldPath, newPath string, stdin io.Reader, stderr io.Writer) (*policydiff.Result, error) {
	options := policydiff.Options{At: time.Now(), Listed: f.limit}
	switch {
	case f.format != "text" && f.format != "markdown" && f.format != "json":
		return nil, fmt.Errorf("--format is %q; choose text, markdown or json", f.format)
	case f.limit < 0:
		return nil, fmt.Errorf("--limit is %d; write how many to list, or 0 for all", f.limit)
	}
	if f.at != "" {
		var err error
		if options.At, err = time.Parse(time.RFC3339, f.at); err != nil {
			return nil, fmt.Errorf("--at is %q; write a time such as 2027-01-31T18:00:00Z", f.at)
		}
	}
	o, n, err := policydiff.Load(oldPath, newPath)
	if err != nil {
		return nil, err
	}
	switch f.principals {
	case "":
	case "-":
		options.People = policydiff.NewPeople("standard input", stdin)
	default:
		file, err := os.Open(f.principals)
		if err != nil {
			return nil, fmt.Errorf("--principals: %w", err)
		}
		defer func() { _ = file.Close() }()
		options.People = policydiff.NewPeople(f.principals, file)
	}
	r, err := policydiff.Compare(o, n, options)
	if options.People != nil {
		for _, warning := range options.People.Warnings() {
			_, _ = fmt.Fprintf(stderr, "%s\n", warning)
		}
	}
	return r, err
}

func (f *diffFlags) write(w io.Writer, r *policydiff.Result) error {
	switch f.format {
	case "markdown":
		return r.WriteMarkdown(w, f.limit)
	case "json":
		return r.WriteJSON(w)
	default:
		return r.WriteText(w, f.limit)
	}
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ssobridge/ssobridge/bridge/wording"
)

// withoutArguments makes commands refuse arguments with the flag that was meant.
func withoutArguments(cmds ...*cobra.Command) []*cobra.Command {
	for _, cmd := range cmds {
		cmd.Args = noArgument
	}
	return cmds
}

func noArgument(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	flag, value := "app", args[0]
	switch {
	case !repeatable(value):
		flag, value = "assertion", "FILE"
	case strings.Contains(value, "@"):
		flag = "email"
	case strings.ContainsAny(value, "./"):
		flag = "config"
	}
	if cmd.Flags().Lookup(flag) == nil {
		return fmt.Errorf("%s takes no argument; ssobridge %s --help lists its flags", cmd.Name(), cmd.Name())
	}
	return fmt.Errorf("%s takes no argument; write --%s %s", cmd.Name(), flag, wording.Visible(value))
}

// strictFlags makes a flag that is there twice a mistake: the last would win.
func strictFlags(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if t := f.Value.Type(); t != "bool" && t != "stringArray" {
			f.Value = &once{Value: f.Value}
		}
	})
	for _, sub := range cmd.Commands() {
		strictFlags(sub)
	}
}

type once struct {
	pflag.Value
	set bool
}

var errTwice = errors.New("is there twice; give it once")

func (o *once) Set(text string) error {
	if o.set {
		return errTwice
	}
	o.set = true
	return o.Value.Set(text)
}

// flagError words what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if ok && unknown.GetSpecifiedShortnames() != "" {
		// The rest is not repeated: it may be a part of an assertion, one in 64 of which
		// begins with a hyphen.
		return fmt.Errorf("%s has no flag -%s; ssobridge %s --help lists them; write -- before what begins with a hyphen and is none",
			cmd.Name(), wording.Visible(unknown.GetSpecifiedName()), cmd.Name())
	}
	if ok {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		name, hint := unknown.GetSpecifiedName(), "; ssobridge "+cmd.Name()+" --help lists them"
		if near, ok := wording.Nearest(name, known); ok {
			hint = fmt.Sprintf("; did you mean --%s?", near)
		}
		return fmt.Errorf("%s has no flag --%s%s", cmd.Name(), wording.Visible(name), hint)
	}
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	name, cause := "--"+invalid.GetFlag().Name, invalid.Unwrap()
	switch {
	case errors.Is(cause, errTwice):
		return fmt.Errorf("%s %w", name, errTwice)
	case invalid.GetFlag().Value.Type() == "int":
		cause = errors.New("write a whole number")
	case invalid.GetFlag().Value.Type() == "bool":
		cause = errors.New("write the flag alone")
	}
	return fmt.Errorf("%s is %q; %w", name, invalid.GetValue(), cause)
}

// percent is a flag from 0 to 100.
type percent int

// String implements [pflag.Value].
func (p *percent) String() string { return strconv.Itoa(int(*p)) }

// Set implements [pflag.Value].
func (p *percent) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 100 {
		return errors.New("write a percentage from 0 to 100, without %")
	}
	*p = percent(n)
	return nil
}

// Type implements [pflag.Value].
func (p *percent) Type() string { return "percent" }

// defaultConfig is what commands read unless --config names another file.
const defaultConfig = "ssobridge.toml"

// noConfig is what to do if the default configuration is what a command did not
// find; else empty.
func noConfig(cmd *cobra.Command, err error) string {
	flag := cmd.Flags().Lookup("config")
	if flag == nil || flag.Changed || flag.DefValue != defaultConfig || !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if _, err := os.Stat(defaultConfig); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return "; name one with --config FILE, or try ssobridge demo"
}

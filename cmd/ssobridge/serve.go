package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"github.com/ssobridge/ssobridge/bridge/proxy"
	"github.com/ssobridge/ssobridge/bridge/server"
)

func newServe() *cobra.Command {
	var path, logFormat, logLevel string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve as a reverse proxy between Pomerium and the apps",
		Long: `Serve as a reverse proxy between Pomerium and the apps.

SIGHUP loads the configuration again: a good one is in force at once, a bad one
changes nothing and is reported. SIGTERM and SIGINT let requests under way finish;
a second one ends them, or first shutdown_delay while it lasts.

Sockets that systemd passes are served in place of listen and admin_listen.
GOMEMLIMIT is 90 % of the cgroup's memory limit unless it is set.`,
		Example: "  ssobridge serve --config /etc/ssobridge/ssobridge.toml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(cmd.ErrOrStderr(), logFormat, logLevel)
			if err != nil {
				return &exit{exitUsage, err}
			}
			passed, err := server.PassedListeners()
			if err != nil {
				return &exit{exitUsage, err}
			}
			defer filterStandardLog(log)()
			limitMemory(log)
			ctx, hurry, cancel := stopSignals(cmd.Context())
			defer cancel()
			reload, stop := reloadSignal(ctx)
			defer stop()
			err = server.Run(ctx, server.Options{ConfigPath: path, Version: version(), Log: log, Reload: reload, Hurry: hurry, Passed: passed})
			return serveExit(err)
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().StringVar(&logFormat, "log-format", "text", "log `FORMAT` on standard error: text or json")
	cmd.Flags().StringVar(&logLevel, "log-level", "info", "least `LEVEL` to log: debug, info, warn or error")
	return cmd
}

// serveExit tells configuration errors from those of running.
func serveExit(err error) error {
	var (
		listen *server.ListenError
		tests  *server.TestsFailedError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &listen): // the address is wrong, or taken
		return &exit{exitUsage, err}
	case errors.As(err, &tests):
		return &exit{exitNo, err}
	case errors.Is(err, context.DeadlineExceeded): // draining took too long
		return &exit{exitNo, err}
	default:
		return &exit{exitUsage, err}
	}
}

// limitMemory makes the garbage collector work harder before the kernel would kill
// the process. GOMEMLIMIT, or AUTOMEMLIMIT=off, prevails.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(0.9))
	switch {
	case err != nil: // no cgroups here
		log.Debug("memory limit unknown", "error", err)
	case limit < math.MaxInt64:
		log.Info("memory limit", "gomemlimit", limit)
	}
}

// filterStandardLog keeps what libraries write to the standard log from standard error,
// where it would hold what apps answered, and returns how to undo that.
func filterStandardLog(l *slog.Logger) (undo func()) {
	w, flags := log.Writer(), log.Flags()
	log.SetOutput(proxy.ErrorLog(l).Writer())
	log.SetFlags(0)
	return func() {
		log.SetOutput(w)
		log.SetFlags(flags)
	}
}

func newLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var o slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level is %q; choose debug, info, warn or error", level)
	}
	o.Level = l
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, &o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &o)), nil
	default:
		return nil, fmt.Errorf("--log-format is %q; choose text or json", format)
	}
}

// stopSignals is untilSignal, but for a second signal that somebody waits for.
func stopSignals(ctx context.Context) (_ context.Context, hurry <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(ctx)
	ch, done, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				if ctx.Err() == nil {
					cancel()
					continue
				}
				select {
				case ch <- struct{}{}:
				default:
					endBy(s)
				}
			}
		}
	}()
	return ctx, ch, func() {
		signal.Stop(signals)
		cancel()
		close(done)
		<-ended
	}
}

// endBy ends the process as the signal does where nobody handles it.
func endBy(s os.Signal) {
	signal.Reset(s)
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(s)
	}
	if err != nil { // such as on Windows
		os.Exit(exitNo)
	}
}

// reloadSignal turns SIGHUP into values on a channel, until ctx ends.
func reloadSignal(ctx context.Context) (reload <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	ch := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			// One waiting reload is enough: it reads the newest file.
			select {
			case ch <- struct{}{}:
			default:
			}
		}
	}()
	return ch, func() {
		signal.Stop(signals)
		cancel()
		<-done
	}
}

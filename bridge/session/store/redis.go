package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis keeps values in a Redis, or in what speaks its protocol and runs its scripts,
// such as Valkey. Its user needs the commands GETRANGE, SET, DEL, EVAL and EVALSHA on
// keys with the prefix.
//
// It is trusted with the bridge's memory, though with no session: the client reserves
// as much of it as an answer says that it is long.
//
// A server that fails several times in a row is asked once a second only, until it
// answers again.
type Redis struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
	breaker *breaker
	// swapHash is what servers know swapScript by.
	swapHash string
	metrics  *Metrics
	log      *slog.Logger
}

// swapScript is Swap, in one step for the server: KEYS[1] the key, ARGV the old value,
// the new one, its life in milliseconds, and the length that matters. It touches one
// key, as a cluster demands. It answers 1, or else what is there.
//
// Only the beginning of a value that no store has written, because it is too long, is
// looked at; it can be replaced like any other.
const swapScript = `
local there = redis.call('GETRANGE', KEYS[1], 0, ARGV[4])
if there == ARGV[2] then return 1 end
if there ~= ARGV[1] then return there end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1`

// Load implements Store. A missing key is read as an empty text, and never as
// redis.Nil: errors of finding a server can wrap that as well.
func (r *Redis) Load(ctx context.Context, key string) (Entry, error) {
	if err := checkKey(key); err != nil {
		return Entry{}, err
	}
	var raw string
	err := r.do(ctx, opLoad, func(ctx context.Context) (err error) {
		raw, err = r.client.GetRange(ctx, r.prefix+key, 0, maxRawBytes).Result()
		return err
	})
	return entryOf(raw), err
}

// Swap implements Store.
func (r *Redis) Swap(ctx context.Context, key string, old Entry, value []byte, ttl time.Duration) (Entry, bool, error) {
	if err := checkSwap(key, value, maxRawBytes, ttl); err != nil {
		return Entry{}, false, err
	}
	next := string(value)
	var answer any
	err := r.do(ctx, opSwap, func(ctx context.Context) (err error) {
		args := []any{r.swapHash, 1, r.prefix + key, old.raw, next, max(ttl.Milliseconds(), 1), maxRawBytes}
		answer, err = r.once(ctx, "EVALSHA", args)
		if redis.HasErrorPrefix(err, "NOSCRIPT") { // so it has not run
			args[0] = swapScript
			answer, err = r.once(ctx, "EVAL", args)
		}
		return err
	})
	if err != nil {
		return Entry{}, false, err
	}
	switch there := answer.(type) {
	case int64:
		return rawEntry(next), true, nil
	case string:
		return entryOf(there), false, nil
	}
	return Entry{}, false, fmt.Errorf("%w: its answer is not understood", ErrUnavailable)
}

// Delete implements Store.
func (r *Redis) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	return r.do(ctx, opDelete, func(ctx context.Context) error { return r.client.Del(ctx, r.prefix+key).Err() })
}

// Close ends its connections.
func (r *Redis) Close() error { return r.client.Close() }

// do runs an operation within the timeout, unless the server is left alone.
func (r *Redis) do(ctx context.Context, operation string, op func(context.Context) error) (err error) {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("session store: %w", err)
	}
	started := time.Now()
	defer func() {
		if err == nil || errors.Is(err, ErrUnavailable) {
			r.metrics.operation(placeRedis, operation, time.Since(started), err)
		}
	}()
	if !r.breaker.allow() {
		return fmt.Errorf("%w: it failed %d times in a row, and is asked again within %s", ErrUnavailable, breakAfter, breakFor)
	}
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	err = op(limited)
	switch {
	case err == nil:
		if r.breaker.succeeded() {
			r.log.Info("the session store answers again")
		}
		return nil
	case ctx.Err() != nil: // whoever asked has gone, which says nothing of the server
		return fmt.Errorf("session store: %w", ctx.Err())
	}
	err = fmt.Errorf("%w: %s", ErrUnavailable, explain(err, r.timeout))
	if r.breaker.failed() {
		r.log.Warn("the session store fails, and is asked once a second until it answers", "error", err)
	}
	return err
}

// once sends a command that is not sent again if its answer is lost: it may have been
// carried out, and by the time of a second try somebody may have signed out.
func (r *Redis) once(ctx context.Context, name string, args []any) (any, error) {
	cmd := redis.NewCmd(ctx, append([]any{name}, args...)...)
	cmd.SetFirstKeyPos(3)
	_ = r.client.Process(ctx, onceCmd{cmd}) // the error is cmd's, too
	return cmd.Result()
}

// onceCmd tells the client to try it once only.
type onceCmd struct{ *redis.Cmd }

// NoRetry overrides that of Cmd.
func (onceCmd) NoRetry() bool { return true }

// entryOf is what is written under a key. What is longer than anything that is ever
// written there is nothing.
func entryOf(raw string) Entry {
	if len(raw) > maxRawBytes {
		return Entry{raw: raw}
	}
	return rawEntry(raw)
}

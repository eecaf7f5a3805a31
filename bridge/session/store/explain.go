package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// explain says why a server did not do what it was asked, and what would be right.
//
// It repeats addresses and the reasons of TLS, and of a server's own words the first
// only, an error code: the others can quote what was sent ("unknown command ..., with
// args beginning with: ..."), and what is no Redis can answer anything.
func explain(err error, timeout time.Duration) string {
	var (
		timedOut net.Error
		refused  redis.Error
		untrust  *tls.CertificateVerificationError
		record   tls.RecordHeaderError
		op       *net.OpError
	)
	switch {
	case errors.As(err, &untrust):
		return untrust.Error() + ": ca_file names the CA of a server that the system's do not vouch for"
	case errors.As(err, &record):
		return "it does not speak TLS there: write redis instead of rediss, or its TLS port"
	case errors.As(err, &op) && op.Op == "remote error": // how crypto/tls calls an alert
		return "it refuses the TLS connection (" + op.Err.Error() + "): it may want a client certificate, client_cert_file"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, redis.ErrPoolTimeout),
		errors.As(err, &timedOut) && timedOut.Timeout():
		return fmt.Sprintf("no answer within %s", timeout)
	case errors.As(err, &op):
		return op.Error()
	case errors.As(err, &refused):
		return explainCode(refused.Error())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection"
	case errors.Is(err, redis.ErrClosed):
		return "closed"
	}
	return "its answer is not understood: is it a Redis, the right port, and one without TLS?"
}

// explainCode explains an error that a server answers.
func explainCode(text string) string {
	code, _, _ := strings.Cut(text, " ")
	hint := ""
	switch code {
	case "NOAUTH", "WRONGPASS":
		hint = ": write its username and password"
	case "NOPERM":
		hint = ": the user needs GETRANGE, SET, DEL, EVAL and EVALSHA on the keys with key_prefix"
	case "OOM":
		hint = ": it is full; maxmemory-policy volatile-lru lets it forget the oldest sessions"
	case "MOVED", "CROSSSLOT":
		hint = ": it is part of a cluster, so write redis+cluster:// or rediss+cluster://"
	case "READONLY":
		hint = ": it is a replica; name the server that it follows, or Sentinels"
	case "WRONGTYPE":
		hint = ": somebody else writes keys with the same prefix; set key_prefix"
	case "redis:": // the library's way to say nil, which only Sentinels do here
		return "the Sentinels know no server by that name"
	case "LOADING", "BUSY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "NOREPLICAS", "MISCONF":
	default:
		return "it refuses (ERR)"
	}
	return "it refuses (" + code + ")" + hint
}

package proxy

import (
	"context"
	"log"
	"log/slog"
	"strings"
)

// ErrorLog returns what net/http and other libraries may log to, such as an
// http.Server's ErrorLog. They write there what went through them: the beginning of an
// app's answer ("Unsolicited response received on idle HTTP channel starting with …"), a
// trailer that is none, values of panics. Of each message, only the fixed words at its
// beginning go to l, at debug, and of a panic the stack, as an error.
func ErrorLog(l *slog.Logger) *log.Logger { return log.New(errorLog{l}, "", 0) }

type errorLog struct{ log *slog.Logger }

// Write takes one message, as log.Logger writes it.
func (l errorLog) Write(p []byte) (int, error) {
	text := string(p)
	if strings.HasPrefix(text, "http: panic serving ") || strings.HasPrefix(text, "http2: panic serving ") {
		stack := "" // the last thing in it that looks like one: a value may, too
		if i := strings.LastIndex(text, "\ngoroutine "); i >= 0 {
			stack = text[i+1:]
		}
		l.log.LogAttrs(context.Background(), slog.LevelError, "panic", slog.String("stack", stack))
		return len(p), nil
	}
	l.log.LogAttrs(context.Background(), slog.LevelDebug, "said by a library", slog.String("text", fixedWords(text)))
	return len(p), nil
}

// fixedWords returns text up to what is quoted in it.
func fixedWords(text string) string {
	if i := strings.IndexAny(text, "\"'`\r\n"); i >= 0 {
		text = text[:i]
	}
	before, _, _ := strings.Cut(text, " starting with ")
	return strings.TrimSpace(before)
}

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/ssobridge/ssobridge/bridge/wording"
	"github.com/ssobridge/ssobridge/verifier"
)

// maxInput bounds what is read; no assertion is longer.
const maxInput = 1 << 20

// readAssertion takes an argument as a file's name if there is such a file, and
// else as an assertion. An error repeats it only if it can be no part of one: what
// somebody meant as an assertion must not end up in a terminal's history of output.
func readAssertion(stdin io.Reader, args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			if looksLikeAssertion(args[0]) {
				return cleanAssertion(args[0])
			}
			return "", fmt.Errorf("%s: %w", nameOf(args[0]), noFile(err))
		}
		defer func() { _ = file.Close() }()
		stdin = file
	}
	text, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("reading assertion: %w", noFile(err))
	}
	if len(text) > maxInput {
		return "", fmt.Errorf("more than %d bytes: no assertion is that long", maxInput)
	}
	return cleanAssertion(string(text))
}

// noFile is an error of the file system without the name of the file.
func noFile(err error) error {
	switch e, ok := errors.AsType[*fs.PathError](err); {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file")
	case ok:
		return e.Err
	}
	return err
}

// looksLikeAssertion: a JSON object's first bytes in base64url, or three parts
// that are long enough for a signature.
func looksLikeAssertion(s string) bool {
	return strings.Contains(s, "eyJ") || strings.Count(s, ".") == 2 && len(s) > leastSecret
}

// leastSecret is shorter than any signature.
const leastSecret = 64

// repeatable reports whether a message may repeat what somebody wrote: it is no
// part of an assertion that gives anything away.
func repeatable(s string) bool { return !looksLikeAssertion(s) && len(s) <= leastSecret }

// nameOf is how messages call the file that somebody named.
func nameOf(path string) string {
	switch {
	case path == "-":
		return "standard input"
	case repeatable(path):
		return wording.Visible(path)
	}
	return "the file"
}

// cleanAssertion removes what people copy along: white space, the header's name,
// the scheme.
func cleanAssertion(text string) (string, error) {
	assertion := strings.TrimSpace(text)
	for _, prefix := range []string{verifier.AssertionHeader + ":", "Authorization:", "Bearer "} {
		if len(assertion) >= len(prefix) && strings.EqualFold(assertion[:len(prefix)], prefix) {
			assertion = strings.TrimSpace(assertion[len(prefix):])
		}
	}
	if assertion == "" {
		return "", errors.New("there is no assertion; give it as an argument, a file, or on standard input")
	}
	return assertion, nil
}

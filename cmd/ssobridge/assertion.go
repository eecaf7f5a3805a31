package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ssobridge/ssobridge/verifier"
)

// maxInput bounds what is read; no assertion is longer.
const maxInput = 1 << 20

// readAssertion takes an argument as a file's name if there is such a file, and
// else as an assertion. It never repeats the argument in an error: what somebody
// meant as an assertion must not end up in a terminal's history of output.
func readAssertion(stdin io.Reader, args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			if looksLikeAssertion(args[0]) {
				return cleanAssertion(args[0])
			}
			return "", fmt.Errorf("reading assertion: the argument is neither a file that can be read nor an assertion: %w", errors.Unwrap(err))
		}
		defer func() { _ = file.Close() }()
		stdin = file
	}
	text, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	if err != nil {
		return "", fmt.Errorf("reading assertion: %w", err)
	}
	if len(text) > maxInput {
		return "", fmt.Errorf("reading assertion: more than %d bytes: no assertion is that long", maxInput)
	}
	return cleanAssertion(string(text))
}

// looksLikeAssertion: a JSON object's first bytes in base64url, or three parts.
func looksLikeAssertion(s string) bool {
	return strings.Contains(s, "eyJ") || strings.Count(s, ".") == 2
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
		return "", errors.New("reading assertion: there is none; give it as an argument, a file, or on standard input")
	}
	return assertion, nil
}

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

// readAssertion takes an argument as an assertion, unless it names a file.
func readAssertion(stdin io.Reader, args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			if strings.Count(args[0], ".") >= 2 && !strings.ContainsAny(args[0], "/\\ ") {
				return args[0], nil
			}
			return "", fmt.Errorf("reading assertion: %w", err)
		}
		defer func() { _ = file.Close() }()
		stdin = file
	}
	text, err := io.ReadAll(io.LimitReader(stdin, maxInput))
	if err != nil {
		return "", fmt.Errorf("reading assertion: %w", err)
	}
	// People copy whole header lines.
	assertion := strings.TrimSpace(string(text))
	if name, value, ok := strings.Cut(assertion, ":"); ok && strings.EqualFold(name, verifier.AssertionHeader) {
		assertion = strings.TrimSpace(value)
	}
	if assertion == "" {
		return "", errors.New("reading assertion: there is none; give it as an argument, a file, or on standard input")
	}
	return assertion, nil
}

//go:build race

package mapping

// The race detector makes everything some ten times slower.
const defaultCases = 40_000

//go:build !race

package mapping

const defaultCases = 100_000

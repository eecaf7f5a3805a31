//go:build unix

package server

import (
	"math"
	"syscall"
)

// maxFiles returns how many files this process may have open. Package os has raised
// the limit as far as it goes.
func maxFiles() (n int, known bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)), true //nolint:unconvert // signed on some systems
}

package verifier

import (
	"context"
	"testing"
)

// MakeTable makes the table of a key of keys, as a hundred assertions would.
func MakeTable(tb testing.TB, keys KeySource, keyID string) {
	tb.Helper()
	k, err := keys.Key(context.Background(), keyID)
	if err != nil {
		tb.Fatal(err)
	}
	k.fast.makeTable()
	if k.fast.table.Load() == nil {
		tb.Fatal("no table")
	}
}

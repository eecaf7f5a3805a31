package proxy

import "testing"

func TestLargeBuffersAreForLargeAnswersAndFew(t *testing.T) {
	var all buffers
	lend := func(length int64) []byte { return (&answerBuffers{&all, length}).Get() }
	for _, length := range []int64{-1, 0, 1 << 10, largeAnswer - 1} {
		if n := len(lend(length)); n != bufferSize {
			t.Errorf("an answer of %d bytes gets a buffer of %d", length, n)
		}
	}
	for range 2 { // the second time, they come from the pool
		var lent [][]byte
		for i := range largeBuffers + 2 {
			buf := lend(largeAnswer)
			lent = append(lent, buf)
			want := largeBufferSize
			if i >= largeBuffers {
				want = bufferSize
			}
			if len(buf) != want {
				t.Fatalf("buffer %d has %d bytes, want %d", i, len(buf), want)
			}
		}
		for _, buf := range lent {
			all.Put(buf)
		}
	}
}

package proxy

import (
	"sync"
	"sync/atomic"
)

// buffers lends what bodies are copied through; its zero value is ready.
//
// Answers that say that they are large get large ones: with fewer and larger reads and
// writes, 1 MB takes 0.7 to 0.8 times the CPU. But clients that read slowly hold theirs
// for long, so that there are only so many.
type buffers struct {
	normal, large sync.Pool
	lent          atomic.Int32 // of the large
}

const (
	bufferSize      = 32 << 10
	largeBufferSize = 128 << 10
	largeBuffers    = 64
	// largeAnswer is the length, in bytes, from which on an answer is large.
	largeAnswer = 2 * largeBufferSize
)

// Get is httputil.BufferPool's.
func (b *buffers) Get() []byte {
	if buf, ok := b.normal.Get().(*[bufferSize]byte); ok {
		return buf[:]
	}
	return make([]byte, bufferSize)
}

// Put is httputil.BufferPool's. It takes back whatever was lent.
func (b *buffers) Put(buf []byte) {
	if len(buf) == bufferSize {
		b.normal.Put((*[bufferSize]byte)(buf))
		return
	}
	b.large.Put((*[largeBufferSize]byte)(buf))
	b.lent.Add(-1)
}

// getLarge returns a large buffer, or a normal one if too many are lent.
func (b *buffers) getLarge() []byte {
	if b.lent.Add(1) > largeBuffers {
		b.lent.Add(-1)
		return b.Get()
	}
	if buf, ok := b.large.Get().(*[largeBufferSize]byte); ok {
		return buf[:]
	}
	return make([]byte, largeBufferSize)
}

// answerBuffers lends for one answer. It is an httputil.BufferPool.
type answerBuffers struct {
	*buffers
	length int64 // of the answer; -1: not known
}

// Get is httputil.BufferPool's.
func (b *answerBuffers) Get() []byte {
	if b.length >= largeAnswer {
		return b.getLarge()
	}
	return b.buffers.Get()
}

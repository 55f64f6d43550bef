package wire

import "sync"

// Buffer is room for one text that is written, sent and forgotten. Buffers are
// used again.
type Buffer struct{ Text []byte }

var buffers = sync.Pool{New: func() any { return &Buffer{Text: make([]byte, 0, 2<<10)} }}

// keptBuffer bounds, in bytes, what is kept: a large text is made anew.
const keptBuffer = 64 << 10

// NewBuffer gives an empty buffer, to be freed when its text is sent.
func NewBuffer() *Buffer { return buffers.Get().(*Buffer) }

// Free takes a buffer back. Its text must not be used any more.
func (b *Buffer) Free() {
	if cap(b.Text) <= keptBuffer {
		b.Text = b.Text[:0]
		buffers.Put(b)
	}
}

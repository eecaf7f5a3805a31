package codec

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// pyPacker keeps what is large: a writer takes most of a megabyte, a reader 44 kB.
type pyPacker struct{ writers, readers sync.Pool }

// pack is what URLSafeSerializerMixin.dump_payload of itsdangerous and
// Signer.sign_object of Django make of JSON: base64url, or "." and that of its zlib
// stream where it is shorter.
func (p *pyPacker) pack(text []byte) (string, error) {
	if len(text) > MaxUnpacked {
		return "", fmt.Errorf("%w: %d bytes of JSON, of which %d are read", ErrTooLarge, len(text), MaxUnpacked)
	}
	var packed bytes.Buffer
	z, ok := p.writers.Get().(*zlib.Writer)
	if !ok {
		z = zlib.NewWriter(nil)
	}
	defer p.writers.Put(z)
	z.Reset(&packed)
	_, err := z.Write(text)
	if err := errors.Join(err, z.Close()); err != nil {
		return "", fmt.Errorf("compressing a session: %w", err)
	}
	if packed.Len() < len(text)-1 {
		return "." + base64URL.EncodeToString(packed.Bytes()), nil
	}
	return base64URL.EncodeToString(text), nil
}

// unpack undoes pack, and never reads more than MaxUnpacked from a stream.
func (p *pyPacker) unpack(payload string) ([]byte, error) {
	payload, compressed := strings.CutPrefix(payload, ".")
	b, err := decodeBase64(base64URL, payload)
	if err != nil || !compressed {
		return b, err
	}
	stream := bytes.NewReader(b) // an io.ByteReader, of which zlib reads no byte too many
	z, err := p.reader(stream)
	if err != nil {
		return nil, errors.New("not a zlib stream")
	}
	defer p.readers.Put(z)
	text, err := io.ReadAll(io.LimitReader(z, MaxUnpacked+1))
	switch {
	case err != nil:
		return nil, errors.New("a broken zlib stream")
	case len(text) > MaxUnpacked:
		return nil, fmt.Errorf("unpacks to more than %d bytes", MaxUnpacked)
	case stream.Len() > 0:
		return nil, errors.New("bytes after the zlib stream")
	}
	return text, nil
}

// reader returns one that knows nothing of the streams before: Reset forgets their
// state, errors and window, beyond which a stream cannot refer.
func (p *pyPacker) reader(stream *bytes.Reader) (io.ReadCloser, error) {
	z, ok := p.readers.Get().(io.ReadCloser)
	if !ok {
		return zlib.NewReader(stream)
	}
	return z, z.(zlib.Resetter).Reset(stream, nil)
}

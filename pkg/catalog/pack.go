package catalog

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// maxUnpacked bounds what a stored value may grow to, in bytes.
const maxUnpacked = 64 << 20

// deflaters are kept: one takes more memory than most values.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.DefaultCompression)
	if err != nil {
		panic(err) // the level is legal
	}
	return w
}}

// pack gives the stored form of a value, JSON that is deflated, and the hash of
// the JSON: 128 bits in 22 characters that may stand in a key.
func pack(v any) (hash string, value []byte) {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("a value of a catalog has no JSON: %v", err)) // of texts, numbers and lists only
	}
	var b bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&b)
	if _, err := w.Write(raw); err != nil {
		panic(err) // a Buffer takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return hashOf(raw), b.Bytes()
}

func unpack(hash string, value []byte, into any) error {
	r := flate.NewReader(bytes.NewReader(value))
	raw, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	switch {
	case err != nil:
		return err
	case len(raw) > maxUnpacked:
		return fmt.Errorf("it has more than %d bytes", maxUnpacked)
	case hashOf(raw) != hash:
		return errors.New("it is not what was stored")
	}
	return json.Unmarshal(raw, into)
}

func hashOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

package sign

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// Signer signs with the same keys over and over. It reads them once, on first
// use, and keeps what can be kept of the work: a signature of one `whsec_` key
// allocates nothing. It is safe for concurrent use; make it by NewSigner.
type Signer struct {
	rules Rules
	texts []string
	plain []*macs // of the texts themselves
	loose error   // why ZITADEL's scheme cannot sign with one of them

	once   sync.Once
	parsed []signingKey
	err    error
}

// signingKey is one key of the Standard Webhooks scheme: one of the two is set.
type signingKey struct {
	secret  *macs
	private ed25519.PrivateKey
}

// NewSigner makes a Signer for keys, the newest first. A key that one of the
// schemes cannot sign with shows when that is called.
func NewSigner(keys []string) *Signer { return Rules{}.signer(keys) }

func (r Rules) signer(keys []string) *Signer {
	s := &Signer{rules: r, texts: slices.Clone(keys), plain: make([]*macs, len(keys)), loose: checkZitadelKeys(keys)}
	for i, text := range keys {
		s.plain[i] = newMACs([]byte(text))
	}
	return s
}

// Has tells whether s signs with exactly these keys.
func (s *Signer) Has(keys []string) bool { return slices.Equal(s.texts, keys) }

// AppendZitadel appends to dst what Zitadel gives, or fails as it does.
func (s *Signer) AppendZitadel(dst []byte, t time.Time, body []byte) ([]byte, error) {
	if len(s.plain) == 0 || s.loose != nil {
		return dst, s.loose
	}
	dst = append(dst, "t="...)
	from := len(dst)
	dst = strconv.AppendInt(dst, t.Unix(), 10)
	to := len(dst)
	for _, m := range s.plain {
		dst = append(dst, ",v1="...)
		h := m.get()
		dst = hex.AppendEncode(dst, h.sum(dst[from:to], body))
		m.put(h)
	}
	return dst, nil
}

// AppendStandard appends to dst what Standard gives, or fails as it does.
func (s *Signer) AppendStandard(dst []byte, id string, t time.Time, body []byte) ([]byte, error) {
	if err := checkID(id); err != nil {
		return dst, err
	}
	if s.once.Do(s.parse); s.err != nil {
		return dst, s.err
	}
	prefix := strconv.AppendInt(append(append(make([]byte, 0, maxID+32), id...), '.'), t.Unix(), 10)
	for i, k := range s.parsed {
		if i > 0 {
			dst = append(dst, ' ')
		}
		if k.secret == nil {
			dst = appendV1a(dst, k.private, prefix, body)
			continue
		}
		h := k.secret.get()
		dst = base64.StdEncoding.AppendEncode(append(dst, "v1,"...), h.sum(prefix, body))
		k.secret.put(h)
	}
	return dst, nil
}

// HasPrivate tells whether one of the keys is a whsk_ key, which signs with v1a.
func (s *Signer) HasPrivate() bool { return slices.ContainsFunc(s.texts, isPrivate) }

func isPrivate(text string) bool { return strings.HasPrefix(text, prefixPrivate) }

// AppendV1a appends to dst the signatures of Standard Webhooks by ed25519 alone,
// `v1a,<base64>`: by those of the keys that are whsk_ keys, and by own, an ed25519 key of
// the instance, where there are none. The id and the errors are as in Standard.
func (s *Signer) AppendV1a(dst []byte, id string, t time.Time, body []byte, own *OwnKey) ([]byte, error) {
	if s.HasPrivate() {
		var keys []string
		for _, text := range s.texts {
			if isPrivate(text) {
				keys = append(keys, text)
			}
		}
		return s.rules.signer(keys).AppendStandard(dst, id, t, body)
	}
	if own == nil || own.private == nil {
		return dst, badKey("there is no ed25519 key to sign with")
	}
	if err := checkID(id); err != nil {
		return dst, err
	}
	prefix := strconv.AppendInt(append(append(make([]byte, 0, maxID+32), id...), '.'), t.Unix(), 10)
	return appendV1a(dst, own.private, prefix, body), nil
}

func appendV1a(dst []byte, private ed25519.PrivateKey, prefix, body []byte) []byte {
	return base64.StdEncoding.AppendEncode(append(dst, "v1a,"...), ed25519.Sign(private, message(string(prefix), body)))
}

func checkID(id string) error {
	if goodID(id) {
		return nil
	}
	return action.NewError(action.CodeBadField, action.StageInvoke,
		"a webhook id is 1 to 255 visible ASCII characters without a dot").WithField(HeaderID)
}

func (s *Signer) parse() {
	if len(s.texts) == 0 {
		s.err = badKey("there is no key to sign with")
		return
	}
	for _, text := range s.texts {
		k, err := s.rules.parse(text)
		if err == nil && k.secret == nil && k.private == nil {
			err = badKey("a public key cannot sign")
		}
		if err != nil {
			s.err = err
			return
		}
		use := signingKey{private: k.private}
		if k.secret != nil {
			use = signingKey{secret: newMACs(k.secret)}
		}
		s.parsed = append(s.parsed, use)
	}
}

// macs keeps hashes under one key that are not in use.
type macs struct{ free sync.Pool }

func newMACs(key []byte) *macs {
	return &macs{free: sync.Pool{New: func() any { return &keyed{Hash: hmac.New(sha256.New, key)} }}}
}

func (m *macs) get() *keyed  { return m.free.Get().(*keyed) }
func (m *macs) put(h *keyed) { m.free.Put(h) }

// keyed is HMAC-SHA256 under one key, with room for what it works on.
type keyed struct {
	hash.Hash
	prefix []byte
	out    [sha256.Size]byte
}

// sum is the HMAC over the prefix, a dot and the body. It stays good until the
// next one.
func (h *keyed) sum(prefix, body []byte) []byte {
	h.prefix = append(append(h.prefix[:0], prefix...), '.')
	h.Reset()
	h.Write(h.prefix)
	h.Write(body)
	return h.Sum(h.out[:0])
}

package action

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Kind says what the engine waits for and what it uses of a target's answer.
type Kind string

// The three kinds of target.
const (
	Webhook Kind = "webhook" // waits; only the status counts
	CallOut Kind = "call"    // waits; status and body count
	Async   Kind = "async"   // does not wait: stored first, delivered by the fleet
)

// Mapping says how the answer of a call target changes the object.
type Mapping string

// The two mappings. A JSON Patch answer patches under either.
const (
	Merge   Mapping = "merge"   // RFC 7396
	Replace Mapping = "replace" // the answer becomes the object, or in a function its members become those of the object, as in ZITADEL
)

// Signature names one way of signing a request to a target.
type Signature string

// The signature styles; a target may carry several.
const (
	SignZitadel  Signature = "zitadel"  // ZITADEL-Signature
	SignStandard Signature = "standard" // Standard Webhooks headers, by the target's own key
	// SignStandardV1a is v1a of Standard Webhooks (ed25519): by the target's own whsk_
	// key, or else by the key of the instance, whose public half is published.
	SignStandardV1a Signature = "standard_v1a"
)

// Payload names what the body of a request to a target is. The zero value is the body as
// the core sent it.
type Payload string

// The payloads. PayloadJSON is how the zero value is written.
const (
	PayloadJSON        Payload = "json"
	PayloadCloudEvents Payload = "cloudevents" // an event as application/cloudevents+json; calls as they are
	PayloadJWT         Payload = "jwt"         // the JSON as a compact JWS, signed by the key of the instance
	PayloadJWE         Payload = "jwe"         // that, encrypted with the public key of the target
)

// Algorithm names how a key of an instance signs.
type Algorithm string

// The algorithms of keys of instances.
const (
	Ed25519 Algorithm = "ed25519" // EdDSA of JOSE (RFC 8037)
	RS256   Algorithm = "rs256"   // RSASSA-PKCS1-v1_5 with SHA-256, 2048 bit
)

// Algorithms are all of them, the usual one first.
var Algorithms = []Algorithm{Ed25519, RS256}

// Known tells whether an algorithm is one of them.
func (a Algorithm) Known() bool { return slices.Contains(Algorithms, a) }

// ContentType says under which media type a JWT or JWE goes.
type ContentType string

// The content types of what is no JSON.
const (
	ContentJSON ContentType = "json" // application/json, as ZITADEL sends it
	ContentJOSE ContentType = "jose" // application/jwt, or application/jose where it is encrypted
)

// Retry is the policy for deliveries (events and async targets). The wait
// doubles from Initial up to Max, with ±20 % jitter.
type Retry struct {
	Initial  time.Duration `json:"initial"`            // first wait; 1 ms – 24 h
	Max      time.Duration `json:"max"`                // longest wait; 1 ms – 24 h
	MaxAge   time.Duration `json:"max_age"`            // from the later of stored and began to fail
	Attempts int           `json:"attempts,omitempty"` // 0 = unbounded; else 1 – 1,000
}

// DefaultRetry is the policy of a target that names none.
func DefaultRetry() Retry {
	return Retry{Initial: time.Second, Max: 5 * time.Minute, MaxAge: 24 * time.Hour}
}

// KeySource tells where a target's signing key comes from. The zero value
// means: made by the engine and kept. The key itself never stands in a Target.
type KeySource struct {
	Env  string `json:"env,omitempty"`
	File string `json:"file,omitempty"`
}

// SecretSource tells where a secret of a target comes from: one of the three. The
// secret itself never stands in a Target.
type SecretSource struct {
	Env    string `json:"env,omitempty"`
	File   string `json:"file,omitempty"`
	Secret string `json:"secret,omitempty"` // one that was set for whose the target is
}

// Sources are where the secrets of t come from that its definition does not hold: those
// of headers by their names, and those of TLS by the names of its parts. nil = it has none.
func (t *Target) Sources() map[string]SecretSource {
	if !t.HasSources() {
		return nil
	}
	all := t.TLS.Sources()
	maps.Copy(all, t.HeaderSources)
	return all
}

// HasSources tells whether t has any Sources.
func (t *Target) HasSources() bool { return t.HeaderSources != nil || t.TLS.HasSources() }

// IsRead tells whether the secret is read by a dispatcher, from a variable or a file.
func (s SecretSource) IsRead() bool { return s.Env != "" || s.File != "" }

// Rate is a limit of N exchanges per Per, for one worker. The zero value is no
// limit.
type Rate struct {
	N   int           `json:"n,omitempty"`
	Per time.Duration `json:"per,omitempty"`
}

// Breaker opens after Failures failures in a row and stays open for Open. The
// zero value is off.
type Breaker struct {
	Failures int           `json:"failures,omitempty"`
	Open     time.Duration `json:"open,omitempty"`
}

// Target is an HTTP endpoint of a user. The signing key is kept apart, see KeySource,
// as are the values of the headers in HeaderSources. What stands in Headers is shown
// to who may read the configuration.
type Target struct {
	Name             string                  `json:"name"`
	Kind             Kind                    `json:"kind"`
	URL              string                  `json:"url"`
	Timeout          time.Duration           `json:"timeout"`
	InterruptOnError bool                    `json:"interrupt_on_error,omitempty"`
	Mapping          Mapping                 `json:"mapping,omitempty"`
	Allow            []string                `json:"allow,omitempty"` // JSON pointers the answer may change; none = all
	Headers          map[string]string       `json:"headers,omitempty"`
	HeaderSources    map[string]SecretSource `json:"header_sources,omitempty"` // of those headers whose values do not stand here
	Retry            Retry                   `json:"retry"`
	SigningKey       KeySource               `json:"signing_key,omitzero"`
	Signatures       []Signature             `json:"signature,omitempty"`
	Payload          Payload                 `json:"payload,omitempty"`       // empty = JSON
	JWTAlgorithm     Algorithm               `json:"jwt_algorithm,omitempty"` // of a JWT or JWE; empty = Ed25519
	ContentType      ContentType             `json:"content_type,omitempty"`  // of a JWT or JWE; empty = ContentJSON
	Lanes            int                     `json:"lanes,omitempty"`         // 1, 4, 16 or 64
	Concurrency      int                     `json:"concurrency,omitempty"`   // exchanges at once per worker; 0 = no limit
	Rate             Rate                    `json:"rate,omitzero"`
	Breaker          Breaker                 `json:"breaker,omitzero"`
	MaxAnswer        int                     `json:"max_answer,omitempty"`    // bytes; 0 = DefaultAnswer
	Egress           []netip.Prefix          `json:"egress,omitempty"`        // addresses allowed beyond the public ones
	NoKeepAlive      bool                    `json:"no_keep_alive,omitempty"` // a new connection for each exchange
	IdleTime         time.Duration           `json:"idle_time,omitempty"`     // how long a connection is kept; 0 = DefaultIdleTime
	TLS              TLS                     `json:"tls,omitzero"`
	Paused           bool                    `json:"paused,omitempty"`
	Labels           map[string]string       `json:"labels,omitempty"`
	UsableBy         []string                `json:"usable_by,omitzero"` // organizations that may name it; nil = all, none in it = the instance alone
	Redact           []string                `json:"redact,omitempty"`   // JSON pointers into the body: what they name is never sent to the target
	Mask             []string                `json:"mask,omitempty"`     // JSON pointers into the body: what they name is sent, and masked in what is kept of an answer
}

// AnswerLimit is the size in bytes that an answer of t may have after
// decompression, 1 to CeilingAnswer, whatever stands in MaxAnswer.
func (t *Target) AnswerLimit() int {
	if t.MaxAnswer > 0 {
		return min(t.MaxAnswer, CeilingAnswer)
	}
	return DefaultAnswer
}

// Signs tells whether requests to t carry a signature of the given style. A
// target that names no style carries those of its own key.
func (t *Target) Signs(s Signature) bool {
	if len(t.Signatures) == 0 {
		return s == SignZitadel || s == SignStandard
	}
	for _, have := range t.Signatures {
		if have == s {
			return true
		}
	}
	return false
}

// IsSigned tells whether the body of a request to t is a JWT, encrypted or not.
func (t *Target) IsSigned() bool { return t.Payload == PayloadJWT || t.Payload == PayloadJWE }

// Algorithm is how the JWT of t is signed.
func (t *Target) Algorithm() Algorithm {
	if t.JWTAlgorithm == "" {
		return Ed25519
	}
	return t.JWTAlgorithm
}

// InstanceKeys are the algorithms of the instance's keys that requests to t may need.
// That of a target whose own keys sign v1a is among them: those may be rotated.
func (t *Target) InstanceKeys() []Algorithm {
	var all []Algorithm
	if t.Signs(SignStandardV1a) {
		all = append(all, Ed25519)
	}
	if t.IsSigned() && !slices.Contains(all, t.Algorithm()) {
		all = append(all, t.Algorithm())
	}
	return all
}

// IsUsableBy tells whether what an organization configures may name a target of the
// instance.
func (t *Target) IsUsableBy(org string) bool {
	return t.UsableBy == nil || slices.Contains(t.UsableBy, org)
}

// LineLanes is how many lanes a subscription of t has: an async target keeps
// no order and has one.
func (t *Target) LineLanes() int {
	if t.Kind == Async || t.Lanes == 0 {
		return 1
	}
	return t.Lanes
}

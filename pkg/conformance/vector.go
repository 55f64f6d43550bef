package conformance

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	vectors "github.com/callout-hq/callout/schemas/conformance"
)

// Line is what a verifier is asked, one JSON object a line (section 11 of the contract).
type Line struct {
	ID          string            `json:"id,omitempty"`
	Now         int64             `json:"now"`
	Keys        []string          `json:"keys"`
	Schemes     []string          `json:"schemes"`
	Headers     [][2]string       `json:"headers"`
	Body        []byte            `json:"body"` // base64
	Payload     string            `json:"payload,omitempty"`
	JWKS        json.RawMessage   `json:"jwks,omitempty"`
	Issuer      string            `json:"issuer,omitempty"`
	Audience    string            `json:"audience,omitempty"`
	PrivateKeys map[string]string `json:"private_keys,omitempty"`
}

// Verdict is what a verifier answers. DeliveryID and Body are of one that is ok.
type Verdict struct {
	ID         string  `json:"id,omitempty"`
	OK         bool    `json:"ok"`
	DeliveryID string  `json:"delivery_id,omitempty"`
	Body       *[]byte `json:"body,omitempty"` // base64; nil is not the empty body
}

// Vector is a case of a verifier. Its name begins with the rule that it is about.
type Vector struct {
	Case string  `json:"case"`
	Rule string  `json:"rule"`
	Line Line    `json:"line"`
	Want Verdict `json:"want"`
}

// Vectors gives the cases of a verifier, in the order of the files.
func Vectors() ([]Vector, error) { return read[Vector]("verifier") }

// read puts the cases of a folder together. None of them has the name of another one.
func read[T interface{ name() string }](folder string) ([]T, error) {
	names, err := fs.Glob(vectors.Files, folder+"/*.json")
	if err != nil {
		return nil, err
	}
	var all []T
	var seen []string
	for _, name := range names {
		raw, err := vectors.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var some []T
		if err := decodeStrictly(raw, &some); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, one := range some {
			if slices.Contains(seen, one.name()) {
				return nil, fmt.Errorf("%s: there are two cases %q", name, one.name())
			}
			seen = append(seen, one.name())
		}
		all = append(all, some...)
	}
	return all, nil
}

func (v Vector) name() string { return v.Case }

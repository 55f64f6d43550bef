package manage

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"

	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/wire"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// placeToken is where a list of deliveries goes on, and of which list.
type placeToken struct {
	Below uint64 `json:"b"`
	Open  []byte `json:"o,omitempty"` // eight bytes each
	List  string `json:"l"`           // a hash of the filter
}

func writePlace(at *attempts.Place, filter *calloutv1.DeliveryFilter) (string, error) {
	if at == nil {
		return "", nil
	}
	t := placeToken{Below: at.Below}
	for _, mark := range at.Open {
		t.Open = binary.BigEndian.AppendUint64(t.Open, mark)
	}
	var err error
	if t.List, err = hashOf(filter); err != nil {
		return "", err
	}
	raw, err := json.Marshal(t)
	return base64.RawURLEncoding.EncodeToString(raw), err
}

// readPlace reads what writePlace wrote; nil for no text.
func readPlace(text string, filter *calloutv1.DeliveryFilter) (*attempts.Place, error) {
	if text == "" {
		return nil, nil
	}
	list, err := hashOf(filter)
	if err != nil {
		return nil, err
	}
	var t placeToken
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = wire.Unmarshal(raw, &t)
	}
	switch {
	case err != nil || t.Below == 0 || len(t.Open)%8 != 0 || len(t.Open) > 8*attempts.MaxOpen:
		return nil, badField("page_token", "the page token is not one of an answer before")
	case t.List != list:
		return nil, badField("page_token", "the page token is of a list with another filter")
	}
	at := &attempts.Place{Below: t.Below}
	for marks := t.Open; len(marks) > 0; marks = marks[8:] {
		at.Open = append(at.Open, binary.BigEndian.Uint64(marks))
	}
	return at, nil
}

func hashOf(filter *calloutv1.DeliveryFilter) (string, error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(filter)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), err
}

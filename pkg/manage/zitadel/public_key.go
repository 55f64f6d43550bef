package zitadel

import (
	"context"
	"errors"
	"maps"
	"unicode/utf8"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// keyOwner is the question about the public keys of one target.
type keyOwner struct {
	TargetID string `json:"targetId"`
}

func (q *keyOwner) address(at func(string) string) { q.TargetID = at("target_id") }

func (q *keyOwner) check() (wrong badFields) {
	if q.TargetID == "" {
		wrong.add("targetId", "the id of a target is needed")
	}
	return wrong
}

// keyID is the question about one public key.
type keyID struct {
	keyOwner `json:",inline"`
	KeyID    string `json:"keyId"`
}

func (q *keyID) address(at func(string) string) {
	q.keyOwner.address(at)
	q.KeyID = at("key_id")
}

func (q *keyID) check() error {
	wrong := q.keyOwner.check()
	if q.KeyID == "" {
		wrong.add("keyId", "the id of a public key is needed")
	}
	return wrong.err()
}

type addPublicKeyRequest struct {
	keyOwner   `json:",inline"`
	PublicKey  octets `json:"publicKey"`
	Expiration *stamp `json:"expirationDate"`
}

type addPublicKeyResponse struct {
	KeyID        string `json:"keyId"`
	CreationDate stamp  `json:"creationDate,omitzero"`
}

// addPublicKey gives a target a public key, which is not active.
func (f *face) addPublicKey(ctx context.Context, c caller, q *addPublicKeyRequest) (*addPublicKeyResponse, uint64, error) {
	wrong := q.check()
	switch {
	case len(q.PublicKey) == 0:
		wrong.add("publicKey", "a public key in PEM is needed")
	case !utf8.Valid(q.PublicKey):
		wrong.add("publicKey", "a public key is PEM: it begins with -----BEGIN PUBLIC KEY-----")
	}
	if err := wrong.err(); err != nil {
		return nil, 0, err
	}
	asked := &calloutv1.AddPublicKeyRequest{Instance: c.instance, Id: q.TargetID, PublicKey: string(q.PublicKey)}
	if q.Expiration != nil {
		asked.ExpireTime = q.Expiration.Timestamp
	}
	var answer *connect.Response[calloutv1.AddPublicKeyResponse]
	err := f.inTurns(ctx, func() (err error) {
		answer, err = f.service.AddPublicKey(ctx, connect.NewRequest(asked))
		return err
	})
	if err != nil {
		return nil, 0, f.ofPublicKey(err)
	}
	made := answer.Msg.GetPublicKey()
	return &addPublicKeyResponse{KeyID: made.GetId(), CreationDate: stamp{made.GetCreateTime()}}, 0, nil
}

type changePublicKeyResponse struct {
	ChangeDate stamp `json:"changeDate,omitzero"`
}

// activatePublicKey has a key take the place of the active one. Of one that is active
// already the date is the one at which it became so.
func (f *face) activatePublicKey(ctx context.Context, c caller, q *keyID) (*changePublicKeyResponse, uint64, error) {
	return f.changePublicKey(ctx, q, func() (*timestamppb.Timestamp, error) {
		answer, err := f.service.ActivatePublicKey(ctx, connect.NewRequest(&calloutv1.ActivatePublicKeyRequest{Instance: c.instance, Id: q.TargetID, KeyId: q.KeyID}))
		if err != nil {
			return nil, err
		}
		return answer.Msg.GetPublicKey().GetUpdateTime(), nil
	})
}

// deactivatePublicKey has nothing encrypted with a key any more.
func (f *face) deactivatePublicKey(ctx context.Context, c caller, q *keyID) (*changePublicKeyResponse, uint64, error) {
	return f.changePublicKey(ctx, q, func() (*timestamppb.Timestamp, error) {
		answer, err := f.service.DeactivatePublicKey(ctx, connect.NewRequest(&calloutv1.DeactivatePublicKeyRequest{Instance: c.instance, Id: q.TargetID, KeyId: q.KeyID}))
		if err != nil {
			return nil, err
		}
		return answer.Msg.GetPublicKey().GetUpdateTime(), nil
	})
}

func (f *face) changePublicKey(ctx context.Context, q *keyID, change func() (*timestamppb.Timestamp, error)) (*changePublicKeyResponse, uint64, error) {
	if err := q.check(); err != nil {
		return nil, 0, err
	}
	var changed *timestamppb.Timestamp
	err := f.inTurns(ctx, func() (err error) {
		changed, err = change()
		return err
	})
	if err != nil {
		return nil, 0, f.ofPublicKey(err)
	}
	return &changePublicKeyResponse{ChangeDate: stamp{changed}}, 0, nil
}

type removePublicKeyResponse struct {
	DeletionDate stamp `json:"deletionDate,omitzero"`
}

// removePublicKey removes a key that is not active. One that is not there, or whose target
// is not, is removed already, and the answer tells when, if that is known.
func (f *face) removePublicKey(ctx context.Context, c caller, q *keyID) (*removePublicKeyResponse, uint64, error) {
	if err := q.check(); err != nil {
		return nil, 0, err
	}
	err := f.inTurns(ctx, func() error {
		_, err := f.service.RemovePublicKey(ctx, connect.NewRequest(&calloutv1.RemovePublicKeyRequest{Instance: c.instance, Id: q.TargetID, KeyId: q.KeyID}))
		return err
	})
	if f.is(err, action.CodeNotFound) {
		return &removePublicKeyResponse{DeletionDate: f.deleted.date(c.instance, q.KeyID)}, 0, nil
	}
	if err != nil {
		return nil, 0, f.ofPublicKey(err)
	}
	date := now()
	f.deleted.note(c.instance, q.KeyID, date)
	return &removePublicKeyResponse{DeletionDate: date}, 0, nil
}

// keyFields are the names of the service that are others in the calls of public keys.
var keyFields = map[string]string{"id": "targetId", "key_id": "keyId", "public_key": "publicKey", "expire_time": "expirationDate"}

// ofPublicKey is an error of the service in the names of the calls of public keys. A target
// that is not there fails their precondition, as in ZITADEL.
func (f *face) ofPublicKey(err error) error {
	said := f.failure(err)
	detail := detailOf(said)
	name, known := keyFields[detail.GetField()]
	if !known {
		return err
	}
	code := said.Code()
	if name == "targetId" && code == connect.CodeNotFound {
		code = connect.CodeFailedPrecondition
	}
	detail.Field = name
	out := connect.NewError(code, errors.New(said.Message()))
	attach(out, detail)
	maps.Copy(out.Meta(), said.Meta())
	return out
}

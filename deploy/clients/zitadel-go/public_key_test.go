package zitadelgo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	action "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/action/v2"
	filter "github.com/zitadel/zitadel-go/v3/pkg/client/zitadel/filter/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func publicKey(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// TestV2PublicKeys: a target that is sent what is encrypted has keys for it, which come and
// go.
func TestV2PublicKeys(t *testing.T) {
	at := start(t)
	for _, instance := range instances {
		t.Run(instance, func(t *testing.T) {
			actions, ctx := connect(t, at, instance, "any").ActionServiceV2(), within(t)
			secret := webhook("secret")
			secret.PayloadType = action.PayloadType_PAYLOAD_TYPE_JWE
			made, err := actions.CreateTarget(ctx, secret)
			require.NoError(t, err)
			id := made.GetId()
			got, err := actions.GetTarget(ctx, &action.GetTargetRequest{Id: id})
			require.NoError(t, err)
			require.Equal(t, action.PayloadType_PAYLOAD_TYPE_JWE, got.GetTarget().GetPayloadType())

			text, end := publicKey(t), timestamppb.New(time.Now().Add(time.Hour).Truncate(time.Second))
			one, err := actions.AddPublicKey(ctx, &action.AddPublicKeyRequest{TargetId: id, PublicKey: text, ExpirationDate: end})
			require.NoError(t, err)
			_, err = actions.AddPublicKey(ctx, &action.AddPublicKeyRequest{TargetId: id, PublicKey: publicKey(t)})
			require.NoError(t, err)
			_, err = actions.AddPublicKey(ctx, &action.AddPublicKeyRequest{TargetId: "notexisting", PublicKey: text})
			refused(t, codes.FailedPrecondition, err)
			_, err = actions.ActivatePublicKey(ctx, &action.ActivatePublicKeyRequest{TargetId: id, KeyId: "notexisting"})
			refused(t, codes.NotFound, err)
			activated, err := actions.ActivatePublicKey(ctx, &action.ActivatePublicKeyRequest{TargetId: id, KeyId: one.GetKeyId()})
			require.NoError(t, err)
			_, err = actions.RemovePublicKey(ctx, &action.RemovePublicKeyRequest{TargetId: id, KeyId: one.GetKeyId()})
			refused(t, codes.FailedPrecondition, err)

			listed, err := actions.ListPublicKeys(ctx, &action.ListPublicKeysRequest{TargetId: id, Pagination: &filter.PaginationRequest{Asc: true}})
			require.NoError(t, err)
			require.Equal(t, uint64(2), listed.GetPagination().GetTotalResult())
			kept := listed.GetPublicKeys()[0]
			require.Equal(t, []any{one.GetKeyId(), true, text, end.AsTime(), one.GetCreationDate().AsTime(), activated.GetChangeDate().AsTime()},
				[]any{kept.GetKeyId(), kept.GetActive(), kept.GetPublicKey(), kept.GetExpirationDate().AsTime(), kept.GetCreationDate().AsTime(), kept.GetChangeDate().AsTime()})
			active, err := actions.ListPublicKeys(ctx, &action.ListPublicKeysRequest{TargetId: id,
				Filters: []*action.PublicKeySearchFilter{{Filter: &action.PublicKeySearchFilter_ActiveFilter{ActiveFilter: false}}}})
			require.NoError(t, err)
			require.Len(t, active.GetPublicKeys(), 1)

			_, err = actions.DeactivatePublicKey(ctx, &action.DeactivatePublicKeyRequest{TargetId: id, KeyId: one.GetKeyId()})
			require.NoError(t, err)
			removed, err := actions.RemovePublicKey(ctx, &action.RemovePublicKeyRequest{TargetId: id, KeyId: one.GetKeyId()})
			require.NoError(t, err)
			again, err := actions.RemovePublicKey(ctx, &action.RemovePublicKeyRequest{TargetId: id, KeyId: one.GetKeyId()})
			require.NoError(t, err)
			require.Equal(t, removed.GetDeletionDate().AsTime(), again.GetDeletionDate().AsTime())
		})
	}
}

package bus

import (
	"context"
	"encoding/json"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// SetQuota stores how much the instance may have and do. The zero value takes the
// quota away.
func (i Instance) SetQuota(ctx context.Context, q action.Quota) error {
	if q == (action.Quota{}) {
		return i.Bucket(BucketQuotas).Purge(ctx, i.Token)
	}
	q.Format = action.Format
	raw, err := json.Marshal(q)
	if err != nil {
		return action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	return i.Bucket(BucketQuotas).Put(ctx, i.Token, raw)
}

// Quota reads how much the instance may have and do. One that cannot be read is an
// error: it is not the same as none.
func (i Instance) Quota(ctx context.Context) (q action.Quota, err error) {
	v, ok, err := i.Bucket(BucketQuotas).Get(ctx, i.Token)
	if err != nil || !ok {
		return q, err
	}
	if q, err = readQuota(v); err != nil {
		return action.Quota{}, action.NewError(action.CodeUnreadable, action.StageStore, "the quota of the instance cannot be read: set it again").WithCause(err)
	}
	return q, nil
}

// FollowQuotas reports the quota of every instance, now and whenever one changes, until
// ctx ends. One that was taken away is the zero value; of one that cannot be read what
// was known of it before still counts.
func (b *Bus) FollowQuotas(ctx context.Context, do func(instance string, q action.Quota)) <-chan struct{} {
	k := b.Bucket(BucketQuotas)
	return k.Follow(ctx, "*", func(v Value) {
		if v.Lost {
			return
		}
		instance, err := wire.ID(v.Key)
		var q action.Quota
		if err == nil && v.Bytes != nil {
			q, err = readQuota(v)
		}
		if k.Judge(v, err) {
			do(instance, q)
		}
	})
}

func readQuota(v Value) (q action.Quota, err error) {
	if err = Decode(v.Bytes, &q); err == nil {
		err = q.Check()
	}
	return q, err
}

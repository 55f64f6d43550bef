package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Departed is a name that a target had before it left the catalog or got
// another. Events may wait for it: its signing key is kept under its id, since
// another target may get the name.
type Departed struct {
	Owner  string    `json:"-"`
	ID     string    `json:"-"`
	Target string    `json:"-"`
	Key    string    `json:"key"` // see ReadTargetSecrets
	Left   time.Time `json:"left"`
	Format int       `json:"format,omitempty"`
}

// The key of a departed target has two tokens more than that of a target, which
// may be named so too.
const departedToken = "departed"

func (i Instance) departedKey(owner, id string) string {
	return strings.Join([]string{i.Token, wire.Token(owner), departedToken, wire.Token(id)}, ".")
}

func (i Instance) keyOf(t Departed) string {
	return i.departedKey(t.Owner, t.ID) + "." + wire.Token(t.Target)
}

// PutDeparted keeps the keys of targets that leave the catalog.
func (i Instance) PutDeparted(ctx context.Context, targets []Departed) error {
	return Together(len(targets), func(n int) error {
		t := targets[n]
		t.Format = action.Format
		raw, err := json.Marshal(t)
		if err != nil {
			return err
		}
		return i.Bucket(BucketSecrets).Put(ctx, i.keyOf(targets[n]), raw)
	})
}

// DepartedKey reads the signing key of a target that has left, whatever its
// name was; it is "" when it is not kept.
func (i Instance) DepartedKey(ctx context.Context, owner, id string) (string, error) {
	all, err := i.departed(ctx, i.departedKey(owner, id)+".*")
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0].Key, nil
}

// Departed lists the targets that have left and whose keys are kept, once for
// each name that they had. What cannot be read is left out.
func (i Instance) Departed(ctx context.Context) ([]Departed, error) {
	return i.departed(ctx, i.Token+".*."+departedToken+".*.*")
}

func (i Instance) departed(ctx context.Context, match string) ([]Departed, error) {
	var all []Departed
	k := i.Bucket(BucketSecrets)
	err := k.Each(ctx, match, func(v Value) error {
		if _, t, err := readDeparted(v); k.Judge(v, err) {
			all = append(all, t)
		}
		return nil
	})
	return all, err
}

// readDeparted reads an entry of a target that has left; a removed one has no
// key.
func readDeparted(v Value) (instance string, t Departed, err error) {
	tokens := strings.Split(v.Key, ".")
	if len(tokens) != 5 || tokens[2] != departedToken {
		return "", t, fmt.Errorf("is not the key of a target that has left")
	}
	for n, into := range map[int]*string{0: &instance, 1: &t.Owner, 3: &t.ID, 4: &t.Target} {
		if *into, err = readToken(tokens[n]); err != nil {
			return "", t, err
		}
	}
	if v.Bytes != nil {
		if err = Decode(v.Bytes, &t); err == nil {
			err = action.CheckFormat(t.Format)
		}
		if err == nil {
			_, err = ReadTargetSecrets(t.Key)
		}
	}
	return instance, t, err
}

// ForgetDeparted removes the key of a departed target.
func (i Instance) ForgetDeparted(ctx context.Context, t Departed) error {
	return i.Bucket(BucketSecrets).Purge(ctx, i.keyOf(t))
}

// KeptNames lists the names under which the key or the pause of a target is kept,
// configured or not, and when something of it was written last.
func (i Instance) KeptNames(ctx context.Context) (map[TargetKey]time.Time, error) {
	kept := map[TargetKey]time.Time{}
	for bucket, matches := range map[string][]string{
		BucketSecrets: {i.Token + ".*.*"}, BucketLines: {i.pausedKeys(), i.resumedKeys()},
	} {
		for _, match := range matches {
			keys, err := i.Bucket(bucket).Keys(ctx, match)
			if err != nil {
				return nil, err
			}
			for _, v := range keys {
				tokens := strings.Split(v.Key, ".")
				name, err := readTargetKey(append(tokens[:1:1], tokens[len(tokens)-2:]...)) // without the kind of the entry
				if err != nil {
					i.Bucket(bucket).Judge(v, err)
					continue
				}
				if v.At.After(kept[name]) {
					kept[name] = v.At
				}
			}
		}
	}
	return kept, nil
}

// ForgetName removes what is kept under the name of a target: its key and its
// pause.
func (i Instance) ForgetName(ctx context.Context, owner, target string) error {
	if err := i.ForgetPause(ctx, owner, target); err != nil {
		return err
	}
	return i.purgeThere(ctx, BucketSecrets, i.secretKey(owner, target))
}

// purgeThere removes what is there: a removal leaves a trace, and none is left of
// nothing.
func (i Instance) purgeThere(ctx context.Context, bucket, key string) error {
	_, there, err := i.Bucket(bucket).Get(ctx, key)
	if err != nil || !there {
		return err
	}
	return i.Bucket(bucket).Purge(ctx, key)
}

package work

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/invoke"
)

// wrapped gives an exchange what its target's definition needs beside the target's own
// keys: the keys of the instance that sign, and what it is encrypted with. id is that of
// the target; "" = it has none, as a draft. Targets that need nothing of it cost
// nothing.
func (w *Worker) wrapped(ctx context.Context, c *invoke.Call, instance, owner, id string) (err error) {
	t := c.Target
	if t.Signs(action.SignStandardV1a) {
		if c.V1a, err = w.own.signing(ctx, instance, action.Ed25519); err != nil {
			return err
		}
	}
	if !t.IsSigned() {
		return nil
	}
	if c.Signer, err = w.own.signing(ctx, instance, t.Algorithm()); err != nil {
		return err
	}
	c.Audience = t.Name
	if owner != "" {
		c.Audience = owner + ":" + t.Name
	}
	if t.Payload == action.PayloadJWE {
		c.Encrypter, err = w.own.encrypter(ctx, instance, id)
	}
	return err
}

// targetID is the id of a target that is configured, by which its public keys are kept;
// "" where it is not needed, or there is none.
func (w *Worker) targetID(ctx context.Context, instance, owner string, t *action.Target) string {
	if t.Payload != action.PayloadJWE {
		return ""
	}
	now, err := w.catalogs.Of(instance).AtLeast(ctx, 0)
	if err != nil {
		return ""
	}
	return idIn(now, owner, t.Name)
}

package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// RotateKey makes a new signing key for a target that org itself defines, and gives
// the keys that sign from now on, the newest first. The one before signs on beside
// it for grace, 0 to action.MaxGrace, and those whose own grace is not over until
// it is; with a grace of 0 the new one is alone. It is no edit: no revision is made.
// The error is bad_field for a key that comes from a file or the environment,
// not_found, and conflict when somebody else was first, or too many keys sign.
func (i *Instance) RotateKey(ctx context.Context, org, target string, grace time.Duration) (bus.SigningKeys, error) {
	if grace < 0 || grace > action.MaxGrace {
		return nil, action.NewError(action.CodeBadField, action.StageDecode,
			fmt.Sprintf("a key signs on for 0s to %s", action.MaxGrace)).WithField("grace")
	}
	m, err := i.current(ctx)
	if err != nil {
		return nil, err
	}
	t, err := m.Snapshot().FindTarget(org, target)
	if err != nil {
		return nil, err
	}
	t.Name = target
	if err := isMade(t); err != nil {
		return nil, err
	}
	// What is replaced is what stood here when the request came: who asks for the same
	// meanwhile, at whichever dispatcher, makes one new key, and not two.
	had, revision, err := i.bus.TargetSecrets(ctx, org, target)
	if err != nil {
		return nil, err
	}
	next, err := had.Keys.Rotated(sign.NewKey(), grace, time.Now())
	if err != nil {
		return nil, action.AsError(err, action.StageStore).WithTarget(target)
	}
	if err := keysFitAll(org, t, next); err != nil {
		return nil, err
	}
	kept := bus.TargetSecrets{Keys: next, Headers: had.Headers} // next has the new key as it is, for who asked
	if to := i.dispatcher.sealing.to; to != nil {
		if kept, err = kept.Seal(*to, i.ID, org); err != nil {
			return nil, err
		}
	}
	i = i.dispatcher.shared(i.ID)
	unlock, err := i.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := i.lead(ctx, func(ctx context.Context) error { return i.replaceKeys(ctx, org, target, kept, revision) }); err != nil {
		return nil, err
	}
	i.log.Info().Str("org", org).Str("target", target).Int("signing", len(next)).Dur("grace_ms", grace).Msg("signing key of a target rotated")
	return next, nil
}

// EditMakingKeys is Edit that tells which signing keys it made: those of targets
// that had none, and take none from elsewhere. text is what a configuration names,
// nil when none asks for the edit: its keys are read anew from where they come from,
// also when nothing else changes.
func (i *Instance) EditMakingKeys(ctx context.Context, source string, text *catalog.Snapshot, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, made []bus.NewSecret, err error) {
	before, after, err = i.turn(ctx, edition{source: source, text: text, change: edit, made: &made})
	if err != nil {
		made = nil
	}
	return before, after, made, err
}

// isMade refuses a key that comes from elsewhere, and says what is to be done.
func isMade(t action.Target) error {
	var where string
	from := t.SigningKey
	switch {
	case from.Env != "":
		where = "the environment variable " + from.Env
	case from.File != "":
		where = "the file " + from.File
	default:
		return nil
	}
	return action.NewError(action.CodeBadField, action.StageCatalog, "the signing key comes from "+where+" of the dispatcher: put a new one there and apply the configuration again, or take signing_key out of it to have one made").
		WithField("signing_key").WithTarget(t.Name)
}

// replaceKeys stores the keys of a target that still has its name. An edit takes
// its keys with a target: none may be on the way.
func (i *Instance) replaceKeys(ctx context.Context, org, target string, secrets bus.TargetSecrets, revision uint64) error {
	latest, there, err := i.revisions.Latest(ctx)
	if err != nil {
		return err
	}
	if there {
		v, err := i.readable(ctx, latest)
		if err != nil {
			return err
		}
		if _, err := v.Matcher.Snapshot().FindTarget(org, target); err != nil {
			return err
		}
	}
	if err := lead.Held(ctx); err != nil {
		return err
	}
	err = i.bus.ReplaceSecret(ctx, org, target, secrets, revision)
	if action.CodeOf(err) == action.CodeConflict {
		return action.NewError(action.CodeConflict, action.StageStore, "somebody else gave the target another signing key meanwhile: this one is not in force, rotate again if it is still needed").WithTarget(target).WithCause(err)
	}
	return err
}

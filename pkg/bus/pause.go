package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// The pauses of targets lie beside the lines that they hold up.
func (i Instance) pausedKey(owner, target string) string {
	return i.Token + ".paused." + targetTokens(owner, target)
}

func (i Instance) resumedKey(owner, target string) string {
	return i.Token + ".resumed." + targetTokens(owner, target)
}

// What matches the keys of all pauses, and of their ends.
func (i Instance) pausedKeys() string  { return i.Token + ".paused.*.*" }
func (i Instance) resumedKeys() string { return i.Token + ".resumed.*.*" }

// PauseTarget notes that a target is paused, and why; the reason is paused where
// none is given. It is state, not an edit: no catalog revision is made.
func (i Instance) PauseTarget(ctx context.Context, owner, target string, reason action.Code) error {
	return i.Bucket(BucketLines).Put(ctx, i.pausedKey(owner, target), []byte(cmp.Or(reason, action.CodePaused)))
}

// ResumeTarget removes what PauseTarget noted, and notes when: first, so that
// who sees the target go on has seen since when.
func (i Instance) ResumeTarget(ctx context.Context, owner, target string) error {
	if err := i.NoteResumed(ctx, owner, target); err != nil {
		return err
	}
	return i.Bucket(BucketLines).Purge(ctx, i.pausedKey(owner, target))
}

// NoteResumed notes that a target was paused up to now: that time does not make
// what waits for it older.
func (i Instance) NoteResumed(ctx context.Context, owner, target string) error {
	return i.Bucket(BucketLines).Put(ctx, i.resumedKey(owner, target), []byte(time.Now().UTC().Format(time.RFC3339Nano)))
}

// Pause reads what PauseTarget noted, as it is stored now.
func (i Instance) Pause(ctx context.Context, owner, target string) (reason action.Code, paused bool, err error) {
	v, paused, err := i.Bucket(BucketLines).Get(ctx, i.pausedKey(owner, target))
	if paused {
		reason, _ = ReasonOf(v)
	}
	return reason, paused, err
}

// ReasonOf reads why a target is paused. A reason that cannot be read, with the
// error, is the plain one: that it is paused tells the key.
func ReasonOf(v Value) (action.Code, error) {
	text := string(v.Bytes)
	err := action.CheckID(text)
	if err == nil && text == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return action.CodePaused, fmt.Errorf("the reason of a pause: %w", err)
	}
	return action.Code(text), nil
}

// ForgetPause removes all that is known of the pauses of a target.
func (i Instance) ForgetPause(ctx context.Context, owner, target string) error {
	for _, key := range []string{i.pausedKey(owner, target), i.resumedKey(owner, target)} {
		if err := i.purgeThere(ctx, BucketLines, key); err != nil {
			return err
		}
	}
	return nil
}

// PauseOf reads the target from the tokens of a key of its pause, or of the
// pause's end.
func PauseOf(tokens []string) (TargetKey, error) {
	if len(tokens) != 4 {
		return TargetKey{}, action.NewError(action.CodeUnreadable, action.StageBus, "it is not the key of a pause")
	}
	return readTargetKey([]string{tokens[0], tokens[2], tokens[3]}) // without the kind of the entry
}

package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// ownKeysFlags say how the keys of instances themselves live.
type ownKeysFlags struct{ every, lead time.Duration }

func (f *ownKeysFlags) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.every, "key-every", action.DefaultKeyEvery, "how long a key of an instance itself signs until another one does, 1h to 17520h; 0 = until somebody rotates it")
	cmd.Flags().DurationVar(&f.lead, "key-lead", action.DefaultKeyLead, "how long a new one is published before it signs, 1s to 720h and shorter than --key-every")
}

func (f *ownKeysFlags) check() error {
	switch {
	case f.every != 0 && (f.every < action.MinKeyEvery || f.every > action.MaxKeyEvery):
		return &usageError{fmt.Errorf("--key-every %s: a key signs for 1h to 17520h, or with 0 until somebody rotates it", f.every)}
	case f.lead < time.Second || f.lead > action.MaxKeyLead:
		return &usageError{fmt.Errorf("--key-lead %s: a key is published for 1s to 720h before it signs", f.lead)}
	case f.every != 0 && f.lead >= f.every:
		return &usageError{fmt.Errorf("--key-lead %s is not shorter than --key-every %s", f.lead, f.every)}
	}
	return nil
}

func (f *ownKeysFlags) options() dispatch.OwnKeys {
	o := dispatch.OwnKeys{Every: f.every, Lead: f.lead}
	if f.every == 0 {
		o.Every = -1
	}
	return o
}

package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/callout-hq/callout/pkg/bus"
)

// attemptsFlags say how much is kept of what became of each attempt.
type attemptsFlags struct {
	age  time.Duration
	most int64
}

func (f *attemptsFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.DurationVar(&f.age, "attempts-age", bus.DefaultAttemptsAge, "how long it is kept what became of each attempt, at least 1m; 0 keeps nothing and takes away what there is; the same for all dispatchers")
	flags.Int64Var(&f.most, "max-attempts", 0, "`BYTES` the log of an instance's attempts may hold, the oldest make room; 0 = 256 MiB embedded, 64 MiB otherwise")
}

func (f *attemptsFlags) check() error {
	if f.age != 0 && f.age < bus.MinAttemptsAge {
		return &usageError{fmt.Errorf("--attempts-age %s is less than %s; 0 keeps nothing", f.age, bus.MinAttemptsAge)}
	}
	if f.most != 0 && f.most < bus.MinMaxAttempts {
		return &usageError{fmt.Errorf("--max-attempts %d is less than %d bytes; 0 is the usual size", f.most, bus.MinMaxAttempts)}
	}
	return nil
}

// kept is the age as the bus takes it.
func (f *attemptsFlags) kept() time.Duration {
	if f.age == 0 {
		return bus.NoAttempts
	}
	return f.age
}

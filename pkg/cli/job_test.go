package cli_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestJobCommands skips everything by a job that is not waited for, shows it, and
// cancels a replay.
func TestJobCommands(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	status := obey(tg, 200)
	p, callout := running(t, tg, oneHook)
	require.Equal(t, result{0, "no jobs\n", ""}, callout("get", "jobs"))
	publish(t, p, userAdded)
	tg.awaitCount(t, 1)
	require.Zero(t, callout("subscription", "pause", "user.added/hook").code)
	publish(t, p, userAdded)
	publish(t, p, userAdded)
	got := callout("subscription", "skip", "user.added/hook", "--all", "--no-wait")
	id := regexp.MustCompile(`^subscription user\.added/hook gives up what waits, by job ([0-9A-Z]{26})\n$`).FindStringSubmatch(got.out)
	require.Len(t, id, 2, "%v", got)
	require.Eventually(t, func() bool {
		return regexp.MustCompile(`(?s)^id +` + id[1] + `\nkind +skip\nabout +subscription user\.added/hook\nstate +done\ndone +2\nof +2\n`).MatchString(callout("describe", "job", id[1]).out)
	}, bound, lookAgain)
	require.Regexp(t, `^ID +KIND +ABOUT +STATE +DONE +TOTAL +AGE\n`+id[1]+` +skip +subscription user\.added/hook +done +2 +2 +\d+s\n$`, callout("get", "jobs").out)
	require.Equal(t, id[1]+"\n", callout("get", "jobs", "-o", "name").out)
	require.Regexp(t, `^callout: the job has ended: it is done .*\[conflict\]\n$`, callout("job", "cancel", id[1]).err)

	status.Store(503)
	replay := regexp.MustCompile(`job ([0-9A-Z]{26})\n$`).FindStringSubmatch(callout("events", "replay", "user.added/hook", "--from-sequence", "1").out)
	require.Len(t, replay, 2)
	require.Regexp(t, `^job `+replay[1]+` is cancelled, \d of 3 done\n$`, callout("job", "cancel", replay[1]).out)
	require.Contains(t, callout("get", "jobs").out, " cancelled ")
	require.Equal(t, 1, callout("job", "cancel", "nobody").code)
}

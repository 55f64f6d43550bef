package node_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
)

// nowhere fails when one of some texts is found in another.
func (v *vault) nowhere(texts []string, where, in string) {
	v.Helper()
	require.NotEmpty(v, in, where)
	for _, text := range texts {
		if strings.Contains(in, text) {
			v.Fatalf("%s holds the text of a secret", where)
		}
	}
}

// nowhereStored looks into every message of every stream, of which buckets are some,
// and into the files of the server.
func (v *vault) nowhereStored(texts []string) {
	v.Helper()
	ctx := within(v.T, time.Minute)
	looked := map[string]int{}
	streams := v.js.ListStreams(ctx)
	for info := range streams.Info() {
		s, err := v.js.Stream(ctx, info.Config.Name)
		require.NoError(v, err)
		for sequence := max(info.State.FirstSeq, 1); sequence <= info.State.LastSeq; sequence++ {
			m, err := s.GetMsg(ctx, sequence)
			if err != nil {
				require.ErrorIs(v, err, jetstream.ErrMsgNotFound)
				continue
			}
			looked[info.Config.Name]++
			v.nowhere(texts, fmt.Sprintf("message %d of %s", sequence, info.Config.Name), fmt.Sprint(m.Subject, m.Header, string(m.Data)))
		}
	}
	require.NoError(v, streams.Err())
	for _, name := range []string{"KV_" + bus.BucketSecrets, "KV_" + bus.BucketCatalog, "CALLOUT_AUDIT", "CALLOUT_EVENTS_" + twoInstances[0]} {
		require.NotZero(v, looked[name], "%s: %v", name, looked)
	}
	require.NoError(v, filepath.WalkDir(v.data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // it is gone, as files of a server go that runs
		}
		if raw, err := os.ReadFile(path); err == nil && len(raw) > 0 {
			v.nowhere(texts, path, string(raw))
		}
		return nil
	}))
}

package cli_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// holder finds the process at the other end of a connection between peer and
// server, by the kernel's own tables: the pair of addresses is that of a socket,
// the socket has an inode, and one of the processes has it open. The pair, since
// two connections to different servers may have one local port.
func holder(t *testing.T, peer, server string, among []*process) (index int) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	require.NoError(t, err)
	local, remote := kernelAddress(t, peer), kernelAddress(t, server)
	for row := range strings.Lines(string(table)) {
		fields := strings.Fields(row)
		if len(fields) < 10 || fields[1] != local || fields[2] != remote {
			continue
		}
		for i, p := range among {
			if hasOpen(t, p, "socket:["+fields[9]+"]") {
				return i
			}
		}
	}
	require.Fail(t, "no worker is at "+peer)
	return -1
}

// kernelAddress is 127.0.0.1:port as the kernel's table writes it.
func kernelAddress(t *testing.T, address string) string {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	return fmt.Sprintf("0100007F:%04X", port)
}

func hasOpen(t *testing.T, p *process, what string) bool {
	t.Helper()
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.cmd.Process.Pid))
	require.NoError(t, err)
	for _, name := range open {
		if link, err := os.Readlink(name); err == nil && link == what {
			return true
		}
	}
	return false
}

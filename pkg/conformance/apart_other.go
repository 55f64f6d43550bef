//go:build !unix

package conformance

import "os/exec"

// apart has nothing to do where there are no groups of processes.
func apart(cmd *exec.Cmd) {}

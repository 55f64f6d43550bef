//go:build unix

package conformance

import (
	"os/exec"
	"syscall"
)

// apart gives a program a group of its own, which ends with it: what it has started may not
// stay behind.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

package demo

import (
	"os"
	"syscall"
)

// diesWithParent puts a child into a group of its own and has the kernel kill
// it when the demo ends without stopping it.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// signalGroup sends a signal to a child and all that it has started.
func signalGroup(p *os.Process, s syscall.Signal) error { return syscall.Kill(-p.Pid, s) }

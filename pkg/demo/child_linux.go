package demo

import "syscall"

// diesWithParent puts a child into a group of its own and has the kernel kill
// it when the demo ends without stopping it.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

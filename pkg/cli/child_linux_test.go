package cli_test

import "syscall"

// diesWithTest has the kernel kill a child when the test ends without having
// stopped it.
func diesWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

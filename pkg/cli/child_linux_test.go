package cli_test

import (
	"fmt"
	"os"
	"syscall"
)

// diesWithTest has the kernel kill a child when the test ends without having
// stopped it.
func diesWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// withOwnMounts gives a child mounts of its own. Who is not root becomes root
// of a user namespace for it, which some kernels forbid.
func withOwnMounts() *syscall.SysProcAttr {
	a := diesWithTest()
	a.Cloneflags = syscall.CLONE_NEWNS
	if os.Getuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return a
}

// mountSmallDisk mounts a disk of so many bytes on a directory, in a child that
// has mounts of its own.
func mountSmallDisk(dir string, size int) error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size))
}

// seenBy is the path of a file as a process sees it.
func seenBy(p *process, path string) string {
	return fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, path)
}

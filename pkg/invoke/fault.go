package invoke

import (
	"crypto/x509"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

// faults are what the system says when this machine, and not a target, has
// nothing left: descriptors, sockets, memory, ports of its own.
var faults = []syscall.Errno{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ENOSPC, syscall.EADDRNOTAVAIL, syscall.ENETDOWN,
}

// isFault tells whether an exchange failed by a fault of ours, and so says
// nothing of its target.
func isFault(err error) bool {
	if noRoots := (x509.SystemRootsError{}); errors.As(err, &noRoots) {
		return true // the machine's certificate authorities could not be read
	}
	if slices.ContainsFunc(faults, func(f syscall.Errno) bool { return errors.Is(err, f) }) {
		return true
	}
	// A name that could not be asked for: of the reason only the text is kept,
	// and the C library says that there is no such name.
	var dns *net.DNSError
	return errors.As(err, &dns) && (isStarved() ||
		slices.ContainsFunc(faults, func(f syscall.Errno) bool { return strings.Contains(dns.Err, f.Error()) }))
}

// isStarved tells whether there is no descriptor to be had.
func isStarved() bool {
	f, err := os.Open(os.DevNull)
	if err == nil {
		_ = f.Close()
	}
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

//go:build !linux

package demo

import (
	"os"
	"syscall"
)

// diesWithParent leaves a child in the demo's own group: without Linux's death
// signal that is what lets a Ctrl-C reach it.
func diesWithParent() *syscall.SysProcAttr { return nil }

// signalGroup sends a signal to a child alone: its group is the demo's own.
func signalGroup(p *os.Process, s syscall.Signal) error { return p.Signal(s) }

//go:build !linux

package demo

import "syscall"

// diesWithParent leaves a child in the demo's own group: without Linux's death
// signal that is what lets a Ctrl-C reach it.
func diesWithParent() *syscall.SysProcAttr { return nil }

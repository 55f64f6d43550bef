//go:build !linux

package cli_test

import "syscall"

// diesWithTest is for Linux only; elsewhere the cleanup of a test kills.
func diesWithTest() *syscall.SysProcAttr { return nil }

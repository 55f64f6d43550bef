//go:build !linux

package cli_test

import (
	"errors"
	"syscall"
)

// diesWithTest is for Linux only; elsewhere the cleanup of a test kills.
func diesWithTest() *syscall.SysProcAttr { return nil }

// withOwnMounts is for Linux only; see TestFullDisk.
func withOwnMounts() *syscall.SysProcAttr { return nil }

func mountSmallDisk(string, int) error { return errors.ErrUnsupported }

func seenBy(_ *process, path string) string { return path }

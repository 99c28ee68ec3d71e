//go:build !linux

package main

import "syscall"

// childAttr gives the agent a process group of its own.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

package main

import "syscall"

// childAttr gives the agent a process group of its own. Should the demo itself be killed, the kernel ends the agent.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

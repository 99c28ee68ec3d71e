//go:build !linux

package route

import (
	"context"
	"syscall"
)

// setUserTimeout does nothing where TCP_USER_TIMEOUT does not exist: there the session's own limits find a dead peer.
func setUserTimeout(context.Context, string, string, syscall.RawConn) error { return nil }

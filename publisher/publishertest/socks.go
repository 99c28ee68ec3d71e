package publishertest

import (
	"fmt"
	"testing"
)

// StartDante starts Dante's SOCKS server on 127.0.0.1 and returns its address. Without login anybody may use it; with login it wants
// user and password of an account of this machine, which no test has. It resolves names as this machine does. It ends with the test.
func StartDante(t testing.TB, login bool) string {
	t.Helper()
	path, addr := Program(t, "danted"), FreeAddr(t)
	method := "none"
	if login {
		method = "username"
	}
	conf := fmt.Sprintf(`logoutput: stderr
internal: 127.0.0.1 port = %s
external: lo
clientmethod: none
socksmethod: %s
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: blocked.test }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
`, port(t, addr), method)
	start(t, []string{addr}, path, "-N", "1", "-f", WriteFile(t, t.TempDir(), "danted.conf", []byte(conf)))
	return addr
}

// StartMicrosocks starts the SOCKS server microsocks on 127.0.0.1 and returns its address. It wants this user and password. It ends
// with the test.
func StartMicrosocks(t testing.TB, user, password string) string {
	t.Helper()
	path, addr := Program(t, "microsocks"), FreeAddr(t)
	start(t, []string{addr}, path, "-i", "127.0.0.1", "-p", port(t, addr), "-u", user, "-P", password)
	return addr
}

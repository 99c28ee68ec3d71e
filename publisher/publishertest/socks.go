package publishertest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// StartDante starts Dante's SOCKS server on 127.0.0.1 and returns its address. Without login anybody may use it; with login it wants
// user and password of an account of this machine, which no test has. It resolves names as this machine does. It ends with the test.
func StartDante(t testing.TB, login bool) string {
	t.Helper()
	path, addr := Program(t, "danted"), FreeAddr(t)
	start(t, []string{addr}, path, "-N", "1", "-f", danteConf(t, addr, login))
	return addr
}

// StartDanteAccount is StartDante with login and with this user, whose account only this Dante sees: its copies of the files of
// accounts lie over the machine's own in a mount namespace that ends with it. That takes root and leave to mount; without them the
// test is skipped.
func StartDanteAccount(t testing.TB, name, password string) string {
	t.Helper()
	path, unshare, openssl, addr := Program(t, "danted"), Program(t, "unshare"), Program(t, "openssl"), FreeAddr(t)
	if out, err := exec.Command(unshare, "--mount", "mount", "--bind", t.TempDir(), "/etc").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace for an account of Dante's own: %v: %s", err, out)
	}
	hash := exec.Command(openssl, "passwd", "-6", "-stdin")
	hash.Stdin = strings.NewReader(password + "\n")
	crypt, err := hash.Output()
	if err != nil {
		t.Fatalf("hash a password: %v", err)
	}
	folder := t.TempDir()
	for file, line := range map[string]string{
		"passwd": name + ":x:64999:65534::/nonexistent:/usr/sbin/nologin",
		"shadow": name + ":" + strings.TrimSpace(string(crypt)) + ":20000:0:99999:7:::",
	} {
		accounts, err := os.ReadFile("/etc/" + file)
		if err != nil {
			t.Fatal(err)
		}
		WriteFile(t, folder, file, append(accounts, line+"\n"...))
	}
	const over = `mount --bind "$1/passwd" /etc/passwd; mount --bind "$1/shadow" /etc/shadow; exec "$2" -N 1 -f "$3"`
	start(t, []string{addr}, unshare, "--mount", "sh", "-ec", over, "sh", folder, path, danteConf(t, addr, true))
	return addr
}

func danteConf(t testing.TB, addr string, login bool) (file string) {
	t.Helper()
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
	return WriteFile(t, t.TempDir(), "danted.conf", []byte(conf))
}

// StartMicrosocks starts the SOCKS server microsocks on 127.0.0.1 and returns its address. It wants this user and password. It ends
// with the test.
func StartMicrosocks(t testing.TB, user, password string) string {
	t.Helper()
	path, addr := Program(t, "microsocks"), FreeAddr(t)
	start(t, []string{addr}, path, "-i", "127.0.0.1", "-p", port(t, addr), "-u", user, "-P", password)
	return addr
}

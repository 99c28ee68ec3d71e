package publishertest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Kerberos is a realm with a key distribution centre on 127.0.0.1, a proxy and a device.
type Kerberos struct {
	Config        string // krb5.conf
	Proxy, Device string // keytabs
	cache         string
}

// The principals. A proxy on another host would have that one's name.
const (
	kerberosProxy  = "HTTP/127.0.0.1"
	kerberosDevice = "device"
	kerberosRealm  = "PINHOLE.TEST"
)

// StartKerberos makes a realm of its own. It ends with the test.
func StartKerberos(t testing.TB) *Kerberos {
	t.Helper()
	kdc, admin, util, addr := Program(t, "krb5kdc"), Program(t, "kadmin.local"), Program(t, "kdb5_util"), FreeAddr(t)
	folder, err := os.MkdirTemp("", "krb5") // t.TempDir is closed to squid's user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) }) // what is left is the system's to clean
	k := &Kerberos{Proxy: filepath.Join(folder, "proxy.keytab"), Device: filepath.Join(folder, "device.keytab"), cache: filepath.Join(folder, "cache")}
	k.Config = WriteFile(t, folder, "krb5.conf", fmt.Appendf(nil, `[libdefaults]
  default_realm = %[1]s
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
[realms]
  %[1]s = {
    kdc = %[2]s
  }
`, kerberosRealm, addr))
	profile := WriteFile(t, folder, "kdc.conf", fmt.Appendf(nil, `[kdcdefaults]
  kdc_listen = %[2]s
  kdc_tcp_listen = %[2]s
[realms]
  %[1]s = {
    database_name = %[3]s/principal
    key_stash_file = %[3]s/stash
    acl_file = %[3]s/acl
  }
[logging]
  kdc = STDERR
`, kerberosRealm, addr, folder))
	env := []string{"KRB5_CONFIG=" + k.Config, "KRB5_KDC_PROFILE=" + profile}
	for _, args := range [][]string{
		{util, "create", "-s", "-r", kerberosRealm, "-P", "master"},
		{admin, "-q", "addprinc -randkey " + kerberosProxy},
		{admin, "-q", "addprinc -randkey " + kerberosDevice},
		{admin, "-q", "ktadd -k " + k.Proxy + " " + kerberosProxy},
		{admin, "-q", "ktadd -k " + k.Device + " " + kerberosDevice},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	openTo(t, folder, "proxy")
	start(t, []string{addr}, Program(t, "env"), append(env, kdc, "-n")...)
	return k
}

// login are the lines by which squid asks another proxy for every tunnel, and logs in there with the device's key: the way out that
// README describes for proxies that take nothing but Kerberos.
func (k *Kerberos) login(t testing.TB, parent string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(parent)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("cache_peer %s parent %s 0 no-query no-digest default login=NEGOTIATE\nnever_direct allow all\n", host, port)
}

// env is what squid's environment has to say.
func (k *Kerberos) env() []string {
	return []string{"KRB5_CONFIG=" + k.Config, "KRB5_CLIENT_KTNAME=" + k.Device, "KRB5_KTNAME=" + k.Device, "KRB5CCNAME=" + k.cache}
}

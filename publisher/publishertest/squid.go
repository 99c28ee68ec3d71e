package publishertest

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// SquidLogin is how squid wants its users to log in.
type SquidLogin string

// The logins, each with the name that squid gives it.
const (
	SquidOpen   SquidLogin = ""       // anybody may use it
	SquidBasic  SquidLogin = "basic"  // basic_ncsa_auth
	SquidDigest SquidLogin = "digest" // digest_file_auth; MD5 is all that squid knows
	SquidNTLM   SquidLogin = "ntlm"   // Squid.Helper

	SquidNegotiate SquidLogin = "negotiate" // negotiate_kerberos_auth, in the realm of Squid.Kerberos
)

// Squid is the proxy to start.
type Squid struct {
	Login          SquidLogin
	User, Password string            // the one user, without a colon
	Hosts          map[string]string // names that only this proxy knows, with their addresses; DNS is not asked for any
	Ports          []string          // CONNECT is allowed to these only; none: to all
	TLS            *Pair             // the proxy's own certificate; nil: a plain port
	Helper         []string          // of SquidNTLM: arguments for this test's own program, which then judges the logins
	Kerberos       *Kerberos         // the realm for SquidNegotiate, and for Parent
	Parent         string            // the proxy to ask for every tunnel, with the device's key in Kerberos; "": none
}

// StartSquid starts squid on 127.0.0.1 and returns its address. It ends with the test.
func StartSquid(t testing.TB, s Squid) string {
	t.Helper()
	path, addr := Program(t, "squid"), FreeAddr(t)
	folder, err := os.MkdirTemp("", "squid") // t.TempDir is closed to the user that squid changes to
	if err != nil {
		t.Fatal(err)
	}
	service := "pinhole" + port(t, addr) // shared memory has this name
	t.Cleanup(func() {
		_ = os.RemoveAll(folder) // what is left is the system's to clean
		left, _ := filepath.Glob("/dev/shm/" + service + "-*")
		for _, file := range left {
			_ = os.Remove(file)
		}
	})
	var hosts strings.Builder
	for name, ip := range s.Hosts {
		fmt.Fprintln(&hosts, ip, name)
	}
	WriteFile(t, folder, "hosts", []byte(hosts.String()))
	conf := fmt.Sprintf(`visible_hostname proxy.test
cache_effective_user proxy
pid_filename none
cache deny all
cache_mem 1 MB
access_log none
cache_log %[1]s/cache.log
coredump_dir %[1]s
hosts_file %[1]s/hosts
pinger_enable off
netdb_filename none
memory_cache_shared off
dns_nameservers 127.0.0.1
dns_timeout 1 seconds
dns_retransmit_interval 1 seconds
shutdown_lifetime 0 seconds
`, folder)
	if s.TLS == nil {
		conf += "http_port " + addr + "\n"
	} else {
		cert, key := s.TLS.Files(t, folder, "proxy")
		conf += fmt.Sprintf("https_port %s tls-cert=%s tls-key=%s\n", addr, cert, key)
	}
	if len(s.Ports) > 0 {
		conf += "acl safe port " + strings.Join(s.Ports, " ") + "\nhttp_access deny CONNECT !safe\n"
	}
	if s.Parent != "" {
		conf += s.Kerberos.login(t, s.Parent)
	}
	conf += s.login(t, folder) + "http_access deny all\n"
	WriteFile(t, folder, "squid.conf", []byte(conf))
	openTo(t, folder, "proxy")
	args := []string{path, "-N", "-d", "1", "-n", service, "-f", filepath.Join(folder, "squid.conf")}
	if s.Kerberos != nil {
		args = append(s.Kerberos.env(), args...)
	}
	start(t, []string{addr}, Program(t, "env"), args...)
	return addr
}

// login writes the file with the user and returns the lines of the configuration.
func (s Squid) login(t testing.TB, folder string) string {
	t.Helper()
	hash := func(text string) string { h := md5.Sum([]byte(text)); return hex.EncodeToString(h[:]) }
	const required = "acl known proxy_auth REQUIRED\nhttp_access allow known\n"
	switch s.Login {
	case SquidBasic:
		file := WriteFile(t, folder, "users", []byte(s.User+":"+hash(s.Password)+"\n"))
		return "auth_param basic program " + squidHelper(t, "basic_ncsa_auth") + " " + file +
			"\nauth_param basic children 1\nauth_param basic realm proxy.test\n" + required
	case SquidNTLM:
		self, err := os.ReadFile("/proc/self/exe") // squid's user may not reach it where it is
		if err != nil {
			t.Fatal(err)
		}
		helper := WriteFile(t, folder, "helper", self)
		if err := os.Chmod(helper, 0o755); err != nil {
			t.Fatal(err)
		}
		return "auth_param ntlm program " + helper + " " + strings.Join(s.Helper, " ") +
			"\nauth_param ntlm children 1\nauth_param ntlm keep_alive on\n" + required
	case SquidNegotiate:
		return "auth_param negotiate program " + squidHelper(t, "negotiate_kerberos_auth") + " -k " + s.Kerberos.Proxy + " -s " +
			kerberosProxy + "@" + kerberosRealm + "\nauth_param negotiate children 1\nauth_param negotiate keep_alive on\n" + required
	case SquidDigest:
		file := WriteFile(t, folder, "users", []byte(s.User+":proxy.test:"+hash(s.User+":proxy.test:"+s.Password)+"\n"))
		return "auth_param digest program " + squidHelper(t, "digest_file_auth") + " -c " + file +
			"\nauth_param digest children 1\nauth_param digest realm proxy.test\n" + required
	}
	return "http_access allow all\n"
}

func squidHelper(t testing.TB, name string) string {
	t.Helper()
	for _, folder := range []string{"/usr/lib/squid/", "/usr/lib64/squid/", "/usr/libexec/squid/"} {
		if _, err := os.Stat(folder + name); err == nil {
			return folder + name
		}
	}
	return Program(t, name)
}

// openTo gives a folder and its files to the user that a program started by root changes to. It does nothing if the test is not run
// by root: then no program can change its user.
func openTo(t testing.TB, folder, name string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(folder + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, folder) {
		if err := os.Chown(file, id, -1); err != nil {
			t.Fatal(err)
		}
	}
}

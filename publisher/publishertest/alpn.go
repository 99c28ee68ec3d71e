package publishertest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// StartHAProxy starts HAProxy as a gate on 127.0.0.1 that looks at the ClientHello and lets through to backend only connections
// that offer the ALPN name, without ending TLS itself. Others are reset (drop false) or met with silence (drop true). It returns the
// gate's address and ends with the test.
func StartHAProxy(t testing.TB, alpn, backend string, drop bool) string {
	t.Helper()
	path := Program(t, "haproxy")
	addr := FreeAddr(t)
	action := "reject"
	if drop {
		action = "silent-drop"
	}
	conf := fmt.Sprintf(`global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
frontend gate
  bind %s
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.ssl_hello_type 1 } { req.ssl_alpn -m sub %s }
  tcp-request content %s if { req.ssl_hello_type 1 }
  default_backend broker
backend broker
  server broker %s
`, addr, alpn, action, backend)
	start(t, []string{addr}, path, "-db", "-f", WriteFile(t, t.TempDir(), "haproxy.cfg", []byte(conf)))
	return addr
}

// StartNginx starts nginx as a gate on 127.0.0.1 that sends a connection to one of several backends by the ALPN name in its
// ClientHello, without ending TLS itself. The name "" stands for a ClientHello without ALPN; a name that is not in the table leads to
// a closed port. It returns the gate's address and ends with the test.
func StartNginx(t testing.TB, backends map[string]string) string {
	t.Helper()
	path := Program(t, "nginx")
	addr, nowhere, folder := FreeAddr(t), FreeAddr(t), t.TempDir()
	var table strings.Builder
	for name, backend := range backends {
		fmt.Fprintf(&table, "    %q %s;\n", name, backend)
	}
	module := "" // Debian's nginx loads the module, nginx.org's has it built in
	for _, file := range []string{"/usr/lib/nginx/modules/ngx_stream_module.so", "/usr/share/nginx/modules/ngx_stream_module.so"} {
		if _, err := os.Stat(file); err == nil {
			module = "load_module " + file + ";\n"
			break
		}
	}
	conf := module + fmt.Sprintf(`user root;
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
stream {
  map $ssl_preread_alpn_protocols $backend {
%[2]s    default %[3]s;
  }
  server {
    listen %[4]s;
    ssl_preread on;
    proxy_pass $backend;
  }
}
`, folder, table.String(), nowhere, addr)
	start(t, []string{addr}, path, "-p", folder, "-e", "stderr", "-c", WriteFile(t, folder, "nginx.conf", []byte(conf)))
	return addr
}

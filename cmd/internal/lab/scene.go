package lab

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pinhole/sensors/clock"
)

// scene is what surrounds the endpoint: the configuration, and how to run a command so that it sees what is staged. The zero value of
// each text leaves its key out.
type scene struct {
	board, sensors  string
	script          string // the section sim
	broker          string // HOST:PORT
	ca, cert, key   string
	name            string // server_name
	alpn            string
	proxy, password string // password: the file of the proxy's
	queue           string
	around          string // the command line around the command, which is %s in it
	rival           bool   // another client has the agent's client id
	culprit, note   string // culprit: where it differs from the fault's own; note is for people
}

const (
	deviceName = "lab-pi"
	noSuchName = "broker.pinhole-lab.invalid" // RFC 6761 section 6.4: no name server knows it
	awsName    = "pinhole-lab-ats.iot.eu-west-1.amazonaws.com"
	legacyName = "pinhole-lab.iot.eu-west-1.amazonaws.com"
	mockSensor = "  - {name: wave, kind: mock, every: 500ms, quantity: voltage, signal: {shape: sine, min: 0, max: 3.3, period: 20s}}\n"
)

// healthy is the scene in which all is well between the agent and the endpoint.
func healthy(addr, script string) scene {
	return scene{
		script: script,
		board:  "sim", broker: addr, ca: caFile, cert: certFile, key: keyFile, name: "localhost", alpn: "[" + ALPN + "]", proxy: "none",
		queue: "queue", around: "%s",
		sensors: "  - {name: air, kind: bme280, every: 1s}\n" +
			"  - {name: door, kind: gpio, pin: GPIO17}\n" + mockSensor +
			"  - {name: board, kind: host, every: 2s}\n",
	}
}

// scenes are the faults that are staged at the lab's start, in what surrounds the endpoint. No root is needed, and nothing outside the
// lab's folder is touched: where only root could do it, the command runs in a namespace of its own, see unshare(1).
var scenes = map[string]func(*Lab, *scene) error{
	"key-open": func(l *Lab, s *scene) error {
		s.key = "open.key"
		text, err := os.ReadFile(l.file(keyFile))
		if err != nil {
			return err
		}
		return l.replace(s.key, 0o644, text)
	},
	"device-expired": func(l *Lab, s *scene) error { return l.device(s, "expired", -30*early, -early) },
	"device-future":  func(l *Lab, s *scene) error { return l.device(s, "future", early, validity) },
	"device-other-key": func(l *Lab, s *scene) error {
		old := s.key
		err := l.device(s, "other", -early, validity)
		s.key = old
		return err
	},
	"device-stranger": func(l *Lab, s *scene) error {
		ca, err := newAuthority("Somebody else's CA", time.Now())
		if err != nil {
			return err
		}
		s.cert, s.key = "stranger.crt", "stranger.key"
		return l.deviceOf(ca, "stranger", -early, validity)
	},
	"bus-missing": func(_ *Lab, s *scene) error {
		s.board, s.sensors = "pi", "  - {name: air, kind: bme280, bus: 77}\n"+mockSensor
		return nil
	},
	"bus-denied": func(l *Lab, s *scene) error {
		s.board, s.sensors = "pi", "  - {name: air, kind: bme280}\n"+mockSensor
		if err := os.MkdirAll(l.file("dev"), 0o755); err != nil {
			return err
		}
		if err := l.replace("dev/i2c-1", 0, nil); err != nil {
			return err
		}
		// The second namespace takes root's rights away again, which the first gave.
		return l.namespace(s, `mount --bind `+l.file("dev")+` /dev && exec unshare --map-user=1000 %s`)
	},
	"disk-full": func(l *Lab, s *scene) error {
		s.queue = "full"
		if err := os.MkdirAll(l.file(s.queue), 0o700); err != nil {
			return err
		}
		return l.namespace(s, `mount -t tmpfs -o size=64k full `+l.file(s.queue)+` && head -c 64k /dev/zero >`+l.file("full/big")+` && exec %s`)
	},
	"disk-read-only": func(l *Lab, s *scene) error {
		s.queue = "read-only"
		if err := os.MkdirAll(l.file(s.queue), 0o700); err != nil {
			return err
		}
		return l.namespace(s, `mount -t tmpfs -o ro tmpfs `+l.file(s.queue)+` && exec %s`)
	},
	"clock-behind": func(_ *Lab, s *scene) error {
		s.note = "1970 itself takes root and a board that may lose its time for a minute: timedatectl set-ntp false; date -s @300"
		return nil
	},
	"clock-ahead": func(l *Lab, s *scene) error {
		s.board, s.sensors = "pi", mockSensor
		if c, err := clock.System("/", time.Now()); err == nil && c.Now().Synced {
			s.culprit = "key"
		}
		s.note = "the future itself takes root and a board that may lose its time for a minute: timedatectl set-ntp false; date -s 2090-01-01"
		return l.device(s, "expired", -30*early, -early)
	},

	"no-such-name": func(_ *Lab, s *scene) error { return s.moved(noSuchName) },
	"proxy-only-name": func(l *Lab, s *scene) error {
		addr, err := l.startProxy("")
		s.note = "set publisher.proxy to http://" + addr + " in that file, and it works: that proxy knows the name"
		l.hosts = append(l.hosts, noSuchName)
		return cmp.Or(err, s.moved(noSuchName))
	},
	"legacy-endpoint": func(l *Lab, s *scene) error { return l.atAWS(s, legacyName) },

	"port-dropped": func(l *Lab, _ *scene) error { return l.deaden(true) },
	"port-refused": func(l *Lab, _ *scene) error { return l.deaden(false) },
	"ipv6-dead": func(l *Lab, s *scene) error {
		if err := l.replace("hosts", 0o644, []byte("127.0.0.1 "+noSuchName+"\n::1 "+noSuchName+"\n")); err != nil {
			return err
		}
		_, port, err := net.SplitHostPort(l.Addr())
		if err != nil {
			return err
		}
		dead, err := ListenDead(net.JoinHostPort("::1", port), true)
		if err != nil {
			return err
		}
		l.also, l.hosts = append(l.also, dead), append(l.hosts, noSuchName)
		return cmp.Or(s.moved(noSuchName), l.namespace(s, `mount --bind `+l.file("hosts")+` /etc/hosts && exec %s`))
	},
	"inspect-trusted": func(l *Lab, s *scene) error {
		s.ca = ""
		return l.trustInspection(s)
	},
	"inspect-aws": func(l *Lab, s *scene) error { return cmp.Or(l.atAWS(s, awsName), l.trustInspection(s)) },

	"proxy-403": func(l *Lab, s *scene) error { return l.behind(s, "403 Forbidden") },
	"proxy-login": func(l *Lab, s *scene) error {
		s.note = "it takes the user " + proxyUser + " with the password " + proxyPassword
		return l.behind(s, askBasic)
	},
	"proxy-password": func(l *Lab, s *scene) error {
		if err := l.behind(s, askBasic); err != nil {
			return err
		}
		s.proxy, s.password = strings.Replace(s.proxy, "http://", "http://"+proxyUser+"@", 1), "proxy.password"
		s.note = "the right one is " + proxyPassword + ", to be written into " + l.file(s.password)
		return l.replace(s.password, 0o600, []byte("wrong\n"))
	},
	"proxy-scheme": func(l *Lab, s *scene) error { return l.behind(s, askKerberos) },
	"proxy-down": func(l *Lab, s *scene) error {
		dead, err := ListenDead("127.0.0.1:0", false)
		if err != nil {
			return err
		}
		l.also = append(l.also, dead)
		s.proxy = "http://" + dead.Addr().String()
		return nil
	},

	"client-id-taken": func(_ *Lab, s *scene) error {
		s.rival = true
		return nil
	},
}

// moved gives the broker another name, and the same port.
func (s *scene) moved(host string) error {
	_, port, err := net.SplitHostPort(s.broker)
	s.broker, s.name = net.JoinHostPort(host, port), ""
	return err
}

// behind puts a proxy between the agent and the endpoint.
func (l *Lab) behind(s *scene, answer string) error {
	addr, err := l.startProxy(answer)
	s.proxy = "http://" + addr
	return err
}

// atAWS gives the endpoint a name of AWS's, so that the agent keeps AWS's rules. A proxy leads there, as no name server does.
func (l *Lab) atAWS(s *scene, host string) error {
	l.hosts = append(l.hosts, host)
	s.broker, s.ca, s.name, s.alpn = host+":443", "", "", "auto"
	return l.behind(s, "")
}

// trustInspection lets commands run with the inspection's authority in the system's store.
func (l *Lab) trustInspection(s *scene) error {
	ca, err := l.Inspection()
	if err != nil {
		return err
	}
	s.around = fmt.Sprintf("SSL_CERT_FILE="+l.file(inspectionFile)+" %s", s.around)
	return cmp.Or(l.plain(), l.replace(inspectionFile, 0o644, ca))
}

// device gives the device another certificate, in files of that name.
func (l *Lab) device(s *scene, name string, before, after time.Duration) error {
	s.cert, s.key = name+".crt", name+".key"
	return l.Device(name, before, after)
}

// Device makes a certificate for the device that is valid between two times from now, and writes NAME.crt and NAME.key.
func (l *Lab) Device(name string, before, after time.Duration) error {
	return l.deviceOf(l.ca, name, before, after)
}

func (l *Lab) deviceOf(ca *authority, name string, before, after time.Duration) error {
	now := time.Now()
	pair, err := ca.issue(leaf{name: "pinhole-lab-device", before: now.Add(before), after: now.Add(after)})
	if err != nil {
		return err
	}
	key, err := keyPEM(pair.PrivateKey)
	if err != nil {
		return err
	}
	return cmp.Or(l.replace(name+".key", 0o600, key), l.replace(name+".crt", 0o644, certificatePEM(pair.Certificate[0])))
}

// namespace lets commands run as root of a namespace of users and mounts, which ends with them.
func (l *Lab) namespace(s *scene, inside string) error {
	if _, err := exec.LookPath("unshare"); err != nil {
		return fmt.Errorf("it takes unshare (util-linux) and Linux: %w", err)
	}
	s.around = fmt.Sprintf(s.around, "unshare -rm sh -c '"+inside+"'")
	s.note = "where unshare is not permitted: the same as root, without -r"
	return l.plain()
}

// plain makes sure that the folder can stand in a command line as it is.
func (l *Lab) plain() error {
	if i := strings.IndexFunc(l.dir, func(r rune) bool {
		return !strings.ContainsRune("/._-", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}); i >= 0 {
		return fmt.Errorf("the path %s has a %q, which the command to try would trip over; choose another folder", l.dir, l.dir[i:i+1])
	}
	return nil
}

func (l *Lab) file(name string) string { return filepath.Join(l.dir, name) }

// replace writes a file of a fault; unlike the device's own it is made anew at each start.
func (l *Lab) replace(name string, mode os.FileMode, data []byte) error {
	path := l.file(name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return cmp.Or(os.WriteFile(path, data, mode), os.Chmod(path, mode)) // whatever the umask says
}

// stage sets up what the faults ask for.
func (l *Lab) stage() error {
	l.scene = healthy(l.reachable(l.ln), l.opts.Script)
	for _, f := range l.opts.Faults {
		if set := scenes[f.Name]; set != nil {
			if err := set(l, &l.scene); err != nil {
				return fmt.Errorf("fault %s: %w", f.Name, err)
			}
		}
	}
	return nil
}

// Try is a command line that runs a command of the agent's, such as doctor, where the faults can be seen.
func (l *Lab) Try(command string) string {
	file := l.Config()
	if slices.ContainsFunc(l.opts.Faults, func(f Fault) bool { return f.Name == "http-status" }) {
		file = l.file(configHTTPS) // the others do not post
	}
	return fmt.Sprintf(l.scene.around, "pinhole "+command+" -c "+file)
}

// Outlook is what `pinhole doctor` finds while a fault lasts.
type Outlook struct {
	FaultHelp
	Note string // for people; may be ""
}

// Outlook describes the faults that the lab was started with, as far as doctor has something to say about them.
func (l *Lab) Outlook() (list []Outlook) {
	for _, f := range l.opts.Faults {
		for _, row := range faultTable {
			if row.Name != f.Name || row.Says == "" || row.arg == argCount && f.Arg != "" && f.Arg != row.Default && f.Name != "connack" {
				continue
			}
			o := Outlook{row.FaultHelp, ""}
			if row.Staged() {
				o.Note = l.scene.note
				if l.scene.culprit != "" {
					o.Culprit = l.scene.culprit
				}
			}
			list = append(list, o)
		}
	}
	return list
}

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeVar makes the test's binary an agent of the named character.
const fakeVar = "PINHOLE_LAB_TEST_AGENT"

func TestMain(m *testing.M) {
	if how := os.Getenv(fakeVar); how != "" {
		if err := fakeAgent(how, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "fake agent:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fakeAgent does as `pinhole run -c FILE` does, for one sensor, with bytes of its own.
func fakeAgent(how string, args []string) error {
	if len(args) != 3 || args[0] != "run" || args[1] != "-c" {
		return fmt.Errorf("arguments %q", args)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	switch how {
	case "dies":
		return fmt.Errorf("out of luck")
	case "silent":
		<-ctx.Done()
		return nil
	}
	p, err := dialPublisher(args[2])
	if err != nil {
		return err
	}
	defer p.conn.Close()
	n := 0
	for ctx.Err() == nil {
		if how == "hole" && n == 4 {
			n++
		}
		if err := p.publish(fakeBatch(n, n+2, "")); err != nil {
			return err
		}
		n += 2
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	switch how {
	case "stubborn":
		select {}
	case "endless":
	default:
		if err := p.publish(fakeBatch(n, n, `,"end":true`)); err != nil {
			return err
		}
	}
	_, err = p.conn.Write([]byte{0xe0, 0})
	return err
}

func fakeBatch(from, to int, extra string) string {
	var list []string
	for n := from; n < to; n++ {
		list = append(list, fmt.Sprintf(`{"sensor":"air","quantity":"temperature","unit":"Cel","time":%d,"value":%d.25}`,
			time.Now().UnixMilli()+int64(n), n))
	}
	return fmt.Sprintf(`{"device":"fake","stream":"0199f0c2-6f7e-7c11-9a51-0b6f2c1d8a44","seq":%d%s,"readings":[%s]}`, from, extra, strings.Join(list, ","))
}

// publisher is the least of an MQTT client.
type publisher struct {
	conn stream
	r    *bufio.Reader
}

type stream interface {
	io.ReadWriteCloser
}

// dialPublisher connects as the configuration says.
func dialPublisher(config string) (*publisher, error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	value := func(key string) string {
		_, rest, _ := strings.Cut(string(text), "\n"+key+": ")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	broker, err := url.Parse(value("  broker"))
	if err != nil {
		return nil, err
	}
	file := func(key string) string { return filepath.Join(filepath.Dir(config), value("    "+key)) }
	pair, err := tls.LoadX509KeyPair(file("cert"), file("key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(file("ca"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	conn, err := tls.Dial("tcp", broker.Host, &tls.Config{
		ServerName: value("    server_name"), RootCAs: pool, Certificates: []tls.Certificate{pair},
		NextProtos: []string{strings.Trim(value("    alpn"), "[]")},
	})
	if err != nil {
		return nil, err
	}
	p := &publisher{conn, bufio.NewReader(conn)}
	body := append(text16("MQTT"), 4, 2, 0, 30)
	body = append(body, text16("fake")...)
	if _, err := conn.Write(append([]byte{0x10, byte(len(body))}, body...)); err != nil {
		return nil, err
	}
	return p, p.expect(0x20, 2, 0, 0)
}

func text16(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func (p *publisher) publish(payload string) error {
	body := append(text16("pinhole/fake/readings"), 0, 1)
	body = append(body, payload...)
	packet := append(binary.AppendUvarint([]byte{0x32}, uint64(len(body))), body...)
	if _, err := p.conn.Write(packet); err != nil {
		return err
	}
	return p.expect(0x40, 2, 0, 1)
}

func (p *publisher) expect(want ...byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.r, got); err != nil {
		return err
	}
	if string(got) != string(want) {
		return fmt.Errorf("got % x, want % x", got, want)
	}
	return nil
}

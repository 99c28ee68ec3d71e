// Package azure holds what is special at Azure IoT Hub: how to recognise one, and the passwords that it takes.
//
// It promises a password that is made anew at each call and opens one device's door for a day. It opens no connection and keeps no
// state. A hub closes a connection when its password's time is up; the next login brings a new one.
package azure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// lives is how long a password is good. It is counted from this machine's clock, which may be hours behind on a board without one of
// its own.
const lives = 24 * time.Hour

// domains are those of hubs in the public, the Chinese and the American government's cloud.
var domains = []string{".azure-devices.net", ".azure-devices.cn", ".azure-devices.us"}

// IsHub reports whether host, a name without a port, is an Azure IoT Hub. A name of one's own that leads there is not recognised.
func IsHub(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, d := range domains {
		if name, ok := strings.CutSuffix(host, d); ok && name != "" {
			return true
		}
	}
	return false
}

// token is how a password begins that was made already.
const token = "SharedAccessSignature "

// Password makes the password of a device at a hub: a shared access signature for HOST/devices/DEVICE (Azure IoT Hub documentation,
// "Control access to IoT Hub with shared access signatures"). secret is the device's key in base64, its connection string, or a
// signature, which is returned as it is. Errors do not repeat the secret.
func Password(host, device, secret string, now time.Time) (string, error) {
	if strings.HasPrefix(secret, token) {
		return secret, nil
	}
	for part := range strings.SplitSeq(secret, ";") {
		if key, ok := strings.CutPrefix(part, "SharedAccessKey="); ok {
			secret = key
		}
	}
	key, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(key) == 0 {
		return "", errors.New("the password for Azure IoT Hub is neither a device key in base64, nor a connection string, nor a shared access signature")
	}
	resource := escape(strings.ToLower(host) + "/devices/" + device)
	until := now.Add(lives).Unix()
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%s\n%d", resource, until)
	return fmt.Sprintf("%ssr=%s&sig=%s&se=%d", token, resource, escape(base64.StdEncoding.EncodeToString(h.Sum(nil))), until), nil
}

// escape is percent-encoding of all but RFC 3986's unreserved characters.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

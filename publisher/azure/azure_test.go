package azure

import (
	"strings"
	"testing"
	"time"
)

// key and want were computed apart from this package, with Python's hmac as in the sample of Azure's documentation.
const (
	key  = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	want = "SharedAccessSignature sr=hub.azure-devices.net%2Fdevices%2Fgreenhouse%207&sig=OUKL1sbrIeJq2NvNwTzA%2By0hO4mqfVqugRix%2F7k1zrM%3D&se=1764003600"
)

func TestPassword(t *testing.T) {
	day := time.Unix(1764003600, 0).Add(-24 * time.Hour)
	for secret, want := range map[string]string{
		key: want,
		"HostName=hub.azure-devices.net;DeviceId=greenhouse 7;SharedAccessKey=" + key: want,
		"SharedAccessSignature sr=x&sig=y&se=1":                                       "SharedAccessSignature sr=x&sig=y&se=1",
	} {
		got, err := Password("Hub.azure-devices.net", "greenhouse 7", secret, day)
		if err != nil || got != want {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", secret, got, err, want)
		}
	}
	for _, secret := range []string{"", "canary!", "HostName=canary;DeviceId=canary", key + "canary!"} {
		if got, err := Password("h", "d", secret, day); err == nil || got != "" || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %q, %v", secret, got, err)
		}
	}
}

func TestIsHub(t *testing.T) {
	for host, want := range map[string]bool{
		"hub.azure-devices.net": true, "Hub.Azure-Devices.NET.": true, "hub.azure-devices.cn": true, "azure-devices.net": false,
		".azure-devices.net": false, "hub.azure-devices.net.example": false, "": false,
	} {
		if got := IsHub(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

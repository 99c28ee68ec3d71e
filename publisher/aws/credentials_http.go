package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	fetchTimeout = 10 * time.Second
	maxAnswer    = 64 << 10 // bytes of an answer with credentials; real ones have about 1,500
)

// Doer makes HTTP requests; *http.Client does.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// FromIoT asks the AWS IoT credentials provider, which gives a device with a certificate the credentials of an IAM role (AWS IoT Core
// developer guide, "Authorizing direct calls to AWS services"). endpoint is the account's HOST or HOST:PORT, as `aws iot
// describe-endpoint --endpoint-type iot:CredentialProvider` prints it, alias the role alias, thing the name of the thing ("" sends
// none, which policies with variables of the thing then refuse). client must present the device's certificate and offer no ALPN.
func FromIoT(endpoint, alias, thing string, client Doer) Source {
	return func(ctx context.Context) (Credentials, error) {
		address := url.URL{Scheme: "https", Host: endpoint, Path: "/role-aliases/" + alias + "/credentials",
			RawPath: "/role-aliases/" + escape(alias) + "/credentials"}
		header := http.Header{}
		if thing != "" {
			header.Set("X-Amzn-Iot-Thingname", thing)
		}
		var answer struct {
			Credentials struct {
				AccessKeyID, SecretAccessKey, SessionToken string
				Expiration                                 time.Time
			}
		}
		if err := fetch(ctx, client, address.String(), header, &answer); err != nil {
			return Credentials{}, fmt.Errorf("ask %s for the credentials of role alias %s: %w", endpoint, alias, err)
		}
		a := answer.Credentials
		return complete(Credentials{a.AccessKeyID, a.SecretAccessKey, a.SessionToken, a.Expiration}, endpoint)
	}
}

// FromContainer asks the provider that AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI names, as
// Greengrass, ECS and EKS set them, with the token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN
// (AWS SDKs and tools reference guide, "Container credential provider"). Plain http goes to this machine and to the link-local
// addresses of ECS and EKS only.
func FromContainer(getenv func(string) string, client Doer) Source {
	return func(ctx context.Context) (Credentials, error) {
		address := getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI")
		if relative := getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
			address = "http://169.254.170.2" + relative
		}
		if address == "" {
			return Credentials{}, fmt.Errorf("%w from a container's provider", ErrNone)
		}
		if err := checkProvider(address); err != nil {
			return Credentials{}, fmt.Errorf("credentials provider in the environment: %w", err)
		}
		token := getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if path := getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); path != "" {
			text, err := os.ReadFile(path)
			if err != nil {
				return Credentials{}, fmt.Errorf("read the token for the credentials provider: %w", err)
			}
			token = strings.TrimSpace(string(text))
		}
		header := http.Header{}
		if token != "" {
			header.Set("Authorization", token)
		}
		var a struct {
			AccessKeyID, SecretAccessKey, Token string
			Expiration                          time.Time
		}
		if err := fetch(ctx, client, address, header, &a); err != nil {
			return Credentials{}, fmt.Errorf("ask the container's credentials provider: %w", err)
		}
		return complete(Credentials{a.AccessKeyID, a.SecretAccessKey, a.Token, a.Expiration}, "the container's provider")
	}
}

// checkProvider refuses to send a token in the clear to anybody's machine.
func checkProvider(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("the address is no URL")
	}
	if u.Scheme == "https" && u.Host != "" {
		return nil
	}
	ip, err := netip.ParseAddr(u.Hostname())
	switch {
	case u.Scheme != "http":
		return fmt.Errorf("scheme %q is neither http nor https", u.Scheme)
	case u.Hostname() == "localhost", err == nil && ip.Unmap().IsLoopback():
		return nil
	}
	switch u.Hostname() {
	case "169.254.170.2", "169.254.170.23", "fd00:ec2::23":
		return nil
	}
	return fmt.Errorf("plain http to %s, which is neither this machine nor a container's agent", u.Hostname())
}

// fetch gets a JSON document.
func fetch(ctx context.Context, client Doer, address string, header http.Header, into any) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	r.Header = header
	resp, err := client.Do(r)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // the address stands in front already
		}
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %q%s", resp.Status, Explain(body))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("the answer is not the JSON that was asked for")
	}
	return nil
}

func complete(c Credentials, from string) (Credentials, error) {
	if c.AccessKey == "" || c.Secret == "" {
		return Credentials{}, fmt.Errorf("%s answered without an access key", from)
	}
	return c, nil
}

// Explain takes the message out of an AWS service's error body, {"message": TEXT}: " (TEXT)", cut to 200 bytes and printable, or "".
func Explain(body []byte) string {
	var m struct{ Message string } // the name's case does not count
	if json.Unmarshal(body, &m) != nil || m.Message == "" {
		return ""
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, m.Message[:min(len(m.Message), 200)])
	return " (" + strings.ToValidUTF8(text, "") + ")"
}

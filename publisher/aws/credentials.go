package aws

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// Credentials are an access key of AWS IAM.
type Credentials struct {
	AccessKey, Secret string
	Token             string    // of temporary ones; "" for a user's own key
	Expires           time.Time // zero: they do not say
}

// Source finds credentials. The error is, or wraps, ErrNone if this is not a place where any were put.
type Source func(ctx context.Context) (Credentials, error)

// ErrNone says that there are no credentials at this place, as opposed to ones that cannot be had or used.
var ErrNone = errors.New("no AWS credentials")

// FromEnv takes AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
func FromEnv(getenv func(string) string) Source {
	return func(context.Context) (Credentials, error) {
		c := Credentials{AccessKey: getenv("AWS_ACCESS_KEY_ID"), Secret: getenv("AWS_SECRET_ACCESS_KEY"), Token: getenv("AWS_SESSION_TOKEN")}
		switch {
		case c.AccessKey == "" && c.Secret == "":
			return Credentials{}, fmt.Errorf("%w in the environment", ErrNone)
		case c.AccessKey == "":
			return Credentials{}, errors.New("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not")
		case c.Secret == "":
			return Credentials{}, errors.New("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not")
		}
		return c, nil
	}
}

// FromFile takes a profile out of a shared credentials file (AWS SDKs and tools reference guide, "Shared config and credentials
// files"), which is read each time. A file that is not there is ErrNone.
func FromFile(path, profile string) Source {
	return func(context.Context) (Credentials, error) {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) || path == "" {
			return Credentials{}, fmt.Errorf("%w in a credentials file", ErrNone)
		}
		if err != nil {
			return Credentials{}, fmt.Errorf("read AWS credentials: %w", err)
		}
		defer f.Close()
		c, found, err := readProfile(bufio.NewScanner(f), profile)
		switch {
		case err != nil:
			return Credentials{}, fmt.Errorf("read AWS credentials %s: %w", path, err)
		case !found:
			return Credentials{}, fmt.Errorf("%w: %s has no profile [%s]", ErrNone, path, profile)
		case c.AccessKey == "" || c.Secret == "":
			return Credentials{}, fmt.Errorf("profile [%s] of %s lacks aws_access_key_id or aws_secret_access_key", profile, path)
		}
		return c, nil
	}
}

// readProfile reads an INI file: [sections], key = value, lines that begin with # or ; are comments, indented ones belong to a
// nested value and are not ours.
func readProfile(lines *bufio.Scanner, profile string) (c Credentials, found bool, err error) {
	inside := false
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.ContainsAny(line[:1], "#; \t") {
			continue
		}
		if section, ok := strings.CutPrefix(line, "["); ok {
			section, _, _ = strings.Cut(section, "]")
			inside = strings.TrimSpace(section) == profile
			found = found || inside
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		if !inside {
			continue
		}
		switch value = strings.TrimSpace(value); strings.ToLower(strings.TrimSpace(key)) {
		case "aws_access_key_id":
			c.AccessKey = value
		case "aws_secret_access_key":
			c.Secret = value
		case "aws_session_token":
			c.Token = value
		}
	}
	return c, found, lines.Err()
}

// First asks one source after the other and takes the first that does not say ErrNone.
func First(sources ...Source) Source {
	return func(ctx context.Context) (Credentials, error) {
		var none []error
		for _, s := range sources {
			c, err := s(ctx)
			if !errors.Is(err, ErrNone) {
				return c, err
			}
			none = append(none, err)
		}
		return Credentials{}, errors.Join(none...)
	}
}

// early is how long before their end temporary credentials are renewed.
const early = 5 * time.Minute

// Cached keeps temporary credentials until shortly before they end, by the clock now. If they cannot be renewed they serve until
// their end. Those that do not say when they end are asked for each time. The result is safe for concurrent use.
func Cached(s Source, now func() time.Time) Source {
	var mu sync.Mutex
	var kept Credentials
	return func(ctx context.Context) (Credentials, error) {
		mu.Lock()
		c := kept
		mu.Unlock()
		left := c.Expires.Sub(now())
		if left > early {
			return c, nil
		}
		fresh, err := s(ctx)
		if err != nil {
			if left > 0 {
				return c, nil
			}
			return Credentials{}, err
		}
		mu.Lock()
		kept = fresh
		mu.Unlock()
		return fresh, nil
	}
}

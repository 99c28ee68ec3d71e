package agent

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pinhole/publisher/route"
)

// maxMemory bounds what is read of the file, in bytes: two addresses.
const maxMemory = 64 << 10

// memory keeps in a file which way out worked last, instead of which first one. It is a help and nothing more: what cannot be
// read or written is done without.
type memory struct {
	path string
	log  *slog.Logger

	mu   sync.Mutex
	text string // of the file, as far as known
}

// recall returns the way that worked last; "" if nothing is known, or another way was the first then.
func (m *memory) recall(first string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, err := readFile(m.path)
	if err != nil {
		if !os.IsNotExist(err) {
			m.log.Debug("which way out worked last cannot be read", "error", err)
		}
		return ""
	}
	m.text = text
	last, same := strings.CutSuffix(text, "\n"+first+"\n")
	if !same {
		return ""
	}
	return last
}

// readFile reads a file and nothing else: a pipe would wait for its other end.
func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxMemory {
		return "", fmt.Errorf("read %s: not what was written there", path)
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// habits are what TLS has learnt of the network, kept in a file of their own. A disk that hangs holds a connect up for a moment only.
func habits(path string, log *slog.Logger) *route.Habits {
	h := &route.Habits{}
	switch text, err := readFile(path); {
	case err == nil:
		h.Load(text)
	case !os.IsNotExist(err):
		log.Debug("what was learnt of the network cannot be read", "error", err)
	}
	h.Save = func(text string) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := replace(path, text); err != nil {
				log.Debug("what was learnt of the network cannot be kept", "error", err)
			}
		}()
		select {
		case <-done:
		case <-time.After(2 * time.Second):
		}
	}
	return h
}

// keep writes down the way that works now, if it is another than the file says. Without a file it is the first that is meant.
func (m *memory) keep(first, works string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := works + "\n" + first + "\n"
	if text == m.text || m.text == "" && works == first {
		return
	}
	if err := replace(m.path, text); err != nil {
		m.log.Debug("which way out works cannot be kept", "error", err)
		return
	}
	m.text = text
}

// replace writes a file so that after a power cut the old or the new text is there, and never half of one.
func replace(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		_ = os.Remove(next) // whatever is left of it
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

package queue_test

import (
	"path/filepath"
	"testing"

	"pinhole/publisher/queue"
	"pinhole/publisher/queue/queuetest"
)

func TestFS(t *testing.T) {
	t.Run("real", func(t *testing.T) {
		queuetest.Suite(t, func(t *testing.T) queue.FS { return queue.Dir(filepath.Join(t.TempDir(), "a", "queue")) })
	})
	t.Run("fake", func(t *testing.T) {
		queuetest.Suite(t, func(*testing.T) queue.FS { return queuetest.NewDisk() })
	})
}

//go:build race

package queue_test

// slower is how much less of the long tests runs under the race detector.
const slower = 20

//go:build !race

package queue_test

const slower = 1

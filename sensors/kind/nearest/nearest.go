// Package nearest finds the word that somebody probably meant: the known key for a misspelt one, the command for a typo.
//
// It promises to stay silent rather than to guess wildly: a suggestion differs from what was written by about a third of its
// letters at most. What to do with the suggestion is the caller's business.
package nearest

import "strings"

// maxWord bounds the words that are compared, in bytes: nothing that we know is longer, and the cost grows with the square.
const maxWord = 64

// Of returns the word of known that is closest to word, "" if none is close. Case, and - in place of _, count for nothing; of
// equally close words the first one wins.
func Of(word string, known []string) string {
	if len(word) > maxWord {
		return ""
	}
	w := fold(word)
	best, least := "", max(1, len(w)/3)+1
	for _, k := range known {
		if len(k) > maxWord {
			continue
		}
		if d := distance(w, fold(k)); d < least && d < max(len(w), 1) {
			best, least = k, d
		}
	}
	return best
}

func fold(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance counts the letters to insert, remove, replace or swap with their neighbour to turn a into b (optimal string
// alignment distance). Both are at most maxWord bytes; bytes stand for letters, as all known words are ASCII.
func distance(a, b string) int {
	var rows [3][maxWord + 1]int
	before, prev, cur := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			cur[j] = d
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}

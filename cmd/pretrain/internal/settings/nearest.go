package settings

import "fmt"

// Nearest is the word closest to name by edit distance, or "" where none is close: at most 2 edits away, 3 for
// names of eight letters and more, and nearer than a name of that length would be by chance. Of equally close
// words the first counts.
func Nearest(name string, words []string) string {
	limit := 2
	if len(name) >= 8 {
		limit = 3
	}
	limit = min(limit, len(name)/2) // "lx" is not a misspelled "lr": half of it differs
	best := ""
	for _, w := range words {
		if d := distance(name, w); d <= limit {
			best, limit = w, d-1
		}
	}
	return best
}

// DidYouMean is `  (did you mean "batch"?)` for the nearest of words, with prefix before the word, or "".
func DidYouMean(name string, words []string, prefix string) string {
	if w := Nearest(name, words); w != "" {
		return fmt.Sprintf("  (did you mean %q?)", prefix+w)
	}
	return ""
}

// distance is the number of letters to insert, delete, replace or swap with their neighbor to turn a into b:
// the restricted form of Damerau and Levenshtein's distance, row by row.
func distance(a, b string) int {
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}

package console

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A column of the table. Under 100 columns those with the highest drop go first; 0 always stays.
type column struct {
	title string
	width int
	drop  int
	cell  func(p Progress) string
}

// columns of a run with or without labels.
func columns(labels bool) []column {
	cols := []column{
		{"time", 7, 0, func(p Progress) string { return Clock(p.Elapsed) }},
		{"epoch", 7, 1, func(p Progress) string { return number(p.Epoch, "%.1f") }},
		{"loss", 8, 0, func(p Progress) string { return number(p.Loss, "%.3f") }},
		{"lr", 7, 3, func(p Progress) string { return number(p.LR, "%.3f") }},
		{"img/s", 8, 0, func(p Progress) string { return rate(p.ImagesPerSec) }},
		{"wait", 6, 4, func(p Progress) string { return number(100*p.Wait, "%.0f%%") }},
		{"emb-std", 9, 2, func(p Progress) string { return number(p.Std, "%.3f") }},
	}
	if labels {
		cols = append(cols,
			column{"NN same-label", 15, 0, func(p Progress) string { return number(100*p.Purity, "%.0f %%") }},
			column{"NN itself", 11, 5, func(p Progress) string { return number(100*p.Self, "%.0f %%") }},
			column{"kNN", 9, 0, func(p Progress) string { return number(100*p.KNN, "%.1f %%") }})
	} else {
		cols = append(cols,
			column{"NN sim", 9, 0, func(p Progress) string { return number(p.Sim, "%.3f") }},
			column{"NN itself", 11, 5, func(p Progress) string { return number(100*p.Self, "%.0f %%") }})
	}
	return append(cols, column{"", 14, 6, func(p Progress) string { return bar(p.Share, 12, "#", "") }})
}

// fit drops columns until the table is no wider than the terminal.
func fit(cols []column, width int) []column {
	for drop := 6; drop > 0; drop-- {
		total := 0
		for _, c := range cols {
			total += c.width
		}
		if total <= width {
			break
		}
		var kept []column
		for _, c := range cols {
			if c.drop != drop {
				kept = append(kept, c)
			}
		}
		cols = kept
	}
	return cols
}

func titles(cols []column) string {
	return align(cols, func(c column) string { return c.title })
}

func row(cols []column, p Progress) string {
	return align(cols, func(c column) string { return c.cell(p) })
}

// align puts each column's text at its right edge.
func align(cols []column, text func(column) string) string {
	var b strings.Builder
	for _, c := range cols {
		fmt.Fprintf(&b, "%*s", c.width, text(c))
	}
	return b.String()
}

// liveLine is the line that is redrawn: the last numbers, a bar, and what is left. It never fills the last column,
// where some terminals wrap.
func liveLine(p Progress, width int) string {
	head := fmt.Sprintf(" > %s  epoch %s  loss %s  lr %s  %s img/s  ", Clock(p.Elapsed), number(p.Epoch, "%.1f"),
		number(p.Loss, "%.3f"), number(p.LR, "%.3f"), rate(p.ImagesPerSec))
	tail := fmt.Sprintf(" %.0f %%  ETA %s", 100*p.Share, Clock(p.Left))
	room := min(width-1-len(head)-len(tail)-2, 40)
	if room >= 5 {
		return head + "[" + bar(p.Share, room, "=", ">") + "]" + tail
	}
	line := head + strings.TrimSpace(tail)
	return line[:min(len(line), max(width-1, 0))]
}

// plainLine is the form for files and pipes.
func plainLine(now time.Time, p Progress) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s step=%d", now.UTC().Format(time.RFC3339), p.Step)
	for _, kv := range []struct {
		key, format string
		v           float64
	}{{"epoch", "%.1f", p.Epoch}, {"loss", "%.3f", p.Loss}, {"lr", "%.4g", p.LR}, {"img_s", "%.0f", p.ImagesPerSec}, {"wait", "%.2f", p.Wait}, {"knn", "%.3f", p.KNN}} {
		if !math.IsNaN(kv.v) {
			fmt.Fprintf(&b, " %s="+kv.format, kv.key, kv.v)
		}
	}
	fmt.Fprintf(&b, " eta=%s", p.Left.Round(time.Second))
	return b.String()
}

// bar fills share of n places; tip marks the place that is being filled.
func bar(share float64, n int, fill, tip string) string {
	done := min(max(int(math.Round(share*float64(n))), 0), n)
	if done > 0 && tip != "" {
		return strings.Repeat(fill, done-1) + tip + strings.Repeat("-", n-done)
	}
	return strings.Repeat(fill, done) + strings.Repeat("-", n-done)
}

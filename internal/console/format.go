package console

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Count writes n with its thousands separated: 98,304.
func Count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Short writes n with at most three digits: 77 k, 23.5 M.
func Short(n int) string {
	switch {
	case n >= 100e6:
		return fmt.Sprintf("%.0f M", float64(n)/1e6)
	case n >= 1e6:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0f k", float64(n)/1e3)
	}
	return Count(n)
}

// Clock writes a time as m:ss, from an hour on as h:mm with its unit.
func Clock(d time.Duration) string {
	s := int(max(d, 0).Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d h", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// number formats v, or leaves a dash where it is not known.
func number(v float64, format string) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func rate(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return Count(int(math.Round(v)))
}

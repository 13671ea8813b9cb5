package bench

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// machine is a proc file system whose two cores are busy for some of each half second, one after another; the last lasts.
func machine(busy ...int) (proc fstest.MapFS, sleep func(time.Duration), slept *int) {
	proc, slept = fstest.MapFS{"loadavg": {Data: []byte("0.25 0.50 0.75 1/80 123\n")}}, new(int)
	used, all := 1000, 5000
	write := func() {
		text := fmt.Sprintf("cpu  %d 10 20 %d 10 0 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n", used, all-used-40)
		proc["stat"] = &fstest.MapFile{Data: []byte(text)}
	}
	write()
	return proc, func(time.Duration) {
		used, all = used+busy[min(*slept, len(busy)-1)], all+100
		*slept++
		write()
	}, slept
}

// TestAwaitQuiet: a quiet machine is measured after half a second, a busy one when it is quiet or the limit has passed.
func TestAwaitQuiet(t *testing.T) {
	for _, c := range []struct {
		name   string
		busy   []int
		limit  time.Duration
		sleeps int
		idle   float64
	}{
		{"quiet", []int{2}, 5 * time.Second, 1, 0.98},
		{"quiet after a second", []int{90, 50, 7}, 5 * time.Second, 3, 0.93},
		{"busy for longer than the limit", []int{50}, 2 * time.Second, 4, 0.50},
		{"at the edge", []int{8, 7}, time.Second, 2, 0.93},
		{"no limit to wait for", []int{30}, 0, 1, 0.70},
	} {
		proc, sleep, slept := machine(c.busy...)
		l, err := AwaitQuiet(proc, c.limit, sleep)
		if err != nil || *slept != c.sleeps || l.Average != 0.25 || l.Idle < c.idle-1e-9 || l.Idle > c.idle+1e-9 {
			t.Errorf("%s: %+v after %d half seconds, %v; want %v idle after %d", c.name, l, *slept, err, c.idle, c.sleeps)
		}
		if told := strings.Contains(l.String(), "too low"); told == (c.idle > 0.92) {
			t.Errorf("%s: %q", c.name, l)
		}
	}
}

// TestAwaitQuietElsewhere: without Linux's files, or with others, nobody waits.
func TestAwaitQuietElsewhere(t *testing.T) {
	for name, proc := range map[string]fstest.MapFS{
		"no proc":          {},
		"a short line":     {"stat": {Data: []byte("cpu 1 2 3\n")}, "loadavg": {Data: []byte("1 1 1\n")}},
		"another language": {"stat": {Data: []byte("kern 1 2 3 4 5 6 7 8\n")}, "loadavg": {Data: []byte("1 1 1\n")}},
	} {
		if l, err := AwaitQuiet(proc, time.Minute, func(time.Duration) { t.Errorf("%s: waits", name) }); err == nil {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

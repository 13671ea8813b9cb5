// Command count reads the events of go test -json, prints what failed and why tests skipped, and
// closes with "N passed, N failed, N skipped". With -skips it fails when more tests skipped than
// the file says, so that a check cannot vanish unseen.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

func main() {
	limit := flag.String("skips", "", "file with the largest number of skips")
	flag.Parse()
	passed, failed, skipped, err := count()
	if err == nil && *limit != "" {
		err = check(*limit, skipped)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if err != nil {
		fmt.Fprintln(os.Stderr, "count:", err)
	}
	if err != nil || failed > 0 {
		os.Exit(1)
	}
}

// count reads events and prints what is worth reading.
func count() (passed, failed, skipped int, err error) {
	output := map[string][]string{} // by package and test
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // a build's own words
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			output[key] = append(output[key], e.Output)
		case "fail", "build-fail":
			failed++
			fmt.Printf("--- %s failed\n%s", key, strings.Join(output[key], ""))
		case "skip":
			if e.Test != "" {
				skipped++
				fmt.Printf("skipped %s: %s", key, reason(output[key]))
			}
		case "pass":
			if e.Test == "" {
				fmt.Printf("ok  %-40s %6.1f s\n", e.Package, e.Elapsed)
				continue
			}
			passed++
			for _, line := range output[key] { // what a test reports about itself
				if strings.Contains(line, "external cases") {
					fmt.Print(line)
				}
			}
		}
	}
	return passed, failed, skipped, in.Err()
}

// reason is the last line before the verdict.
func reason(lines []string) string {
	lines = slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		l = strings.TrimSpace(l)
		return strings.HasPrefix(l, "=== ") || strings.HasPrefix(l, "--- ")
	})
	if len(lines) == 0 {
		return "no reason given\n"
	}
	return strings.TrimLeft(lines[len(lines)-1], " ")
}

func check(file string, skipped int) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if skipped > most {
		return fmt.Errorf("%d tests skipped, %s allows %d", skipped, file, most)
	}
	return nil
}

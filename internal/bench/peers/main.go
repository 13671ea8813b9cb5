// Command peers measures kith and others in one run and prints ratios.
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func(args []string) error{"step": steps, "ops": ops, "gemm": gemms}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peers step|ops|gemm [flags]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

//go:build !linux

package data

// machineRAM is unknown here: 0.
func machineRAM() int64 { return 0 }

// freeSpace is unknown here.
func freeSpace(string) (int64, bool) { return 0, false }

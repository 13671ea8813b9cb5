package main

import (
	"fmt"
	"os"
	"strings"

	"kith/backends/cpu"
	"kith/cmd/pretrain/internal/settings"
	"kith/tensor"
)

// ofMachine are the settings that every command that computes takes.
func ofMachine(f settings.Field) bool {
	return f.Key == "device" || f.Key == "threads" || f.Key == "workers"
}

// machineEnviron is the part of the environment that says where to compute. The rest is for runs that start: a run that
// is read from its directory keeps its settings.
func machineEnviron() (out []string) {
	for _, f := range settings.Fields() {
		if v, ok := os.LookupEnv(f.Env()); ok && ofMachine(f) {
			out = append(out, f.Env()+"="+v)
		}
	}
	return out
}

// openDevice opens the device of a setting. A device that was asked for and is not there is an error, never another
// device in silence.
func openDevice(name string, threads int) (tensor.Backend, error) {
	family, words, _ := strings.Cut(name, ":")
	switch family {
	case "auto", "cpu":
		b, err := openCPU(words, threads)
		if err != nil {
			return nil, &failure{code: exitDevice, msg: fmt.Sprintf("--device %s: %v", name, err), err: err,
				hints: []string{"drop --device for the best that is here; see  pretrain doctor"}}
		}
		return b, nil
	}
	return nil, usage("--device auto, cpu, cpu:generic, cpu:avx2, cpu:avx512", "--device %s: no such device", name)
}

func openCPU(words string, threads int) (tensor.Backend, error) {
	o := cpu.Options{Threads: threads}
	for _, w := range strings.Split(words, ",") {
		if w == "strict" {
			o.Strict = true
		} else {
			o.Level = w
		}
	}
	return cpu.New(o)
}

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"kith/backends"
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

// openDevice opens the device of a setting; note says what else was looked for. A device that was asked for and is not
// there is an error, never another device in silence.
func openDevice(name string, threads int) (b tensor.Backend, note string, err error) {
	family, words, _ := strings.Cut(name, ":")
	switch family {
	case "auto":
		if b, note = lookForGPU(); b == nil {
			b, err = openCPU("", threads)
		}
	case "cpu":
		b, err = openCPU(words, threads)
	case "cuda":
		if err = errNoGPU; slices.Contains(backends.Names(), family) {
			b, err = backends.Open(name)
		}
	default:
		b, err = backends.Open(name)
	}
	if errors.Is(err, backends.ErrUnknown) {
		return nil, "", usage("--device auto, cpu, cpu:generic, cpu:avx2, cpu:avx512, cpu:amx, cpu:neon, cuda:0", "--device %s: no such device", name)
	}
	if err != nil {
		return nil, "", &failure{code: exitDevice, msg: fmt.Sprintf("--device %s: %v", name, err), err: err,
			hints: []string{"drop --device for the best that is here; see  pretrain doctor"}}
	}
	return b, note, nil
}

// errNoGPU is a build without the GPU backend: by the tag nogpu, or before there is one.
var errNoGPU = errors.New("no GPU in this build")

// lookForGPU opens the first GPU, or says why there is none.
func lookForGPU() (b tensor.Backend, reason string) {
	if !slices.Contains(backends.Names(), "cuda") {
		return nil, errNoGPU.Error()
	}
	b, err := backends.Open("cuda:0")
	if err != nil {
		return nil, fmt.Sprintf("no GPU (%v)", err)
	}
	return b, ""
}

// openCPU is backends.Open with a number of threads, which a name does not carry.
func openCPU(words string, threads int) (tensor.Backend, error) {
	o, err := cpu.Parse(words)
	if err != nil {
		return nil, err
	}
	o.Threads = threads
	return cpu.New(o)
}

// onGPU says whether a backend computes on a GPU.
func onGPU(b tensor.Backend) bool { return strings.HasPrefix(b.Name(), "cuda") }

// compute is the dtype of activations: bf16 by itself on a GPU only.
func compute(s *settings.Settings, b tensor.Backend) tensor.DType {
	if s.Precision == "bf16" || s.Precision == "auto" && onGPU(b) {
		return tensor.BF16
	}
	return tensor.F32
}

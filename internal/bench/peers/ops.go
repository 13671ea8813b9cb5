package main

import (
	"flag"
	"fmt"
	"math"
	"strconv"
)

// ops compares single convolutions and products with PyTorch.
func ops(args []string) error {
	f := flag.NewFlagSet("ops", flag.ExitOnError)
	python := f.String("python", "python3", "interpreter with torch")
	threads := f.Int("threads", 2, "threads")
	precision := f.String("precision", "fp32", "fp32 or bf16")
	batches := f.String("batches", "128,16", "images of ResNet-18-CIFAR's convolutions, and of ResNet-50's")
	rounds := f.Int("rounds", 3, "how often each is run, in turns")
	f.Parse(args)
	pretrain, done, err := kith()
	if err != nil {
		return err
	}
	defer done()
	common := []string{"--threads", strconv.Itoa(*threads), "--precision", *precision, "--batches", *batches}
	ours, theirs := table{}, table{}
	for range *rounds {
		if err := ours.add(pretrain, append([]string{"bench", "shapes", "--json"}, common...)); err != nil {
			return err
		}
		if err := theirs.add(*python, append([]string{"torch_conv.py"}, common...)); err != nil {
			return err
		}
	}
	if err := compare("PyTorch", ours, theirs); err != nil {
		return err
	}
	means(ours)
	return nil
}

// table is the fastest record of each shape and pass.
type table map[[2]string]record

func (t table) add(name string, args []string) error {
	got, err := run(name, args...)
	if err != nil {
		return err
	}
	for _, r := range got {
		key := [2]string{r.Shape, r.Pass}
		if r.GFLOPS > t[key].GFLOPS {
			t[key] = r
		}
	}
	return nil
}

// compare prints what both have, and the geometric mean of the ratios.
func compare(peer string, ours, theirs table) error {
	fmt.Printf("| shape | pass | kith GF/s | of peak | %s GF/s | ratio |\n|---|---|---|---|---|---|\n", peer)
	logs, n := 0.0, 0
	for _, key := range sorted(theirs) {
		a, ok := ours[key]
		if !ok {
			continue
		}
		ratio := a.GFLOPS / theirs[key].GFLOPS
		logs, n = logs+math.Log(ratio), n+1
		fmt.Printf("| %s | %s | %.0f | %.0f %% | %.0f | **%.2f** |\n", key[0], key[1], a.GFLOPS, a.OfPeak, theirs[key].GFLOPS, ratio)
	}
	if n == 0 {
		return fmt.Errorf("kith and %s have no shape in common", peer)
	}
	fmt.Printf("\ngeometric mean of %d ratios: %.2f\n", n, math.Exp(logs/float64(n)))
	return nil
}

// means prints kith's 3×3 convolutions of stride 1 over its own peak, as `bench shapes` does.
func means(ours table) {
	for _, pass := range []string{"forward", "grad_x", "grad_w"} {
		logs, n := 0.0, 0
		for _, r := range ours {
			if r.Winograd && r.Pass == pass {
				logs, n = logs+math.Log(r.OfPeak/100), n+1
			}
		}
		if n > 0 {
			fmt.Printf("geometric mean of %d 3x3 convolutions of stride 1, %s: %.2f of kith's peak\n", n, pass, math.Exp(logs/float64(n)))
		}
	}
}

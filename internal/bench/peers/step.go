package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
)

// steps compares whole training steps: two views, heads, search, loss, backward, LARS, enqueue.
func steps(args []string) error {
	f := flag.NewFlagSet("step", flag.ExitOnError)
	python := f.String("python", "python3", "interpreter with torch and torchvision")
	models := f.String("models", "resnet18-cifar", "models, by comma")
	batches := f.String("batches", "64", "images a step, by comma")
	threads := f.String("threads", "2", "threads, by comma")
	precisions := f.String("precisions", "fp32", "fp32 or bf16, by comma")
	compile := f.Bool("compile", false, "also time torch.compile and take the better")
	rounds := f.Int("rounds", 3, "how often each is run, in turns")
	f.Parse(args)
	pretrain, done, err := kith()
	if err != nil {
		return err
	}
	defer done()
	fmt.Println("| model | batch | threads | precision | kith views/s | PyTorch views/s | ratio | memory, kith / PyTorch |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	each := func(text string, f func(string) error) (err error) {
		for _, v := range strings.Split(text, ",") {
			err = errors.Join(err, f(v))
		}
		return err
	}
	return each(*models, func(model string) error {
		return each(*batches, func(batch string) error {
			return each(*threads, func(n string) error {
				return each(*precisions, func(p string) error {
					common := []string{"--model", model, "--batch", batch, "--threads", n, "--precision", p}
					ours, theirs, err := duel(pretrain, *python, common, *compile, *rounds)
					if err == nil {
						fmt.Printf("| %s | %s | %s | %s | %.1f | %.1f (%s, %s) | **%.2f** | %.2f / %.2f GiB = %.2f |\n", model, batch, n, p,
							ours.ViewsBest, theirs.ViewsBest, theirs.Version, theirs.mode(), ours.ViewsBest/theirs.ViewsBest,
							ours.PeakGiB, theirs.PeakGiB, ours.PeakGiB/theirs.PeakGiB)
					}
					return err
				})
			})
		})
	})
}

// duel times one setting with kith and PyTorch in turns, and gives the best of each.
func duel(pretrain, python string, common []string, compile bool, rounds int) (ours, theirs record, err error) {
	peers := [][]string{append([]string{"torch_nnclr_step.py"}, common...)}
	if compile {
		peers = append(peers, append(slices.Clone(peers[0]), "--compile"))
	}
	for range rounds {
		if err := better(&ours, pretrain, append([]string{"bench", "step", "--json"}, common...)); err != nil {
			return ours, theirs, err
		}
		for _, p := range peers {
			if err := better(&theirs, python, p); err != nil {
				return ours, theirs, err
			}
		}
	}
	return ours, theirs, nil
}

// better keeps the faster of best and a new run.
func better(best *record, name string, args []string) error {
	got, err := run(name, args...)
	if err != nil {
		return err
	}
	for _, r := range got {
		if r.ViewsBest > best.ViewsBest {
			*best = r
		}
	}
	return nil
}

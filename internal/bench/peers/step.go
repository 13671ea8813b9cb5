package main

import (
	"flag"
	"fmt"
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
	for _, model := range strings.Split(*models, ",") {
		for _, batch := range strings.Split(*batches, ",") {
			for _, n := range strings.Split(*threads, ",") {
				for _, p := range strings.Split(*precisions, ",") {
					common := []string{"--model", model, "--batch", batch, "--threads", n, "--precision", p}
					ours := append([]string{"bench", "step", "--json"}, common...)
					theirs := [][]string{append([]string{"torch_nnclr_step.py"}, common...)}
					if *compile {
						theirs = append(theirs, append(theirs[0][:len(theirs[0]):len(theirs[0])], "--compile"))
					}
					var a, b record
					for range *rounds {
						if err := better(&a, pretrain, ours); err != nil {
							return err
						}
						for _, t := range theirs {
							if err := better(&b, *python, t); err != nil {
								return err
							}
						}
					}
					fmt.Printf("| %s | %s | %s | %s | %.1f | %.1f (%s) | **%.2f** | %.2f / %.2f GiB = %.2f |\n", model, batch, n, p,
						a.ViewsBest, b.ViewsBest, b.Version, a.ViewsBest/b.ViewsBest, a.PeakGiB, b.PeakGiB, a.PeakGiB/b.PeakGiB)
				}
			}
		}
	}
	return nil
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

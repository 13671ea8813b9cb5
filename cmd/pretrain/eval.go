package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/console"
	"kith/internal/fsys"
	"kith/nn"
	"kith/nnclr/data"
	"kith/nnclr/eval"
)

// evalOptions are the flags of eval knn.
type evalOptions struct {
	run, train, test string
	protocol         string
	out              string
	json             bool
	line             []settings.Assignment // device and threads
}

func newEval() *cobra.Command {
	c := &cobra.Command{Use: "eval", Short: "score the encoder of a run", Args: takes(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return usage("pretrain eval knn --run RUN", "eval needs a protocol")
		}}
	c.AddCommand(newEvalKNN())
	return c
}

func newEvalKNN() *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use: "knn --run RUN", Short: "let the nearest labeled images vote", Args: takes(0),
		Long: "Score the encoder of a run by its nearest neighbors: the labeled images of --train vote on those of --test, which\nare the run's own images where they are left out. Raw pixels and the untrained network stand beside it.\n",
	}
	c.Flags().StringVar(&o.run, "run", "", "run directory")
	c.Flags().StringVar(&o.train, "train", "", "source of the images that vote")
	c.Flags().StringVar(&o.test, "test", "", "source of the images that are scored")
	c.Flags().StringVar(&o.protocol, "protocol", "online", "online (k 20, T 0.07), lightly (k 200, T 0.1)")
	c.Flags().StringVarP(&o.out, "output", "o", "", "JSON file; RUN/eval/knn.json where it is left out")
	c.Flags().BoolVar(&o.json, "json", false, "print JSON instead of the table")
	set := addSettings(c, ofMachine)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if o.line, err = line(c, set, nil); err != nil {
			return err
		}
		return runEvalKNN(c.Context(), o, c.OutOrStdout())
	}
	return c
}

// protocols of kNN by name.
var protocols = map[string]eval.KNN{"online": {K: 20, T: 0.07}, "lightly": {K: 200, T: 0.1}}

// A knnResult is what eval knn writes: never an accuracy without its protocol and its baselines.
type knnResult struct {
	Protocol       string  `json:"protocol"`
	K              int     `json:"k"`
	T              float64 `json:"t"`
	Train          int     `json:"n_train"`
	Test           int     `json:"n_test"`
	KNN            float64 `json:"knn"`
	Pixels         float64 `json:"knn_pixels"`
	PixelsCentered float64 `json:"knn_pixels_centered"`
	Untrained      float64 `json:"knn_untrained"`
	Step           int     `json:"step,omitempty"` // of the checkpoint, where the run has not ended
}

func runEvalKNN(ctx context.Context, o evalOptions, w io.Writer) error {
	vote, ok := protocols[o.protocol]
	switch {
	case o.run == "":
		return usage("pretrain eval knn --run runs/NAME", "eval knn needs --run")
	case !ok:
		return usage("", "--protocol %s: there are online and lightly%s", o.protocol, settings.DidYouMean(o.protocol, []string{"online", "lightly"}, ""))
	case (o.train == "") != (o.test == ""):
		return usage("without both, the run's own images are taken", "--train and --test go together")
	}
	t, err := openTrained(o.run, o.line)
	if err != nil {
		return err
	}
	defer t.root.Close()
	bank, queries, err := scoredImages(o, t.s)
	if err != nil {
		return err
	}
	r := knnResult{Protocol: o.protocol, K: vote.K, T: vote.T, Train: bank.Len(), Test: queries.Len(), Step: t.step}
	if err := t.score(ctx, vote, bank, queries, &r); err != nil {
		return err
	}
	if err := writeResult(o, r); err != nil {
		return err
	}
	return r.print(w, o.json)
}

// scoredImages are the images that vote and those that are scored.
func scoredImages(o evalOptions, s *settings.Settings) (bank, queries data.Dataset, err error) {
	if o.train == "" {
		sets, err := data.Open(s.Data, dataOptions(s))
		if err != nil {
			return nil, nil, err
		}
		if sets.Score == nil {
			return nil, nil, &failure{code: exitData, msg: "no labels in " + strings.Join(s.Data, " ") + ": nothing to score",
				hints: []string{"--train SRC --test SRC  score on other, labeled images"}}
		}
		return sets.Bank, sets.Score, nil
	}
	if bank, err = data.OpenSplit(o.train, dataOptions(s)); err != nil {
		return nil, nil, err
	}
	queries, err = data.OpenSplit(o.test, dataOptions(s))
	if err == nil && strings.Join(data.ClassNames(bank), "\n") != strings.Join(data.ClassNames(queries), "\n") {
		err = &failure{code: exitData, msg: fmt.Sprintf("%s and %s have different classes", o.train, o.test),
			hints: []string{"labels are compared by name: both need the same folders"}}
	}
	return bank, queries, err
}

// score fills in the four accuracies.
func (t *trained) score(ctx context.Context, vote eval.KNN, bank, queries data.Dataset, r *knnResult) error {
	e, view, err := t.extractor(bank)
	if err != nil {
		return err
	}
	finder := eval.NewFinder(t.root)
	bad := newBadImages(t.s)
	features := func(d data.Dataset) (*eval.Features, error) { return e.Features(ctx, d, bad.next()) }
	pixels := func(d data.Dataset) (*eval.Features, error) {
		return eval.Pixels(ctx, d, view, e.Workers, bad.next())
	}
	measure := func(of func(data.Dataset) (*eval.Features, error), plain, centered *float64) error {
		a, err := of(bank)
		if err != nil {
			return err
		}
		b, err := of(queries)
		if err != nil {
			return err
		}
		if *plain, err = vote.Accuracy(finder, a, b); err != nil || centered == nil {
			return err
		}
		mean := a.Mean()
		*centered, err = vote.Accuracy(finder, a.Centered(mean), b.Centered(mean))
		return err
	}
	if err := measure(features, &r.KNN, nil); err != nil {
		return err
	}
	if err := measure(pixels, &r.Pixels, &r.PixelsCentered); err != nil {
		return err
	}
	// The start of the run again, under the names that its tensors had there. A new start is new tensors, so the
	// extractor's plan, which knows the old ones, is made anew too.
	nn.Init(struct{ Encoder nn.Layer }{t.encoder}, t.root, seedOf(t.s).Fold("init"))
	if e, _, err = t.extractor(bank); err != nil {
		return err
	}
	return measure(features, &r.Untrained, nil)
}

func writeResult(o evalOptions, r knnResult) error {
	path := o.out
	if path == "" {
		path = filepath.Join(o.run, "eval", "knn.json")
	}
	if err := fsys.MkdirAll(fsys.OS{}, filepath.Dir(path)); err != nil {
		return err
	}
	return fsys.Replace(fsys.OS{}, path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	})
}

func (r knnResult) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, `kNN, protocol %s: k %d, T %v, %s images vote on %s
  trained encoder    %5.1f %%
  untrained encoder  %5.1f %%
  raw pixels         %5.1f %%
  pixels, centered   %5.1f %%
`, r.Protocol, r.K, r.T, console.Count(r.Train), console.Count(r.Test), 100*r.KNN, 100*r.Untrained, 100*r.Pixels, 100*r.PixelsCentered)
	return err
}

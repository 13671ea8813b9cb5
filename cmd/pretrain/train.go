package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"kith/cmd/pretrain/internal/settings"
)

// newTrain is the command that trains: the root, and the same under its own name.
func newTrain() *cobra.Command {
	c := &cobra.Command{Short: "train an encoder", Args: cobra.ArbitraryArgs}
	flags := addSettings(c)
	files := c.Flags().StringArrayP("config", "c", nil, "settings from a YAML file; repeatable, later ones win")
	c.RunE = func(c *cobra.Command, args []string) error {
		assigned, err := line(c, flags, args)
		if err != nil {
			return err
		}
		s, warnings, err := settings.Load(settings.Input{Recipes: recipeFiles(), Files: *files, Environ: os.Environ(), Line: assigned})
		if err != nil {
			return err
		}
		for _, w := range warnings {
			fmt.Fprintf(c.ErrOrStderr(), "pretrain: warning: %s\n", w)
		}
		return runTrain(c.Context(), s, c.OutOrStdout())
	}
	return c
}

func runTrain(ctx context.Context, s *settings.Settings, w io.Writer) error {
	return printSettings(w, s)
}

// printSettings lists every setting with its origin.
func printSettings(w io.Writer, s *settings.Settings) error {
	for _, f := range settings.Fields() {
		if _, err := fmt.Fprintf(w, "%-18s %-24s %s\n", f.Key, f.Text(&s.Train), s.Origin(f.Key)); err != nil {
			return err
		}
	}
	return nil
}

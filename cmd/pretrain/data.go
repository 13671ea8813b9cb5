package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"kith/internal/console"
	"kith/nnclr/data"
)

// newData is what one does with images before training on them.
func newData() *cobra.Command {
	c := &cobra.Command{Use: "data", Short: "check, pack and verify images", Args: takes(0),
		RunE: func(*cobra.Command, []string) error {
			return usage("pretrain data check|pack|manifest|verify SRC", "data needs a task")
		}}
	c.AddCommand(newDataCheck(), newDataPack(), newDataManifest(), newDataVerify())
	return c
}

func newDataCheck() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "check SRC", Short: "decode every image: bad files, sizes, duplicates, mean and deviation", Args: takes(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runDataCheck(c.Context(), args[0], asJSON, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func runDataCheck(ctx context.Context, source string, asJSON bool, w io.Writer) error {
	images, err := data.OpenSplit(source, data.Options{})
	if err != nil {
		return err
	}
	r, err := data.Survey(ctx, images, nil)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	fmt.Fprintf(w, "%s images in %s, %s of them good\n", console.Count(r.Images), source, console.Count(r.Good))
	counts(w, "formats", r.Formats)
	counts(w, "short sides", r.ShortSides)
	counts(w, "classes", r.Classes)
	fmt.Fprintf(w, "mean        %.4f %.4f %.4f\ndeviation   %.4f %.4f %.4f\n", r.Mean[0], r.Mean[1], r.Mean[2], r.Std[0], r.Std[1], r.Std[2])
	for _, same := range r.Duplicates {
		fmt.Fprintf(w, "equal       %q\n", same)
	}
	for _, b := range r.Bad {
		fmt.Fprintf(w, "bad         %s: %s\n", b.Name, b.Reason)
	}
	if r.Good == 0 {
		return &failure{code: exitData, msg: "no image in " + source + " can be used"}
	}
	return nil
}

// counts prints a line of a report, its keys in order; classes without end are left to --json.
func counts(w io.Writer, title string, n map[string]int) {
	const many = 12
	keys := slices.Sorted(maps.Keys(n))
	if len(keys) == 0 {
		return
	}
	fmt.Fprintf(w, "%-11s", title)
	for _, k := range keys[:min(len(keys), many)] {
		fmt.Fprintf(w, " %s %s", k, console.Count(n[k]))
	}
	if len(keys) > many {
		fmt.Fprintf(w, " and %d more", len(keys)-many)
	}
	fmt.Fprintln(w)
}

func newDataPack() *cobra.Command {
	var out string
	p := data.Packer{}
	c := &cobra.Command{
		Use: "pack SRC -o DIR", Short: "reduce images and pack them into shards that load fast", Args: takes(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usage("pretrain data pack ./photos -o packed", "data pack needs -o")
			}
			images, err := data.OpenSplit(args[0], data.Options{})
			if err != nil {
				return err
			}
			p.Source, p.Workers, p.Bad = args[0], cores(0), &data.Bad{}
			if _, err := p.Pack(c.Context(), images, out); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s images in %s, %d bad; train with  pretrain %s\n",
				console.Count(images.Len()-len(p.Bad.List())), out, len(p.Bad.List()), out)
			return err
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "folder to make")
	c.Flags().StringVar(&p.Form, "form", "raw", "raw (no decoding later), jpg (quality 90), copy (as they are)")
	c.Flags().IntVar(&p.ShortSide, "short-side", 256, "reduce larger images to this shorter side")
	return c
}

func newDataManifest() *cobra.Command {
	return &cobra.Command{
		Use: "manifest SRC", Short: "print SHA-256, size and path of every image", Args: takes(1),
		Example: "  pretrain data manifest ./photos > photos.sha256\n  pretrain data verify ./photos photos.sha256",
		RunE: func(c *cobra.Command, args []string) error {
			images, err := data.OpenSplit(args[0], data.Options{})
			if err != nil {
				return err
			}
			return data.WriteManifest(c.Context(), images, c.OutOrStdout())
		},
	}
}

func newDataVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify SRC MANIFEST", Short: "compare images with a manifest", Args: takes(2),
		RunE: func(c *cobra.Command, args []string) error {
			return runDataVerify(c.Context(), args[0], args[1], c.OutOrStdout())
		},
	}
}

func runDataVerify(ctx context.Context, source, manifest string, w io.Writer) error {
	images, err := data.OpenSplit(source, data.Options{})
	if err != nil {
		return err
	}
	file, err := os.Open(manifest)
	if err != nil {
		return usage("pretrain data manifest SRC  makes one", "%s: %s", manifest, cause(err))
	}
	defer file.Close()
	changes, err := data.Verify(ctx, file, images)
	if err != nil {
		return usage("", "%s: %v", manifest, err)
	}
	for _, list := range []struct {
		what  string
		paths []string
	}{{"changed", changes.Changed}, {"missing", changes.Missing}, {"new", changes.New}} {
		for _, p := range list.paths {
			fmt.Fprintf(w, "%-8s %s\n", list.what, p)
		}
	}
	if changes.Any() {
		return &failure{code: exitData, msg: fmt.Sprintf("%s is not what %s says: %d changed, %d missing, %d new",
			source, manifest, len(changes.Changed), len(changes.Missing), len(changes.New))}
	}
	_, err = fmt.Fprintf(w, "%s images as %s says\n", console.Count(images.Len()), manifest)
	return err
}

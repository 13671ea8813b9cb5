package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"kith/cmd/pretrain/internal/settings"
	"kith/internal/console"
	"kith/internal/format/csv"
	"kith/internal/format/npy"
	"kith/nnclr/data"
	"kith/nnclr/eval"
)

// embedOptions are the flags of embed.
type embedOptions struct {
	run, data, out string
	line           []settings.Assignment // device and threads
}

func newEmbed() *cobra.Command {
	var o embedOptions
	c := &cobra.Command{
		Use: "embed --run RUN --data SRC -o FILE", Short: "turn images into vectors: .npy or .csv", Args: takes(0),
		Long: "Write the feature of every image of a source, in its order: FILE.npy holds the vectors and ids.csv beside it says\nwhich image each row is; FILE.csv holds both.\n",
	}
	c.Flags().StringVar(&o.run, "run", "", "run directory")
	c.Flags().StringVar(&o.data, "data", "", "source of images")
	c.Flags().StringVarP(&o.out, "output", "o", "", "file to write: .npy or .csv")
	set := addSettings(c, ofMachine)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if o.line, err = line(c, set, nil); err != nil {
			return err
		}
		return runEmbed(c.Context(), o, c.OutOrStdout())
	}
	return c
}

func runEmbed(ctx context.Context, o embedOptions, w io.Writer) error {
	write := map[string]func(string, data.Dataset, *eval.Features) error{".npy": writeNPY, ".csv": writeCSV}[filepath.Ext(o.out)]
	switch {
	case o.run == "" || o.data == "" || o.out == "":
		return usage("pretrain embed --run runs/NAME --data ./photos -o vectors.npy", "embed needs --run, --data and -o")
	case write == nil:
		return usage("-o vectors.npy, or -o vectors.csv", "-o %s: vectors go to .npy or .csv", o.out)
	}
	t, err := openTrained(o.run, o.line)
	if err != nil {
		return err
	}
	defer t.root.Close()
	images, err := data.OpenSplit(o.data, dataOptions(t.s))
	if err != nil {
		return err
	}
	f, err := t.features(ctx, images)
	if err != nil {
		return err
	}
	if err := write(o.out, images, f); err != nil {
		return err
	}
	bad := ""
	if n := images.Len() - f.Len(); n > 0 {
		bad = fmt.Sprintf("; %s could not be read", console.Count(n))
	}
	_, err = fmt.Fprintf(w, "%s vectors of %d numbers in %s%s\n", console.Count(f.Len()), f.Width, o.out, bad)
	return err
}

// features are those of every image that can be read, however many cannot.
func (t *trained) features(ctx context.Context, images data.Dataset) (*eval.Features, error) {
	e, _, err := t.extractor(images)
	if err != nil {
		return nil, err
	}
	f, err := e.Features(ctx, images, &data.Bad{Max: 1})
	if err != nil {
		return nil, err
	}
	f.Width = t.encoder.Features // also where no image could be read
	return f, nil
}

// writeNPY writes the matrix, and ids.csv beside it.
func writeNPY(path string, images data.Dataset, f *eval.Features) error {
	err := create(path, func(file *os.File) error {
		w, err := npy.NewWriter[float32](file, f.Width)
		if err != nil {
			return err
		}
		return errors.Join(w.Write(f.Rows), w.Close())
	})
	if err != nil {
		return err
	}
	return create(filepath.Join(filepath.Dir(path), "ids.csv"), func(file *os.File) error {
		out := bufio.NewWriter(file)
		ids, err := csv.NewIDs(out)
		if err != nil {
			return err
		}
		classes := data.ClassNames(images)
		for i, id := range f.ID {
			if err := ids.Write(int(id), data.Name(images, int(id)), className(classes, f.Label[i])); err != nil {
				return err
			}
		}
		return errors.Join(ids.Flush(), out.Flush())
	})
}

func writeCSV(path string, images data.Dataset, f *eval.Features) error {
	return create(path, func(file *os.File) error {
		out := bufio.NewWriter(file)
		w, err := csv.NewEmbeddings(out, f.Width)
		if err != nil {
			return err
		}
		for i, id := range f.ID {
			if err := w.Write(data.Name(images, int(id)), f.Rows[i*f.Width:][:f.Width]); err != nil {
				return err
			}
		}
		return errors.Join(w.Flush(), out.Flush())
	})
}

// create writes a new file under a temporary name, so that what stands at path is always whole.
func create(path string, write func(*os.File) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	err = errors.Join(write(file), file.Chmod(0o644), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// className is the name of a label, its number where it has none, "" where the label is not known.
func className(classes []string, label int32) string {
	switch {
	case label < 0:
		return ""
	case int(label) < len(classes):
		return strings.TrimSpace(classes[label])
	}
	return fmt.Sprint(label)
}

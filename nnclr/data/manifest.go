package data

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
)

// labelOf is the label of image i, without its pixels where the dataset can tell.
func labelOf(d Dataset, i int) int {
	if l, ok := d.(interface{ Label(i int) int }); ok {
		return l.Label(i)
	}
	var p Picture
	label, err := Read(d, i, &p)
	if err != nil {
		return -1
	}
	return label
}

// Digest names what a run reads: SHA-256 over the options that change pixels, the decoder's kind
// and the list of names, sizes and labels. The list in its order: ids in the support set and the
// order of an epoch mean places in it. Contents are not read; that is what a manifest is for.
func Digest(d Dataset, o Options) string {
	h := sha256.New()
	fmt.Fprintf(h, "kith-data-1\njpeg=%s exif=%v tiff=%v tolerant=%v bytes=%d pixels=%d\n",
		o.Decoder(), !o.IgnoreEXIF, o.TIFF, o.Tolerant, o.maxBytes(), o.maxPixels())
	for i := range d.Len() {
		fmt.Fprintf(h, "%s\t%d\t%d\n", cell(Name(d, i)), size(d, i), labelOf(d, i))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// WriteManifest writes a line "sha256<TAB>bytes<TAB>path" for each image, sorted by path. Sources
// without files are hashed by their pixels.
func WriteManifest(ctx context.Context, d Dataset, w io.Writer) error {
	lines := make([]string, d.Len())
	err := parallel(ctx, d.Len(), func(i int) error {
		sum, n, err := hashOf(d, i)
		if err != nil {
			return fmt.Errorf("%s: %w", Name(d, i), err)
		}
		lines[i] = fmt.Sprintf("%s\t%d\t%s\n", sum, n, cell(Name(d, i)))
		return nil
	})
	if err != nil {
		return err
	}
	sort.Slice(lines, func(a, b int) bool { return pathOf(lines[a]) < pathOf(lines[b]) })
	out := bufio.NewWriter(w)
	for _, line := range lines {
		out.WriteString(line)
	}
	return out.Flush()
}

func pathOf(line string) string { return line[strings.LastIndexByte(line, '\t')+1:] }

// hashOf hashes the file of image i, or its pixels.
func hashOf(d Dataset, i int) (sum string, n int, err error) {
	var b []byte
	if o, ok := d.(Opener); ok {
		b, _, err = o.Open(i)
	}
	if b == nil {
		var p Picture
		_, err = Read(d, i, &p)
		b = p.Pix
	}
	if err != nil {
		return "", 0, err
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), len(b), nil
}

// Changes is what became of the files of a manifest.
type Changes struct{ Changed, Missing, New []string }

// Any says whether there are any.
func (c *Changes) Any() bool { return len(c.Changed)+len(c.Missing)+len(c.New) > 0 }

// Verify compares d with a manifest.
func Verify(ctx context.Context, manifest io.Reader, d Dataset) (*Changes, error) {
	want := make(map[string]string) // path → "sha256\tbytes"
	lines := bufio.NewScanner(manifest)
	for n := 1; lines.Scan(); n++ {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 3 || len(f[0]) != 64 {
			return nil, fmt.Errorf("manifest line %d: expected sha256, bytes and path, separated by tabs", n)
		}
		want[f[2]] = f[0] + "\t" + f[1]
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	var now bytes.Buffer
	var c Changes
	if err := writeReadable(ctx, d, &now, &c, want); err != nil {
		return nil, err
	}
	for line := range strings.Lines(now.String()) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		old, ok := want[f[2]]
		delete(want, f[2])
		switch {
		case !ok:
			c.New = append(c.New, f[2])
		case old != f[0]+"\t"+f[1]:
			c.Changed = append(c.Changed, f[2])
		}
	}
	for path := range want {
		c.Missing = append(c.Missing, path)
	}
	for _, list := range [][]string{c.Changed, c.Missing, c.New} {
		slices.Sort(list)
	}
	return &c, nil
}

// writeReadable writes a manifest of the images that can be read; the others have changed, if the
// manifest knows them.
func writeReadable(ctx context.Context, d Dataset, w *bytes.Buffer, c *Changes, want map[string]string) error {
	var mu sync.Mutex
	return parallel(ctx, d.Len(), func(i int) error {
		sum, n, err := hashOf(d, i)
		name := cell(Name(d, i))
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			if _, ok := want[name]; ok {
				c.Changed = append(c.Changed, name)
				delete(want, name)
			}
			return nil
		}
		fmt.Fprintf(w, "%s\t%d\t%s\n", sum, n, name)
		return nil
	})
}

// parallel calls f for 0..n-1 on a few goroutines and returns the first error.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	// Reading waits for disks more than for processors, so this is no matter of cores.
	const workers = 4
	var group sync.WaitGroup
	errs := make([]error, workers)
	for g := range workers {
		group.Go(func() {
			for i := g; i < n; i += workers {
				if errs[g] = ctx.Err(); errs[g] == nil {
					errs[g] = f(i)
				}
				if errs[g] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

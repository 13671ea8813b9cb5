package data_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"kith/internal/testflag"
	"kith/nnclr/data"
	"kith/nnclr/data/datatest"
)

var archives = flag.String("archives", "", "folder with archives of CIFAR-10 and Tiny-ImageNet, class folders in tar.gz")

// TestArchives reads CIFAR-10 and Tiny-ImageNet from -archives. Their licenses forbid to commit them.
func TestArchives(t *testing.T) {
	for _, c := range []struct {
		file                  string
		train, score, classes int
	}{
		{"cifar10-jpeg.tar.gz", 50_000, 10_000, 10},
		{"tiny-imagenet-100A.tar.gz", 50_000, 5_000, 100},
	} {
		t.Run(c.file, func(t *testing.T) {
			if c.classes == 100 && !testflag.Long() {
				t.Skip("the larger archive is read with -long")
			}
			path := filepath.Join(*archives, c.file)
			if _, err := os.Stat(path); *archives == "" || err != nil {
				testflag.Need(t, "archives", "no "+c.file+" in -archives "+*archives)
			}
			s, err := data.Open([]string{path}, data.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if s.Train.Len() != c.train || s.Score.Len() != c.score || len(s.Classes) != c.classes {
				t.Errorf("%d and %d images in %d classes, want %d and %d in %d",
					s.Train.Len(), s.Score.Len(), len(s.Classes), c.train, c.score, c.classes)
			}
			n := make([]int, c.classes)
			for _, d := range []data.Dataset{s.Train, s.Score} {
				for i := range d.Len() {
					n[d.(interface{ Label(i int) int }).Label(i)]++
				}
			}
			for class, n := range n {
				if n != (c.train+c.score)/c.classes {
					t.Errorf("%d images of class %s", n, s.Classes[class])
				}
			}
			datatest.Run(t, s.Train)
		})
	}
}

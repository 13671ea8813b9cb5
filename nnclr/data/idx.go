package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// debianFashion is where the Debian package dataset-fashion-mnist puts its files.
const debianFashion = "/usr/share/datasets/fashion-mnist"

// idx holds gray pictures in the format of MNIST.
type idx struct {
	name    string
	w, h, n int
	pix     []byte // [n, h, w]
	labels  []byte // [n], or nil
	classes []string
}

func (d *idx) Len() int { return d.n }

func (d *idx) At(i int) (image.Image, int, error) { return at(d, i) }

func (d *idx) Read(i int, p *Picture) (int, error) {
	if i < 0 || i >= d.n {
		return -1, outside(i, d.n)
	}
	p.Resize(d.w, d.h)
	for j, v := range d.pix[i*d.w*d.h : (i+1)*d.w*d.h] {
		p.Pix[3*j], p.Pix[3*j+1], p.Pix[3*j+2] = v, v, v
	}
	if d.labels == nil {
		return -1, nil
	}
	return int(d.labels[i]), nil
}

func (d *idx) Classes() []string { return d.classes }

func (d *idx) Name(i int) string { return fmt.Sprintf("%s#%d", d.name, i) }

// parseIDX splits an IDX file of bytes into dimensions and elements.
func parseIDX(b []byte, axes int) (dim []int, rest []byte, err error) {
	if len(b) < 4 || b[0] != 0 || b[1] != 0 {
		return nil, nil, fmt.Errorf("not an IDX file: %d bytes%s", len(b), beginning(b))
	}
	if b[2] != 8 || int(b[3]) != axes {
		return nil, nil, fmt.Errorf("IDX of type %#02x with %d axes, expected bytes (0x08) with %d", b[2], b[3], axes)
	}
	if len(b) < 4+4*axes {
		return nil, nil, io.ErrUnexpectedEOF
	}
	rest = b[4+4*axes:]
	n := int64(1)
	for a := range axes {
		d := int64(binary.BigEndian.Uint32(b[4+4*a:]))
		dim = append(dim, int(d))
		// Each factor is below 2³², so the product is checked before it can overflow.
		if n *= d; n > int64(len(rest)) {
			return nil, nil, fmt.Errorf("IDX of %v elements in a file of %d bytes", dim, len(b))
		}
	}
	if n != int64(len(rest)) {
		return nil, nil, fmt.Errorf("IDX with %d elements, its header announces %d", len(rest), n)
	}
	return dim, rest, nil
}

// readIDX opens an IDX file of images, and of labels unless that name is empty.
func readIDX(images, labels string) (*idx, error) {
	b, err := readGunzipped(images)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", images, err)
	}
	dim, pix, err := parseIDX(b, 3)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", images, err)
	}
	if dim[0] > 0 && (dim[1] < 1 || dim[2] < 1) {
		return nil, fmt.Errorf("%s: images of %d×%d pixels", images, dim[2], dim[1])
	}
	d := &idx{name: filepath.Base(images), n: dim[0], h: dim[1], w: dim[2], pix: pix}
	if labels == "" {
		return d, nil
	}
	if b, err = readGunzipped(labels); err != nil {
		return nil, fmt.Errorf("%s: %w", labels, err)
	}
	if dim, d.labels, err = parseIDX(b, 1); err != nil {
		return nil, fmt.Errorf("%s: %w", labels, err)
	}
	if dim[0] != d.n {
		return nil, fmt.Errorf("%s: %d labels for %d images", labels, dim[0], d.n)
	}
	return d, nil
}

// readGunzipped reads a file, unpacked if it is compressed.
func readGunzipped(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, pathless(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if magic, _ := r.Peek(2); string(magic) != "\x1f\x8b" {
		return io.ReadAll(r)
	}
	// 47 MB for Fashion-MNIST: small enough to stay in memory as a whole.
	g, err := newGunzip(r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(g)
	return b, unexpected(err)
}

// openIDX opens IMAGES or IMAGES,LABELS. The labels' file is found beside the images' by its name.
func openIDX(arg string, _ Options) (*collection, error) {
	images, labels, ok := strings.Cut(arg, ",")
	if !ok {
		labels = filepath.Join(filepath.Dir(images), strings.Replace(filepath.Base(images), "images-idx3", "labels-idx1", 1))
		if _, err := os.Stat(labels); err != nil || labels == filepath.Clean(images) {
			labels = ""
		}
	}
	d, err := readIDX(images, labels)
	if err != nil {
		return nil, err
	}
	return &collection{splits: map[string]Dataset{"": d}, classes: d.classes}, nil
}

var digits = []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}

var fashionClasses = []string{
	"T-shirt/top", "trouser", "pullover", "dress", "coat",
	"sandal", "shirt", "sneaker", "bag", "ankle boot",
}

// openFashion opens Fashion-MNIST in dir, or where Debian's package puts it.
func openFashion(dir string, _ Options) (*collection, error) {
	if dir == "" {
		dir = debianFashion
	}
	return openSplitIDX(dir, fashionClasses)
}

// openMNIST opens a folder of files named as MNIST's. Fashion-MNIST's have the same names, so that
// classes are numbers; fashion:DIR names them.
func openMNIST(dir string, _ Options) (*collection, error) { return openSplitIDX(dir, digits) }

// openSplitIDX opens images and labels for training and for tests in a folder.
func openSplitIDX(dir string, classes []string) (*collection, error) {
	c := &collection{splits: make(map[string]Dataset), classes: classes}
	for split, prefix := range map[string]string{train: "train", test: "t10k"} { // any order: into a map again; of two broken files either may be named
		at := filepath.Join(dir, prefix)
		suffix := ".gz"
		if _, err := os.Stat(at + "-images-idx3-ubyte"); err == nil {
			suffix = ""
		}
		d, err := readIDX(at+"-images-idx3-ubyte"+suffix, at+"-labels-idx1-ubyte"+suffix)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w; install the Debian package dataset-fashion-mnist, or name its folder: fashion:DIR", err)
		}
		if err != nil {
			return nil, err
		}
		d.classes = classes
		c.splits[split] = d
	}
	return c, nil
}

// isIDX says whether a file, compressed or not, begins like IDX images.
func isIDX(path string, gzipped bool) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var r io.Reader = f
	if gzipped {
		if r, err = gzip.NewReader(f); err != nil {
			return false
		}
	}
	var magic [4]byte
	_, err = io.ReadFull(r, magic[:])
	return err == nil && magic == [4]byte{0, 0, 8, 3}
}

package data

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Sets are the images of one or several sources.
type Sets struct {
	Train   Dataset // what is trained on
	Bank    Dataset // the labeled images of Train, among which neighbors vote; nil: none
	Score   Dataset // what is scored; nil: no labels, nothing to score
	Classes []string
	Notes   []string // what the user should know, a line each
}

// Open opens sources ("scheme:path#split", or a path that is recognized by its content) and
// concatenates them in the order given. Training takes the splits train and unlabeled if they
// exist, else everything; scoring takes val, else test, else a tenth of a labeled source, chosen
// by o.Seed and kept out of training. An error is an *Error with the source as written.
func Open(sources []string, o Options) (*Sets, error) {
	// First all are opened, since the classes of a label depend on every source.
	var s Sets
	var opened []*collection
	chosen := make([]string, len(sources))
	for i, source := range sources {
		c, split, err := openSource(source, o)
		if err != nil {
			return nil, &Error{source, err}
		}
		opened, chosen[i] = append(opened, c), split
		for _, name := range c.classes {
			if !slices.Contains(s.Classes, name) {
				s.Classes = append(s.Classes, name)
			}
		}
	}
	// One source keeps its own order (CIFAR's is not the alphabet); several have none in common.
	if len(opened) > 1 {
		slices.Sort(s.Classes)
	}
	var train, bank, score []Dataset
	for i, c := range opened {
		t, b, q, err := c.choose(chosen[i], o)
		if err != nil {
			return nil, &Error{sources[i], err}
		}
		train, bank, score = append(train, t...), append(bank, b...), append(score, q...)
		s.Notes = append(s.Notes, c.notes...)
	}
	if len(train) == 0 {
		return nil, &Error{strings.Join(sources, " "), errors.New("no images to train on")}
	}
	s.Train = join(train, s.Classes)
	// Neighbors are worth searching only if there is something to score, and the other way round.
	if len(bank) > 0 && len(score) > 0 {
		s.Bank, s.Score = join(bank, s.Classes), join(score, s.Classes)
	}
	return &s, nil
}

// OpenSplit opens one source and returns one split of it: the one behind #, else all images that
// Open would train on, hold-out included.
func OpenSplit(source string, o Options) (Dataset, error) {
	c, split, err := openSource(source, o)
	if err != nil {
		return nil, &Error{source, err}
	}
	if split != "" {
		d, err := c.split(split)
		if err != nil {
			return nil, &Error{source, err}
		}
		return d, nil
	}
	return join(c.training(), c.classes), nil
}

// split returns a split by name.
func (c *collection) split(name string) (Dataset, error) {
	if d, ok := c.splits[name]; ok {
		return d, nil
	}
	if d, ok := c.splits[splitNames[strings.ToLower(name)]]; ok && splitNames[strings.ToLower(name)] != "" {
		return d, nil
	}
	var have []string
	for s := range c.splits {
		if s != "" {
			have = append(have, s)
		}
	}
	slices.Sort(have)
	if len(have) == 0 {
		return nil, fmt.Errorf("no split %q: this source has none", name)
	}
	return nil, fmt.Errorf("no split %q; there are %s", name, strings.Join(have, ", "))
}

// training is the splits to train on.
func (c *collection) training() (list []Dataset) {
	for _, name := range []string{train, unlabeled} {
		if d, ok := c.splits[name]; ok {
			list = append(list, d)
		}
	}
	if len(list) > 0 {
		return list
	}
	// Without a training split all of the source is for training, a lone val or test folder too.
	for _, name := range []string{"", val, test} {
		if d, ok := c.splits[name]; ok {
			list = append(list, d)
		}
	}
	return list
}

// choose returns what to train on, the labeled part of it, and what to score.
func (c *collection) choose(split string, o Options) (training, bank, score []Dataset, err error) {
	if split != "" {
		d, err := c.split(split)
		if err != nil {
			return nil, nil, nil, err
		}
		training = []Dataset{d}
	} else {
		training = c.training()
	}
	for _, d := range training {
		if labeled(d) {
			bank = append(bank, d)
		}
	}
	if len(bank) == 0 {
		return training, nil, nil, nil
	}
	for _, name := range []string{val, test} {
		if d, ok := c.splits[name]; ok && labeled(d) && !slices.Contains(training, d) {
			return training, bank, []Dataset{d}, nil
		}
	}
	// No other labels: a tenth of each labeled set is kept out of training.
	bank = nil
	for i, d := range training {
		if labeled(d) && d.Len() >= 20 { // fewer would score on one image
			rest, held := holdOut(d, o.Seed)
			training[i] = rest
			bank, score = append(bank, rest), append(score, held)
		}
	}
	c.notes = append(c.notes, "scoring: a tenth of the images, kept out of training")
	return training, bank, score, nil
}

// labeled looks at a few images: sources label all of a split or none.
func labeled(d Dataset) bool {
	if f, ok := d.(*files); ok {
		return slices.ContainsFunc(f.entries, func(e entry) bool { return e.label >= 0 })
	}
	var p Picture
	for i := range min(d.Len(), 8) {
		if label, err := Read(d, i, &p); err == nil {
			return label >= 0
		}
	}
	return false
}

// schemes open what stands behind "scheme:".
var schemes = map[string]opener{
	"builtin":  openBuiltin,
	"fashion":  openFashion,
	"cifar10":  func(dir string, o Options) (*collection, error) { return openBinary(&cifar10, dir, o) },
	"cifar100": func(dir string, o Options) (*collection, error) { return openBinary(&cifar100, dir, o) },
	"stl10":    func(dir string, o Options) (*collection, error) { return openBinary(&stl10, dir, o) },
	"idx":      openIDX,
	"tar":      openTar,
	"wds":      openWDS,
	"zip":      openZip,
	"csv":      openCSV,
	"list":     openList,
	"folder":   openFolder,
	"pack":     openPack,
}

func openBuiltin(name string, o Options) (*collection, error) {
	if name != "patches" {
		return nil, fmt.Errorf("no built-in data %q; there is builtin:patches", name)
	}
	c := &collection{splits: make(map[string]Dataset), classes: photos}
	for _, split := range []string{train, test} {
		d, err := Patches(split)
		if err != nil {
			return nil, err
		}
		c.splits[split] = d
	}
	return c, nil
}

// openBinary opens a binary data set in a folder, or packed as .tar.gz.
func openBinary(f *format, path string, o Options) (*collection, error) {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return openTar(path, o)
	}
	return openRecordFolder(f, path, o)
}

// openSource splits "scheme:path#split", opens it and sets its labels.
func openSource(source string, o Options) (*collection, string, error) {
	if err := o.check(); err != nil {
		return nil, "", err
	}
	path, split := source, ""
	// A file may have # in its name.
	if i := strings.LastIndexByte(source, '#'); i >= 0 {
		if _, err := os.Lstat(source); err != nil {
			path, split = source[:i], source[i+1:]
		}
	}
	open, arg, err := openerOf(path)
	if err != nil {
		return nil, "", err
	}
	c, err := open(arg, o)
	if err != nil {
		return nil, "", err
	}
	return c, split, c.relabel(o)
}

// openerOf finds what opens a source, by its scheme or else by what the path holds.
func openerOf(path string) (open opener, arg string, err error) {
	scheme, arg, ok := strings.Cut(path, ":")
	if open := schemes[scheme]; ok && open != nil {
		return open, arg, nil
	}
	if path == "fashion" {
		return openFashion, "", nil
	}
	open, err = recognize(path)
	return open, path, err
}

// An opener opens what stands behind a scheme, or a path.
type opener func(arg string, o Options) (*collection, error)

// recognize finds out by its content what a path is.
func recognize(path string) (opener, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("no such file or folder")
	}
	if err != nil {
		return nil, pathless(err)
	}
	if info.IsDir() {
		return recognizeFolder(path), nil
	}
	return recognizeFile(path)
}

func recognizeFolder(path string) opener {
	has := func(name string) bool { _, err := os.Stat(filepath.Join(path, name)); return err == nil }
	switch {
	case has("data_batch_1.bin"):
		return schemes["cifar10"]
	case has("train.bin") && has("fine_label_names.txt"):
		return schemes["cifar100"]
	case has("unlabeled_X.bin") || has("train_X.bin"):
		return schemes["stl10"]
	case has("pack.json"):
		return openPack
	case has("train-images-idx3-ubyte") || has("train-images-idx3-ubyte.gz"):
		return openMNIST
	case has("data_batch_1") && has("batches.meta"), has("train") && has("meta") && !has("train/"):
		return func(string, Options) (*collection, error) {
			return nil, errors.New("CIFAR as Python pickles is not read; get the binary version (cifar-10-binary.tar.gz)")
		}
	}
	return openFolder
}

func recognizeFile(path string) (opener, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, pathless(err)
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	begins := func(s string) bool { return strings.HasPrefix(string(head), s) }
	switch ext := extension(path); {
	case begins("\x1f\x8b"): // gzip: what is inside decides
		if isIDX(path, true) {
			return openIDX, nil
		}
		return openTar, nil
	case begins("\x00\x00\x08\x03"):
		return openIDX, nil
	case n > 262 && string(head[257:262]) == "ustar", ext == ".tar":
		return openTar, nil
	case begins("PK\x03\x04"), begins("PK\x05\x06"):
		return openZip, nil
	case ext == ".csv", ext == ".tsv":
		return openCSV, nil
	case ext == ".txt":
		return openList, nil
	}
	for _, r := range containers {
		if begins(r.magic) || r.ext != "" && strings.HasSuffix(path, r.ext) {
			return nil, fmt.Errorf("%s is not read; %s", r.name, r.hint)
		}
	}
	if k, err := sniff(head); k != unknown {
		return nil, errors.Join(errors.New("a single image; name its folder"), err)
	}
	return nil, fmt.Errorf("not a source that kith knows%s", beginning(head))
}

// containers are recognized and refused, with the way to convert them.
var containers = []struct{ magic, ext, name, hint string }{
	{"\x28\xb5\x2f\xfd", ".zst", "zstandard", "unpack it to .tar: zstd -d"},
	{"\x89HDF", ".h5", "HDF5", "export the images to a folder"},
	{"PAR1", ".parquet", "parquet", "pack it with kith's parquet tool"},
	{"\x80\x02", "", "a Python pickle", "export the images, or get the binary version of CIFAR"},
	{"\x80\x03", "", "a Python pickle", "export the images, or get the binary version of CIFAR"},
	{"\x80\x04", ".pkl", "a Python pickle", "export the images, or get the binary version of CIFAR"},
	{"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xde\xc0\xef\xbe", ".mdb", "LMDB", "export the images to a folder"},
	{"\xff\xff\xff\xff\xff\xff\xff\xff\xff", ".tfrecord", "TFRecord", "convert it to WebDataset tars"},
}

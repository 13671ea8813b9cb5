package data

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Limits on archives. Members are never written by their names.
const (
	maxMembers = 5_000_000
	maxName    = 1 << 10
	maxRatio   = 200 // of expanded to compressed bytes
	ratioSlack = 1 << 20
)

// errRAM says that a compressed archive does not fit in memory.
var errRAM = errors.New("archive exceeds data_ram")

// shards are uncompressed tars on disk: images are read at their offsets, in any order. The files
// stay open as long as the process.
type shards []*os.File

func (s shards) read(e *entry, buf *[]byte) ([]byte, error) {
	b := scratch(buf, int(e.size))
	n, err := s[e.part].ReadAt(b, e.at)
	if n == len(b) {
		err = nil
	}
	return b, pathless(unexpected(err))
}

// blocks are the encoded members of a compressed archive, in memory. They come in large pieces,
// which the garbage collector need not walk one by one.
type blocks struct {
	piece [][]byte
	limit int64
	total int64
}

const blockSize = 16 << 20

func (b *blocks) read(e *entry, _ *[]byte) ([]byte, error) {
	end := e.at + e.size
	return b.piece[e.part][e.at:end:end], nil
}

// keep copies a member into memory.
func (b *blocks) keep(e *entry, head []byte, r io.Reader) error {
	if b.total += e.size; b.total > b.limit {
		return errRAM
	}
	last := len(b.piece) - 1
	if last < 0 || int64(cap(b.piece[last])-len(b.piece[last])) < e.size {
		b.piece = append(b.piece, make([]byte, 0, max(blockSize, int(e.size))))
		last++
	}
	p := b.piece[last]
	e.part, e.at = int32(last), int64(len(p))
	p = append(p, head...)
	rest := p[len(p) : int(e.at)+int(e.size)]
	if _, err := io.ReadFull(r, rest); err != nil {
		return unexpected(err)
	}
	b.piece[last] = p[:len(p)+len(rest)]
	return nil
}

// openTar reads the index of a tar, or a tar.gz as a whole.
func openTar(path string, o Options) (*collection, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, pathless(err)
	}
	var magic [2]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil {
		return nil, unexpected(err)
	}
	if magic != [2]byte{0x1f, 0x8b} {
		l, err := indexTars([]*os.File{f}, o)
		return collect(l, shards{f}, o, err)
	}
	defer f.Close()
	memory := &blocks{limit: o.ram()}
	l, err := unpackTar(f, memory, o)
	if errors.Is(err, errRAM) {
		return openSpooled(path, f, o)
	}
	return collect(l, memory, o, err)
}

// collect makes a collection of the members of an archive: a binary data set if it holds one,
// WebDataset groups if images have sidecars, else class folders.
func collect(l *listing, s store, o Options, err error) (*collection, error) {
	if err != nil {
		return nil, err
	}
	if len(l.records) > 0 && len(l.entries) == 0 {
		return openRecords(l.records, s, o)
	}
	stripTop(l)
	if l.grouped() {
		return arrangeGroups(l, s, o)
	}
	for _, e := range l.sidecar {
		l.ignore(e.name)
	}
	return arrange(l, s, o)
}

// stripTop removes a single top folder, unless it is a split.
func stripTop(l *listing) {
	top := ""
	for i, e := range l.entries {
		first, _, deep := strings.Cut(e.name, "/")
		if !deep || i > 0 && first != top || splitNames[strings.ToLower(first)] != "" {
			return
		}
		top = first
	}
	for _, list := range [][]entry{l.entries, l.sidecar} {
		for i := range list {
			list[i].name = strings.TrimPrefix(list[i].name, top+"/")
		}
	}
}

// indexTars lists uncompressed tars, or takes their listing from the cache.
func indexTars(list []*os.File, o Options) (*listing, error) {
	var paths []string
	for _, f := range list {
		full, err := filepath.Abs(f.Name())
		if err != nil {
			return nil, err
		}
		paths = append(paths, full)
	}
	return cachedListing(strings.Join(paths, "\n"), o, func() (*listing, []string, error) {
		l, err := walkTars(list)
		return l, paths, err
	})
}

// walkTars reads the headers of tars. Between headers only the first bytes of members without an
// image's extension are read.
func walkTars(list []*os.File) (*listing, error) {
	l := newListing()
	for part, f := range list {
		err := members(f, l, func(e *entry, r io.Reader) (err error) {
			e.part = int32(part)
			e.at, err = f.Seek(0, io.SeekCurrent) // the reader does not read ahead
			if err != nil || claims(e.name) {
				return l.sort(e, nil, err)
			}
			var head [sniffLen]byte
			n, err := f.ReadAt(head[:min(int64(sniffLen), e.size)], e.at)
			if n > 0 && errors.Is(err, io.EOF) {
				err = nil
			}
			return l.sort(e, head[:n], err)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(f.Name()), err)
		}
	}
	return l, nil
}

// unpackTar reads a compressed tar from beginning to end and keeps what it needs of it.
func unpackTar(f io.Reader, memory *blocks, o Options) (*listing, error) {
	r, err := newGunzip(f)
	if err != nil {
		return nil, err
	}
	l := newListing()
	err = members(r, l, func(e *entry, r io.Reader) error {
		if e.size > o.maxBytes() && !isRecord(e.name) {
			if claims(e.name) {
				e.bad = fmt.Sprintf("%d bytes exceed max_bytes %d", e.size, o.maxBytes())
				l.entries = append(l.entries, *e)
				return nil
			}
			l.ignore(e.name)
			return nil
		}
		var b [sniffLen]byte
		head := b[:min(int64(sniffLen), e.size)]
		if _, err := io.ReadFull(r, head); err != nil {
			return unexpected(err)
		}
		if !wanted(e.name, head) {
			l.ignore(e.name)
			return nil
		}
		if err := memory.keep(e, head, r); err != nil {
			return err
		}
		return l.sort(e, head, nil)
	})
	return l, err
}

// members calls take for every regular member of a tar. Links and devices are ignored and counted;
// names are labels, never file names.
func members(r io.Reader, l *listing, take func(e *entry, r io.Reader) error) error {
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		// Names such as ../x are harmless here.
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return fmt.Errorf("tar: %w", unexpected(err))
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch {
		case n >= maxMembers:
			return fmt.Errorf("more than %d members", maxMembers)
		case len(name) > maxName:
			return fmt.Errorf("member %d has a name of %d bytes", n, len(name))
		case h.Typeflag == tar.TypeDir:
			continue
		case h.Typeflag != tar.TypeReg || h.PAXRecords["GNU.sparse.major"] != "" || h.PAXRecords["GNU.sparse.map"] != "":
			l.ignored["(link, device or sparse file)"]++
			continue
		case strings.HasPrefix(name, ".") || strings.Contains(name, "/."):
			l.hidden++
			continue
		}
		e := entry{name: name, size: h.Size}
		if err := take(&e, t); err != nil {
			return err
		}
	}
}

// sort puts a member that begins with head where it belongs.
func (l *listing) sort(e *entry, head []byte, err error) error {
	k, _ := sniff(head)
	switch {
	case err != nil:
		return unexpected(err)
	case k != unknown || claims(e.name):
		l.entries = append(l.entries, *e)
	case isRecord(e.name):
		l.records = append(l.records, *e)
	case isSidecar(e.name):
		l.sidecar = append(l.sidecar, *e)
	default:
		l.ignore(e.name)
	}
	return nil
}

// wanted says whether a member of a compressed archive is kept.
func wanted(name string, head []byte) bool {
	k, _ := sniff(head)
	return k != unknown || claims(name) || isRecord(name) || isSidecar(name)
}

// A gunzip is a gzip reader that gives up on bombs.
type gunzip struct {
	in  *countReader
	z   *gzip.Reader
	out int64
}

type countReader struct {
	r io.Reader
	n int64
}

func (c *countReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

func newGunzip(r io.Reader) (*gunzip, error) {
	in := &countReader{r: r}
	z, err := gzip.NewReader(bufio.NewReaderSize(in, 1<<16))
	if err != nil {
		return nil, err
	}
	return &gunzip{in: in, z: z}, nil
}

func (g *gunzip) Read(b []byte) (int, error) {
	n, err := g.z.Read(b)
	if g.out += int64(n); g.out > maxRatio*g.in.n+ratioSlack {
		return 0, fmt.Errorf("expands over %d times: refused as a bomb", maxRatio)
	}
	return n, err
}

// openSpooled writes the archive once, uncompressed, to the cache folder, where later runs find it.
func openSpooled(path string, f *os.File, o Options) (*collection, error) {
	spool, err := spoolName(path, f, o)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(spool); err != nil {
		if err := spoolTo(spool, f); err != nil {
			return nil, fmt.Errorf("unpacking to the cache: %w", err)
		}
	}
	t, err := os.Open(spool)
	if err != nil {
		return nil, err
	}
	l, err := indexTars([]*os.File{t}, o)
	return collect(l, shards{t}, o, err)
}

// spoolName is the place of an archive in the cache: a digest of its path, size and time.
func spoolName(path string, f *os.File, o Options) (string, error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	dir, err := cacheFolder(o)
	if err != nil {
		return "", err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d", full, info.Size(), info.ModTime().UnixNano()))
	return filepath.Join(dir, fmt.Sprintf("spool-%x.tar", sum[:12])), nil
}

// spoolTo unpacks to a temporary name first, so that a cut-off spool is never taken for a whole one.
func spoolTo(spool string, f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := newGunzip(f)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(spool), "spool-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	for {
		if free, ok := freeSpace(filepath.Dir(spool)); ok && free < 1<<30 {
			return fmt.Errorf("less than 1 GiB free in %s", filepath.Dir(spool))
		}
		if _, err := io.CopyN(tmp, r, 256<<20); err == io.EOF {
			break
		} else if err != nil {
			return unexpected(err)
		}
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), spool)
}

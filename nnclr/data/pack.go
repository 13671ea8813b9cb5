package data

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// A pack is a folder of uncompressed tars, which any WebDataset reader takes, with an index:
//
//	pack.json        what it is: Packed
//	shard-00000.tar  000000123.ppm (or .jpg, or the original bytes) and 000000123.cls
//	index.bin        24 bytes per image, little-endian: shard u32, offset of the payload u64,
//	                 size u32, width u16, height u16, label i32

const (
	packFormat = "kith-pack-1"
	indexRow   = 24
	// A label's member takes 1 KB: below this side they would double the size. The index has them.
	clsSide = 64
)

// Packed is the content of pack.json.
type Packed struct {
	Format       string   `json:"format"`
	Count        int      `json:"count"`
	Classes      []string `json:"classes"`
	Form         string   `json:"form"`
	ShortSide    int      `json:"short_side"`
	Filter       string   `json:"filter"`
	EXIF         string   `json:"exif"`
	Source       string   `json:"source"`
	SourceDigest string   `json:"source_digest"`
	Shards       []Shard  `json:"shards"`
}

// A Shard is one tar of a pack.
type Shard struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	Count  int    `json:"count"`
	SHA256 string `json:"sha256"`
}

// A Packer writes packs.
type Packer struct {
	Source     string  // as the user wrote it, for pack.json
	Form       string  // "" or "raw": PPM, no decoding later; "jpg": quality 90; "copy": as they are
	ShortSide  int     // shorter sides above this are reduced to it; 0: 256
	ShardBytes int64   // size of a shard; 0: 1 GiB
	Workers    int     // 0: one
	Options    Options // those the dataset was opened with
	Bad        *Bad    // where bad images are listed; they are left out
}

// Pack writes d to the folder dir, which must not exist: into dir.partial, which is renamed at the
// end. An interrupted pack goes on behind its last whole shard. The same data gives the same bytes.
func (p Packer) Pack(ctx context.Context, d Dataset, dir string) (*Packed, error) {
	if p.Form == "" {
		p.Form = "raw"
	}
	if p.Form != "raw" && p.Form != "jpg" && p.Form != "copy" {
		return nil, fmt.Errorf("pack form %q; there are raw, jpg, copy", p.Form)
	}
	p.ShortSide, p.Workers = orElse(p.ShortSide, 256), orElse(p.Workers, 1)
	p.ShardBytes = int64(orElse(int(p.ShardBytes), 1<<30))
	if p.Bad == nil {
		p.Bad = new(Bad)
	}
	if _, err := os.Stat(dir); err == nil {
		return nil, fmt.Errorf("%s exists", dir)
	}
	partial := dir + ".partial"
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return nil, err
	}
	exif := "apply"
	if p.Options.IgnoreEXIF {
		exif = "ignore"
	}
	w := &packWriter{Packer: p, d: d, dir: partial, info: Packed{
		Format: packFormat, Classes: ClassNames(d), Form: p.Form, ShortSide: p.ShortSide,
		Filter: Bicubic.String(), EXIF: exif, Source: p.Source, SourceDigest: Digest(d, p.Options),
	}}
	if err := w.run(ctx); err != nil {
		return nil, err
	}
	return &w.info, os.Rename(partial, dir)
}

func orElse(n, other int) int {
	if n > 0 {
		return n
	}
	return other
}

// A packWriter is the state of a pack being written.
type packWriter struct {
	Packer
	d     Dataset
	dir   string
	info  Packed
	index []byte
	next  int // image of d that is packed next

	// The shard being written.
	file  *os.File
	tar   *tar.Writer
	out   *countWriter
	rows  int // length of index when it began
	count int
}

// A countWriter counts and hashes what passes.
type countWriter struct {
	w io.Writer
	h hash.Hash
	n int64
}

func (c *countWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.h.Write(b[:n])
	return n, err
}

func (w *packWriter) run(ctx context.Context) error {
	if err := w.resume(); err != nil {
		return err
	}
	// Images are prepared by all workers and written by one, in order: the bytes of a shard do not
	// depend on the number of workers.
	batch := make([]packItem, 16*w.Workers)
	for w.next < w.d.Len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(batch), w.d.Len()-w.next)
		w.prepare(batch[:n])
		for i := range n {
			if err := w.add(&batch[i]); err != nil {
				return err
			}
			w.next++
		}
	}
	if err := w.closeShard(); err != nil {
		return err
	}
	w.info.Count = len(w.index) / indexRow
	if w.info.Count == 0 {
		return errors.New("no usable image to pack")
	}
	text, err := json.MarshalIndent(&w.info, "", "  ")
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(w.dir, "index.bin"), w.index); err != nil {
		return err
	}
	// pack.json comes last: without it the folder is no pack.
	if err := writeSynced(filepath.Join(w.dir, "pack.json"), append(text, '\n')); err != nil {
		return err
	}
	for i := range w.info.Shards {
		os.Remove(w.progress(i))
	}
	return nil
}

// A packItem is one image on its way into a shard.
type packItem struct {
	pic   Picture
	b     []byte
	label int
	bad   bool
}

// prepare reads and encodes the next images, each worker every Workers-th of them.
func (w *packWriter) prepare(items []packItem) {
	var group sync.WaitGroup
	for g := range w.Workers {
		group.Go(func() {
			for i := g; i < len(items); i += w.Workers {
				err := w.encode(&items[i], w.next+i)
				w.Bad.note(w.d, w.next+i, err)
				items[i].bad = err != nil
			}
		})
	}
	group.Wait()
}

func (w *packWriter) encode(it *packItem, i int) (err error) {
	if it.label, err = Read(w.d, i, &it.pic); err != nil {
		return err
	}
	if it.pic.W > 65535 || it.pic.H > 65535 {
		return fmt.Errorf("%d×%d pixels; a pack holds sides up to 65535", it.pic.W, it.pic.H)
	}
	if w.Form == "copy" {
		o, ok := w.d.(Opener)
		if !ok {
			return errors.New("no encoded form to copy")
		}
		it.b, _, err = o.Open(i)
		return err
	}
	p := reduce(&it.pic, w.ShortSide)
	it.pic.W, it.pic.H, it.pic.Pix = p.W, p.H, p.Pix
	var buf bytes.Buffer
	if w.Form == "jpg" {
		err = jpeg.Encode(&buf, p, &jpeg.Options{Quality: 90})
	} else {
		fmt.Fprintf(&buf, "P6\n%d %d\n255\n", p.W, p.H)
		buf.Write(p.Pix)
	}
	it.b = buf.Bytes()
	return err
}

// reduce makes the shorter side short, if it is longer.
func reduce(p *Picture, short int) *Picture {
	if min(p.W, p.H) <= short {
		return p
	}
	var d Draw
	d.shorter(p.W, p.H, short, short)
	return Scale(p, Bicubic, d.Out[0], d.Out[1])
}

// add appends an image to the shard, or to a new one if it is full.
func (w *packWriter) add(it *packItem) error {
	if it.bad {
		return nil
	}
	if w.file != nil && w.out.n+int64(len(it.b))+4096 > w.ShardBytes {
		if err := w.closeShard(); err != nil {
			return err
		}
	}
	if w.file == nil {
		if err := w.openShard(); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("%09d", len(w.index)/indexRow)
	at, err := w.member(name+w.suffix(it.b), it.b)
	if err != nil {
		return err
	}
	row := binary.LittleEndian.AppendUint32(w.index, uint32(len(w.info.Shards)))
	row = binary.LittleEndian.AppendUint64(row, uint64(at))
	row = binary.LittleEndian.AppendUint32(row, uint32(len(it.b)))
	row = binary.LittleEndian.AppendUint16(row, uint16(it.pic.W))
	row = binary.LittleEndian.AppendUint16(row, uint16(it.pic.H))
	w.index = binary.LittleEndian.AppendUint32(row, uint32(int32(it.label)))
	w.count++
	if it.label >= 0 && min(it.pic.W, it.pic.H) >= clsSide {
		_, err = w.member(name+".cls", fmt.Append(nil, it.label))
	}
	return err
}

// suffix is the extension of a payload.
func (w *packWriter) suffix(b []byte) string {
	switch k, _ := sniff(b); k {
	case jpegKind:
		return ".jpg"
	case pngKind:
		return ".png"
	case gifKind:
		return ".gif"
	case webpKind:
		return ".webp"
	case bmpKind:
		return ".bmp"
	case tiffKind:
		return ".tif"
	}
	return ".ppm"
}

// member writes one file of the tar and returns where its payload begins.
func (w *packWriter) member(name string, b []byte) (at int64, err error) {
	// No time and no owner: equal data, equal bytes. USTAR headers take one block, so the payload
	// begins right behind.
	h := tar.Header{Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: name, Size: int64(len(b)), Mode: 0o644}
	if err := w.tar.WriteHeader(&h); err != nil {
		return 0, err
	}
	at = w.out.n
	_, err = w.tar.Write(b)
	return at, err
}

func (w *packWriter) shard(i int) string { return fmt.Sprintf("shard-%05d.tar", i) }

// progress is the file that says that shard i is whole: its entry in pack.json, and the index so
// far.
func (w *packWriter) progress(i int) string {
	return filepath.Join(w.dir, fmt.Sprintf("shard-%05d.done", i))
}

func (w *packWriter) openShard() (err error) {
	w.file, err = os.Create(filepath.Join(w.dir, w.shard(len(w.info.Shards))))
	if err != nil {
		return err
	}
	w.out = &countWriter{w: w.file, h: sha256.New()}
	w.tar = tar.NewWriter(w.out)
	w.rows, w.count = len(w.index), 0
	return nil
}

// done is the content of a progress file.
type done struct {
	Digest string // of the source: another one must not be continued
	Form   string
	Side   int
	Next   int
	Shard  Shard
	Rows   []byte
}

func (w *packWriter) closeShard() error {
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.tar.Close(), w.file.Sync(), w.file.Close())
	w.file = nil
	if err != nil {
		return err
	}
	// The shard is on disk; now the note that says so. In the other order a crash between the two
	// would leave a note about a shard that is not whole.
	s := Shard{w.shard(len(w.info.Shards)), w.out.n, w.count, hex.EncodeToString(w.out.h.Sum(nil))}
	text, err := json.Marshal(done{w.info.SourceDigest, w.Form, w.ShortSide, w.next, s, w.index[w.rows:]})
	if err != nil {
		return err
	}
	at := w.progress(len(w.info.Shards))
	w.info.Shards = append(w.info.Shards, s)
	return writeSynced(at, text)
}

// resume takes up the whole shards of an earlier attempt at the same pack.
func (w *packWriter) resume() error {
	for i := 0; ; i++ {
		text, err := os.ReadFile(w.progress(i))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		var p done
		if err := json.Unmarshal(text, &p); err != nil {
			return nil // cut off while it was written: this shard is written again
		}
		if p.Digest != w.info.SourceDigest || p.Form != w.Form || p.Side != w.ShortSide {
			return fmt.Errorf("%s holds the beginning of another pack; remove it", w.dir)
		}
		info, err := os.Stat(filepath.Join(w.dir, p.Shard.File))
		if err != nil || info.Size() != p.Shard.Bytes {
			return nil
		}
		w.info.Shards, w.index, w.next = append(w.info.Shards, p.Shard), append(w.index, p.Rows...), p.Next
	}
}

func writeSynced(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

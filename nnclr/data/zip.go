package data

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A zipped store reads members of a zip, each on its own.
type zipped struct{ file []*zip.File }

func (z *zipped) read(e *entry, buf *[]byte) ([]byte, error) {
	r, err := z.file[e.part].Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := scratch(buf, int(e.size))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, unexpected(err)
	}
	// One more read checks the sum at the end, and that the size was told right.
	var more [1]byte
	if n, err := r.Read(more[:]); n > 0 || err != io.EOF {
		return nil, errors.Join(errors.New("zip: damaged member"), err)
	}
	return b, nil
}

// openZip lists a zip like a folder.
func openZip(path string, o Options) (*collection, error) {
	r, err := zip.OpenReader(path)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, pathless(err)
	}
	if len(r.File) > maxMembers {
		return nil, fmt.Errorf("more than %d members", maxMembers)
	}
	l, z := newListing(), &zipped{r.File}
	for i, f := range r.File {
		if err := l.zipMember(z, i, f); err != nil {
			return nil, err
		}
	}
	stripTop(l)
	return arrange(l, z, o)
}

func (l *listing) zipMember(z *zipped, i int, f *zip.File) error {
	e := entry{name: strings.TrimPrefix(f.Name, "./"), part: int32(i), size: int64(f.UncompressedSize64)}
	switch {
	case len(f.Name) > maxName:
		return fmt.Errorf("member %d has a name of %d bytes", i, len(f.Name))
	case strings.HasSuffix(f.Name, "/"):
		return nil
	case !f.Mode().IsRegular():
		l.ignored["(link or device)"]++
		return nil
	case strings.HasPrefix(e.name, ".") || strings.Contains(e.name, "/.") || strings.HasPrefix(e.name, "__MACOSX/"):
		l.hidden++
		return nil
	case f.UncompressedSize64 > maxRatio*f.CompressedSize64+ratioSlack:
		// Only this member is bad: the others can be read without it.
		e.bad = fmt.Sprintf("expands over %d times: refused as a bomb", maxRatio)
	}
	if claims(e.name) {
		l.entries = append(l.entries, e)
		return nil
	}
	r, err := f.Open()
	if err != nil || e.bad != "" {
		l.ignore(e.name)
		return nil
	}
	defer r.Close()
	var head [sniffLen]byte
	n, _ := io.ReadFull(r, head[:])
	if k, _ := sniff(head[:n]); k != unknown {
		l.entries = append(l.entries, e)
		return nil
	}
	l.ignore(e.name)
	return nil
}

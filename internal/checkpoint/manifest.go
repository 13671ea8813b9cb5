package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	manifestName  = "MANIFEST.json"
	manifestLimit = 1 << 20 // bytes; a real one has about 1 KB
	format        = 1       // of the folder; a reader refuses what it does not know
)

// A Manifest lists what a checkpoint folder holds. It is written last, so a folder without one was
// never finished.
type Manifest struct {
	Format       int            `json:"format"`
	Step         int            `json:"step"`
	Files        map[string]Sum `json:"files"`
	ConfigDigest string         `json:"config_digest"`
	DataDigest   string         `json:"data_digest"`
	CodeVersion  string         `json:"code_version"`
	// Self is the SHA-256 of the manifest's own text with this field empty. Without it a flipped bit
	// in a digest would go unnoticed.
	Self string `json:"sha256"`
}

// A Sum is what a file must look like.
type Sum struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// encode gives the manifest's text, one line a field, keys of maps sorted.
func (m Manifest) encode() []byte {
	m.Self = m.sum()
	return m.text()
}

// sum is the hash of the text without a hash in it.
func (m Manifest) sum() string {
	m.Self = ""
	h := sha256.Sum256(m.text())
	return hex.EncodeToString(h[:])
}

// text is indented so that a person who looks into a checkpoint can read it.
func (m Manifest) text() []byte {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		panic(err) // strings and whole numbers always encode
	}
	return append(b, '\n')
}

// parseManifest reads a manifest of a step. The text must be the very one that encode gives: a
// manifest is never edited, so any other spelling is damage.
func parseManifest(text []byte, step int) (*Manifest, error) {
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("not a manifest: %w", err)
	}
	switch {
	case m.Format != format:
		return nil, fmt.Errorf("format %d, this version of kith reads format %d", m.Format, format)
	case !bytes.Equal(m.encode(), text):
		return nil, errors.New("hash of the manifest itself differs")
	case m.Step != step:
		return nil, fmt.Errorf("manifest is of step %d", m.Step)
	case len(m.Files) == 0:
		return nil, errors.New("manifest lists no files")
	}
	for name, sum := range m.Files {
		if err := checkName(name); err != nil {
			return nil, err
		}
		if sum.Size < 0 || len(sum.SHA256) != 2*sha256.Size {
			return nil, fmt.Errorf("%s: size %d and hash %q make no sense", name, sum.Size, sum.SHA256)
		}
	}
	return &m, nil
}

// checkName refuses names that lead out of the folder or mean something to it.
func checkName(name string) error {
	if name == "" || name == manifestName || strings.HasPrefix(name, ".") || !utf8.ValidString(name) ||
		strings.ContainsAny(name, "/\\:\x00") || !filepath.IsLocal(name) {
		return fmt.Errorf("%q is no name for a file of a checkpoint", name)
	}
	return nil
}

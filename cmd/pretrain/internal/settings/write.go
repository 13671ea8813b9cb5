package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// WriteYAML writes every setting with its origin behind it, but those that say which directory: given to -c the text
// makes the same run elsewhere, whatever the recipes of a later version say.
func (s *Settings) WriteYAML(w io.Writer) error {
	var b strings.Builder
	section := ""
	for _, f := range Fields() {
		name, indent := f.Key, ""
		if head, tail, nested := strings.Cut(f.Key, "."); nested {
			if head != section {
				fmt.Fprintf(&b, "%s:\n", head)
			}
			section, name, indent = head, tail, "  "
		} else {
			section = ""
		}
		if s.unused(f.Key) {
			continue
		}
		fmt.Fprintf(&b, "%-40s # %s\n", indent+name+": "+f.yaml(&s.Train), s.origin[f.Key])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Settings) unused(key string) bool {
	switch key {
	case "out", "name", "resume", "dry_run":
		return true
	case "epochs": // two lengths in one file would contradict each other
		return s.Epochs == 0
	case "steps":
		return s.Steps == 0
	case "budget":
		return s.Budget == 0
	}
	return false
}

// yaml is the value as YAML reads it back.
func (f Field) yaml(t *Train) string {
	texts := slices.Clone(f.texts(t))
	for i, x := range texts {
		texts[i] = quote(x)
	}
	if f.Repeats() {
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return texts[0]
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./+-]*$`)

// quote leaves plain words and numbers alone; everything else goes between quotes that YAML and Go read alike.
func quote(text string) string {
	if plain.MatchString(text) || strings.HasPrefix(text, "-") && plain.MatchString(text[1:]) {
		return text
	}
	return strconv.Quote(text)
}

// Digest is a SHA-256 over all settings that can change a result: runs with equal digests over equal data are
// the same run.
func (s *Settings) Digest() string {
	h := sha256.New()
	for _, f := range Fields() {
		if !f.Neutral && f.Key != "recipe" { // the recipe's name changes nothing; its values are all here
			fmt.Fprintf(h, "%s=%q\n", f.Key, f.texts(&s.Train))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A Change is a setting in which two runs differ.
type Change struct{ Key, Old, New string }

// Changes lists the settings that can change a result and differ from old to s, in the order of the struct.
func (s *Settings) Changes(old *Settings) (out []Change) {
	for _, f := range Fields() {
		if a, b := f.Text(&old.Train), f.Text(&s.Train); a != b && !f.Neutral && f.Key != "recipe" {
			out = append(out, Change{f.Key, a, b})
		}
	}
	return out
}

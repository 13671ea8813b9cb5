package settings

import (
	"errors"
	"testing"
)

// FuzzYAML: whatever a file holds, reading it gives settings or an *Error that names the file, and never a panic.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		recipe, "", "#", "a: {b: c}", "a: [1, 2]", "a:\n  b:\n    c: 1", "? x\n: y", "&a a: *a", "a: |\n  text", "---\na: 1\n---\nb: 2",
		"a: \"", "{", "a: 1\na: 2", "\t", "a: !!binary x", "<<: *x", "a: 'it''s'", "\xff\xfe", "- - -", "a: >-\n\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		layer, err := parseYAML("my.yaml", []byte(text))
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("error of type %T: %v", err, err)
		}
		for _, a := range layer {
			if a.Key == "" && len(a.Texts) == 0 {
				t.Fatalf("an assignment of nothing: %+v", a)
			}
		}
	})
}

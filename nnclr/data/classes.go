package data

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Splits, by their canonical names. "" is all of a source without splits.
const (
	train     = "train"
	val       = "val"
	test      = "test"
	unlabeled = "unlabeled"
)

// splitNames maps folder names to splits.
var splitNames = map[string]string{
	"train": train, "training": train,
	"val": val, "valid": val, "validation": val,
	"test": test, "unlabeled": unlabeled,
}

// A collection is an opened source: its images by split.
type collection struct {
	splits  map[string]Dataset
	classes []string
	notes   []string
}

// arrange reads splits and labels from the paths of a listing.
func arrange(l *listing, s store, o Options) (*collection, error) {
	// Byte order of whole paths, on every system: image ids must not depend on how a directory or
	// an archive happens to be sorted.
	slices.SortFunc(l.entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for i := range l.entries {
		e := &l.entries[i]
		top, _, deep := strings.Cut(e.name, "/")
		if deep {
			e.split = splitNames[strings.ToLower(top)]
		}
		e.label = -1
	}
	c := &collection{notes: l.notes()}
	if o.Labels != "none" && !o.labelTable() {
		c.label(l.entries)
	}
	return c.divide(l, s, o)
}

// divide makes a dataset of each split's entries.
func (c *collection) divide(l *listing, s store, o Options) (*collection, error) {
	if len(l.entries) == 0 {
		return nil, fmt.Errorf("no images; other files: %s", counts(l.ignored))
	}
	c.splits = make(map[string]Dataset)
	by := make(map[string][]entry)
	for _, e := range l.entries {
		by[e.split] = append(by[e.split], e)
	}
	for name, entries := range by {
		c.splits[name] = &files{entries: entries, classes: c.classes, store: s, o: o}
	}
	return c, nil
}

// label makes classes of the first-level folders (inside a split), in byte order, if every image
// lies in one, and if there are 2 to 5,000 of them with at least 2 images on average. A split that
// does not fit keeps label -1.
func (c *collection) label(entries []entry) {
	folders := make(map[string]map[string]int) // split → folder → images
	flat := make(map[string]bool)              // splits with images outside of folders
	for i := range entries {
		e := &entries[i]
		class, ok := e.class()
		if e.bad != "" {
			continue
		}
		if !ok || e.split == unlabeled {
			flat[e.split] = true
			continue
		}
		if folders[e.split] == nil {
			folders[e.split] = make(map[string]int)
		}
		folders[e.split][class]++
	}
	all := make(map[string]int)
	// Thousands of folders with an image each are people or products, not classes.
	for split, f := range folders {
		n := 0
		for _, images := range f {
			n += images
		}
		if flat[split] || len(f) < 2 || len(f) > 5000 || n < 2*len(f) {
			delete(folders, split)
			continue
		}
		for class := range f {
			all[class]++
		}
	}
	if len(folders) == 0 {
		return
	}
	c.classes = slices.Sorted(maps.Keys(all))
	for i := range entries {
		e := &entries[i]
		if class, ok := e.class(); ok && folders[e.split] != nil {
			id, _ := slices.BinarySearch(c.classes, class)
			e.label = int32(id)
		}
	}
	c.notes = append(c.notes, fmt.Sprintf("labels: %d classes from folder names, for scoring only", len(c.classes)))
	c.compare(all, len(folders))
}

// compare warns of classes that only one of several splits has.
func (c *collection) compare(all map[string]int, splits int) {
	var lonely []string
	for class, n := range all {
		if n < splits {
			lonely = append(lonely, class)
		}
	}
	if len(lonely) > 0 {
		slices.Sort(lonely)
		c.notes = append(c.notes, fmt.Sprintf("warning: %d classes are not in every split, such as %q", len(lonely), lonely[0]))
	}
}

// class is the first folder of the path inside its split.
func (e *entry) class() (string, bool) {
	name := e.name
	if e.split != "" {
		_, name, _ = strings.Cut(name, "/")
	}
	class, _, ok := strings.Cut(name, "/")
	return class, ok
}

// counts lists numbers by name, largest first.
func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	names := slices.Collect(maps.Keys(m))
	slices.SortFunc(names, func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	var s []string
	for i, name := range names {
		if i == 8 {
			s = append(s, "…")
			break
		}
		s = append(s, fmt.Sprintf("%d %s", m[name], name))
	}
	return strings.Join(s, ", ")
}

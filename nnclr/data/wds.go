package data

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// WebDataset: tars in which a sample is a group of members with the same name up to the first dot
// of the base name: 0001.jpg, 0001.cls.

// isSidecar says whether a member may carry the label or caption of an image.
func isSidecar(name string) bool {
	switch groupExtension(name) {
	case ".cls", ".json", ".txt":
		return true
	}
	return false
}

// groupKey is the name of a member's group.
func groupKey(name string) string { return strings.TrimSuffix(name, groupExtension(name)) }

// groupExtension is what follows the first dot of the base name, with the dot, in lower case.
func groupExtension(name string) string {
	b := base(name)
	if i := strings.IndexByte(b, '.'); i >= 0 {
		return strings.ToLower(b[i:])
	}
	return ""
}

// imageOrder is which image of a group is taken, best first.
var imageOrder = []string{".jpg", ".jpeg", ".png", ".webp", ".ppm", ".bmp", ".gif"}

// grouped says whether any image has a sidecar.
func (l *listing) grouped() bool {
	if len(l.sidecar) == 0 {
		return false
	}
	image := make(map[string]bool, len(l.entries))
	for _, e := range l.entries {
		image[groupKey(e.name)] = true
	}
	return slices.ContainsFunc(l.sidecar, func(e entry) bool { return image[groupKey(e.name)] })
}

// A group is one sample.
type group struct {
	image *entry
	side  []*entry
}

// arrangeGroups makes a collection of WebDataset groups. Shards keep their order, and so do the
// samples in them.
func arrangeGroups(l *listing, s store, o Options) (*collection, error) {
	// The same name in two shards is two samples, so the shard belongs to the key.
	var keys []string // in order of appearance
	groups := make(map[string]*group)
	find := func(e *entry) *group {
		key := fmt.Sprintf("%d/%s", e.part, groupKey(e.name))
		if groups[key] == nil {
			groups[key] = new(group)
			keys = append(keys, key)
		}
		return groups[key]
	}
	for i := range l.entries {
		e := &l.entries[i]
		if g := find(e); g.image == nil || rank(e) < rank(g.image) {
			g.image = e
		}
	}
	for i := range l.sidecar {
		g := find(&l.sidecar[i])
		g.side = append(g.side, &l.sidecar[i])
	}
	var images []entry
	var labels []string
	without := 0
	for _, key := range keys {
		g := groups[key]
		if g.image == nil {
			without++
			continue
		}
		label, err := g.label(s)
		if err != nil {
			g.image.bad = err.Error()
		}
		images, labels = append(images, *g.image), append(labels, label)
	}
	c := &collection{notes: l.notes()}
	if without > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%d groups without an image", without))
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("no images in %d groups, such as %q", len(keys), keys[:min(3, len(keys))])
	}
	c.name(images, labels, o)
	l.entries = images
	return c.divide(l, s, o)
}

func rank(e *entry) int {
	if i := slices.Index(imageOrder, groupExtension(e.name)); i >= 0 {
		return i
	}
	return len(imageOrder)
}

// label reads the group's .cls, or the key "label" of its .json; "" if it has neither.
func (g *group) label(s store) (string, error) {
	for _, e := range g.side {
		ext := groupExtension(e.name)
		if ext == ".txt" || e.size > 1<<20 { // captions; and no label takes a megabyte
			continue
		}
		b, err := s.read(e, nil)
		if err != nil {
			return "", fmt.Errorf("label: %w", err)
		}
		if ext == ".cls" {
			return strings.TrimSpace(string(b)), nil
		}
		var fields map[string]any
		if err := json.Unmarshal(b, &fields); err != nil {
			return "", fmt.Errorf("label: %w", err)
		}
		if v, ok := fields["label"]; ok {
			return fmt.Sprint(v), nil
		}
	}
	return "", nil
}

// name turns label texts into class ids: integers in numeric order, else names in byte order.
func (c *collection) name(entries []entry, labels []string, o Options) {
	unique := slices.Clone(labels)
	slices.Sort(unique)
	unique = slices.DeleteFunc(slices.Compact(unique), func(s string) bool { return s == "" })
	number := func(s string) (int, bool) { n, err := strconv.Atoi(s); return n, err == nil }
	if !slices.ContainsFunc(unique, func(s string) bool { _, ok := number(s); return !ok }) {
		slices.SortFunc(unique, func(a, b string) int { x, _ := number(a); y, _ := number(b); return x - y })
	}
	if o.Labels == "none" {
		unique = nil
	}
	id := make(map[string]int32, len(unique))
	for i, s := range unique {
		id[s] = int32(i)
	}
	for i := range entries {
		entries[i].label = -1
		if n, ok := id[labels[i]]; ok {
			entries[i].label = n
		}
	}
	c.classes = unique
}

// openWDS opens a list of shards: a::b, with {0000..0012} and globs in each.
func openWDS(pattern string, o Options) (*collection, error) {
	var list []*os.File
	for _, p := range strings.Split(pattern, "::") {
		names, err := expand(p)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				return nil, fmt.Errorf("shard %s: %w", name, pathless(err))
			}
			list = append(list, f)
		}
	}
	l, err := indexTars(list, o)
	if err != nil {
		return nil, err
	}
	return arrangeGroups(l, shards(list), o)
}

// expand spells out braces, {0000..2175} and {a,b}, and then globs; the shell is not asked.
func expand(pattern string) ([]string, error) {
	open := strings.IndexByte(pattern, '{')
	if open < 0 {
		if !strings.ContainsAny(pattern, "*?[") {
			return []string{pattern}, nil
		}
		names, err := filepath.Glob(pattern)
		if err == nil && len(names) == 0 {
			err = fmt.Errorf("no shard matches %q", pattern)
		}
		return names, err
	}
	end := strings.IndexByte(pattern[open:], '}')
	if end < 0 {
		return nil, fmt.Errorf("%q: no closing brace", pattern)
	}
	end += open
	choices, err := choices(pattern[open+1 : end])
	if err != nil {
		return nil, fmt.Errorf("%q: %w", pattern, err)
	}
	var all []string
	for _, c := range choices {
		names, err := expand(pattern[:open] + c + pattern[end+1:])
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	return all, nil
}

// choices spells out the inside of a pair of braces.
func choices(text string) ([]string, error) {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return strings.Split(text, ","), nil
	}
	a, err1 := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil || a < 0 || b < a || b-a >= 1_000_000 {
		return nil, fmt.Errorf("expected a range of numbers, not {%s}", text)
	}
	var list []string
	for i := a; i <= b; i++ {
		list = append(list, fmt.Sprintf("%0*d", len(from), i))
	}
	return list, nil
}

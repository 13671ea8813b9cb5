package plan

import (
	"cmp"
	"slices"

	"kith/tensor"
)

// A room is where values live that share memory: a symbol, and those that take its place in turn
// when an op overwrites its input.
type room struct {
	from, to      int // the first and the last instruction that names it
	bytes, offset int
}

// A layout says where in an arena each symbol is.
type layout struct {
	rooms map[*symbol]*room
	bytes int // of the arena
}

// align fits every backend. One such piece of air behind a large tensor keeps equally shaped ones
// from falling on the same lines of a cache.
const align = 256

func padded(bytes int) int {
	n := (bytes + align - 1) &^ (align - 1)
	if bytes >= 4096 {
		n += align
	}
	return max(n, align)
}

// place gives every symbol of p its room: those that live at the same time have different places.
func place(p []tensor.Instr) layout {
	l := layout{rooms: map[*symbol]*room{}}
	last := lastUse(p)
	var order []*room
	for n, i := range p {
		taken := map[*room]bool{}
		for k, t := range i.Out {
			s, ok := bufferOf(t).(*symbol)
			if !ok {
				continue
			}
			r := l.rooms[s]
			if r == nil {
				r = l.inherit(i, k, n, last, taken)
			}
			if r == nil {
				r = &room{from: n, bytes: padded(s.bytes)}
				order = append(order, r)
			}
			l.rooms[s] = r
			r.to = max(r.to, last[s], n)
		}
	}
	slices.SortStableFunc(order, func(a, b *room) int { return cmp.Compare(b.bytes, a.bytes) })
	l.pack(order)
	return l
}

// lastUse is the last instruction that names each symbol.
func lastUse(p []tensor.Instr) map[*symbol]int {
	last := map[*symbol]int{}
	for n, i := range p {
		for _, ts := range [][]*tensor.Tensor{i.Out, i.In} {
			for _, t := range ts {
				if s, ok := bufferOf(t).(*symbol); ok {
					last[s] = n
				}
			}
		}
	}
	return last
}

// inherit is the room of an input that dies at instruction n and that output k may overwrite. Sums of
// branches and gradients are computed in place so: reading and writing one line of cache instead of
// two is twice as fast where memory is what is waited for.
func (l *layout) inherit(i tensor.Instr, k, n int, last map[*symbol]int, taken map[*room]bool) *room {
	if !whole(i.Out[k]) {
		return nil
	}
	for _, t := range i.In {
		s, ok := bufferOf(t).(*symbol)
		if !ok || last[s] != n || s.bytes != i.Out[k].Bytes() {
			continue
		}
		if r := l.rooms[s]; r != nil && !taken[r] && overwrites(i, k, s) {
			taken[r] = true
			return r
		}
	}
	return nil
}

// pack gives each room the lowest place that is free for all its life, the largest first: small ones
// find room between them. On training steps that is within 1 % of the most that lives at one time,
// below which nothing can go.
func (l *layout) pack(order []*room) {
	var placed []*room // by offset
	for _, r := range order {
		for _, o := range placed {
			if o.to < r.from || r.to < o.from {
				continue
			}
			if o.offset-r.offset >= r.bytes {
				break
			}
			r.offset = max(r.offset, o.offset+o.bytes)
		}
		at, _ := slices.BinarySearchFunc(placed, r, func(a, b *room) int { return cmp.Compare(a.offset, b.offset) })
		placed = slices.Insert(placed, at, r)
		l.bytes = max(l.bytes, r.offset+r.bytes)
	}
}

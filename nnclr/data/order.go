package data

import (
	"slices"

	"kith/tensor/rng"
)

// Sequencer is implemented by datasets that choose the order of an epoch themselves. Order returns
// every index once, as a function of the key alone; nil where any order will do.
type Sequencer interface{ Order(k rng.Key) []int }

// order is the order of an epoch: a permutation, or the dataset's own.
func order(d Dataset, k rng.Key) []int {
	if list := ownOrder(d, k); list != nil {
		return list
	}
	return k.Stream().Perm(d.Len())
}

// ownOrder is the order that a dataset chooses, nil where it leaves that to others.
func ownOrder(d Dataset, k rng.Key) []int {
	if s, ok := d.(Sequencer); ok {
		return s.Order(k)
	}
	return nil
}

// shuffleBuffer is how many images of order=shard are mixed with each other.
const shuffleBuffer = 10_000

// Order permutes the shards, reads each in sequence, and mixes neighbors in a buffer, if that was
// asked for: network disks are fast only in sequence. nil means any order will do.
func (f *files) Order(k rng.Key) []int {
	if f.o.Order != "shard" {
		return nil
	}
	var parts [][]int // indices by shard
	at := make(map[int32]int)
	for i := range f.entries {
		part := f.entries[i].part
		p, ok := at[part]
		if !ok {
			p = len(parts)
			at[part], parts = p, append(parts, nil)
		}
		parts[p] = append(parts[p], i)
	}
	list := make([]int, 0, len(f.entries))
	for _, p := range k.Fold("shards").Stream().Perm(len(parts)) {
		list = append(list, parts[p]...)
	}
	return mix(list, k.Fold("buffer").Stream(), shuffleBuffer)
}

// Order is the order of the whole set, without what is not in the subset.
func (s *subset) Order(k rng.Key) []int {
	whole := ownOrder(s.of, k)
	if whole == nil {
		return nil
	}
	place := make([]int, len(whole))
	for at, i := range whole {
		place[i] = at
	}
	list := make([]int, len(s.index))
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, func(a, b int) int { return place[s.index[a]] - place[s.index[b]] })
	return list
}

// Order goes through all parts at once, each in its own order: one part after another would train on
// one source at a time.
func (j *joined) Order(k rng.Key) []int {
	lists, asked := make([][]int, len(j.part)), false
	for p, d := range j.part {
		lists[p] = ownOrder(d, k.At(uint64(p)))
		asked = asked || lists[p] != nil
	}
	if !asked {
		return nil
	}
	for p, d := range j.part {
		if lists[p] == nil {
			lists[p] = k.At(uint64(p)).Stream().Perm(d.Len())
		}
	}
	draw, merged := k.Fold("parts").Stream(), make([]int, 0, j.Len())
	for left := j.Len(); left > 0; left-- {
		p, n := 0, draw.IntN(left)
		for ; n >= len(lists[p]); p++ {
			n -= len(lists[p])
		}
		merged = append(merged, j.start[p]+lists[p][0])
		lists[p] = lists[p][1:]
	}
	return merged
}

// mix draws each next element from a buffer of n that is filled in order.
func mix(list []int, s *rng.Stream, n int) []int {
	n = min(n, len(list))
	buffer := append([]int(nil), list[:n]...)
	out := make([]int, 0, len(list))
	for _, x := range list[n:] {
		i := s.IntN(n)
		out = append(out, buffer[i])
		buffer[i] = x
	}
	for _, i := range s.Perm(n) {
		out = append(out, buffer[i])
	}
	return out
}

package data

import "kith/tensor/rng"

// Sequencer is implemented by datasets that choose the order of an epoch themselves. Order returns
// every index once, as a function of the key alone.
type Sequencer interface{ Order(k rng.Key) []int }

// order is the order of an epoch: a permutation, or the dataset's own.
func order(d Dataset, k rng.Key) []int {
	if s, ok := d.(Sequencer); ok {
		if list := s.Order(k); list != nil {
			return list
		}
	}
	return k.Stream().Perm(d.Len())
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

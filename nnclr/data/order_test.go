package data

import (
	"runtime"
	"slices"
	"testing"

	"kith/tensor/rng"
)

// TestShardOrder: every image once, shards one after another as far as the buffer lets them, and
// the same for equal keys.
func TestShardOrder(t *testing.T) {
	const shardsN, each = 40, 1000
	f := &files{o: Options{Order: "shard"}}
	for i := range shardsN * each {
		f.entries = append(f.entries, entry{part: int32(i / each)})
	}
	key := rng.New(1)
	got := order(f, key)
	if !slices.Equal(got, order(f, key)) {
		t.Error("the same key gives two orders")
	}
	if slices.Equal(got, order(f, rng.New(2))) {
		t.Error("two keys give the same order")
	}
	sorted := slices.Clone(got)
	slices.Sort(sorted)
	for i, x := range sorted {
		if i != x {
			t.Fatalf("place %d holds %d: not a permutation", i, x)
		}
	}
	// When image n is given out, at most n + buffer images have been read: that many shards at most.
	seen := map[int]bool{}
	for n, i := range got[:shardsN*each-shuffleBuffer] {
		seen[i/each] = true
		if limit := (n+shuffleBuffer)/each + 1; len(seen) > limit {
			t.Fatalf("after %d images %d shards are open, want at most %d", n, len(seen), limit)
		}
	}
	f.o.Order = ""
	if !slices.Equal(order(f, key), key.Stream().Perm(shardsN*each)) {
		t.Error("order=global is not the permutation of the key")
	}
}

// TestMemoryStaysFlat over epochs: what is allocated after the first does not grow.
func TestMemoryStaysFlat(t *testing.T) {
	d, err := Patches("test")
	if err != nil {
		t.Fatal(err)
	}
	views, _ := Preset("demo", 8)
	l := &Loader{Data: d, Views: views, Size: 256, Workers: 2, Key: rng.New(1)}
	heap := func(e int) uint64 {
		for _, err := range l.Epoch(e, 0) {
			if err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	heap(0)
	first := heap(1)
	heap(2)
	if last := heap(3); last > first+1<<20 {
		t.Errorf("heap grows from %d to %d bytes in two epochs", first, last)
	}
}

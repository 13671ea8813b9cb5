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

// TestPartsOfShards: what is kept of a set, and sets that are joined, keep to the order of shards.
func TestPartsOfShards(t *testing.T) {
	shards := func(order string, n int) *files {
		f := &files{o: Options{Order: order}}
		for i := range n {
			f.entries = append(f.entries, entry{part: int32(i / 100)})
		}
		return f
	}
	k := rng.New(5)
	whole := shards("shard", 600).Order(k)
	kept := []int{599, 3, 3, 250}
	got := Subset(shards("shard", 600), kept).(Sequencer).Order(k)
	want := []int{0, 1, 2, 3}
	slices.SortStableFunc(want, func(a, b int) int { return slices.Index(whole, kept[a]) - slices.Index(whole, kept[b]) })
	if !slices.Equal(got, want) {
		t.Errorf("subset in order %v, want %v", got, want)
	}

	parts := []Dataset{shards("shard", 600), shards("shard", 300)}
	both := join(parts, []string{"other classes"}).(Sequencer).Order(k)
	var first, second []int
	half := 0 // of the second part in the first half
	for at, i := range both {
		if i < 600 {
			first = append(first, i)
			continue
		}
		second = append(second, i-600)
		if at < len(both)/2 {
			half++
		}
	}
	if !slices.Equal(first, order(parts[0], k.At(0))) || !slices.Equal(second, order(parts[1], k.At(1))) {
		t.Error("joined sets do not keep their own orders")
	}
	if half < 100 || half > 200 {
		t.Errorf("%d of the second set's 300 images come in the first half", half)
	}
	if list := join([]Dataset{shards("", 9), shards("", 9)}, nil).(Sequencer).Order(k); list != nil {
		t.Errorf("nobody asked for an order: %v", list)
	}
}

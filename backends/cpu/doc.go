// Package cpu runs ops on the processor: vector kernels where there are some, plain Go where not,
// on all threads.
//
// Results are the same bits for any number of threads, and at the levels avx2, avx512, amx and neon,
// but for products of BF16 (see Bits): work is cut by shape, sums have a fixed order. Memory comes
// from an arena that keeps what is freed, so a training step in its steady state allocates nothing;
// only scratch that was outgrown goes back to the system before Close.
//
// Optional interfaces: [tensor.Prober], [tensor.Lowerer] (packs.go), [io.Closer].
//
// # The way of an op
//
// [Backend.Run] looks the op's type up in a table (table.go). An entry has two functions: whether
// there is a kernel for inputs of these specs, which [Backend.Runs] asks too, and the kernel. Kernels
// see views: a spec and a pointer. A loop over rows or chunks goes to the pool of package par as a
// job that lives as long as the backend (jobs.go), since a closure would be allocated for each loop.
//
// There are four kinds of kernels:
//
//   - Pointwise ops and column sums, alone or as a [tensor.Fused] without a core, are programs
//     (program.go). The compiler (compile.go, emit.go) turns parts into chains of steps; a step is one
//     call of a vector kernel on a tile of at most 4 KiB (chain.go). All that lies between the parts of
//     a chain stays in L1, so a chain costs one pass over memory, however long it is. The method is
//     that of numexpr: no code is generated.
//   - Products and convolutions are package product's. With pointwise parts around them (core.go) the
//     product calls back: for its operands, which a chain makes while they are packed, and for each
//     tile of its result, which a chain finishes while it is in cache (rectangle.go).
//   - Reductions by rows, pools, losses and moves are loops over rows of simd kernels.
//   - The nearest-row search scores tiles of rows by queries and keeps the best; queries × rows is
//     never in memory (searches.go).
//
// BF16 is a dtype of memory. Tiles hold float32, rounded wherever a store in between would have
// rounded; kernels that know only float32 have their operands widened first (jobs.go).
//
// # Bits
//
// What is fused gives the bits of what is not, with one exception: column sums behind a product are
// taken from its tiles, in the order of the product's chunks, and agree with those of a pass over the
// stored result to the last few bits only. Arithmetic of pointwise ops is never contracted. Products
// of BF16 are sums in float32 of exact products, in the order of the unit that computes them: that of
// amx is its own.
//
// Three rules keep results apart from threads and levels: chunks that sums go through depend on shapes alone; a sum within
// a chunk has one order, whatever the width of a vector; what chunks have summed is added in float64,
// in the order of chunks.
//
// # Memory
//
// [Backend.Alloc] takes from the arena (internal/arena). What an op needs while it runs comes from
// scratch (table.go), which is empty again when the next op begins and as large as the largest need
// so far. Each thread has a lane: tiles for chains, taken for the length of a chunk.
package cpu

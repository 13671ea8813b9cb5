package product

// Blocks is how the rows of an output are cut where column sums are taken: into blocks of Rows rows,
// beginning anew after every Each. Sums are taken block by block, fused into a product or not, so
// this is part of their result.
type Blocks struct{ Rows, Each int }

// BlocksOf returns the blocks of an output of m rows that is no convolution's: up to 112, eight
// tiles of 14, and about as many in each. A function of m alone.
func BlocksOf(m int) Blocks { return Blocks{blockOf(m), max(m, 1)} }

func blockOf(m int) int {
	m = max(m, 1)
	block := ceil(m, ceil(m, blockRows))
	if block < m {
		block = ceil(block, 14) * 14
	}
	return block
}

// Count returns the number of blocks of m rows.
func (b Blocks) Count(m int) int { return ceil(m, b.Each) * ceil(b.Each, b.Rows) }

// At returns the block that a row is in, and which of its rows that is.
func (b Blocks) At(row int) (block, inside int) {
	part := row % b.Each
	return row/b.Each*ceil(b.Each, b.Rows) + part/b.Rows, part % b.Rows
}

// Blocks returns the blocks of a pass. Done sees one tile for each block and group of columns.
func (e *Engine) Blocks(c Conv, p Pass) Blocks {
	switch {
	case e.winograd(c) && p != GradW:
		return Blocks{4 * c.W, c.H * c.W} // rows of tiles of 4×4 pixels of one image
	case p == Forward:
		return BlocksOf(c.N * c.P() * c.Q())
	case p == GradX:
		return BlocksOf(c.N * c.H * c.W)
	}
	return BlocksOf(c.K)
}

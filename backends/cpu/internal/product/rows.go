package product

// BlockRows returns the rows of a block of an output of m rows: up to 112, eight tiles of 14, and
// about as many in each. Column sums are taken block by block, fused into a product or not, so this
// is part of their result: a function of m alone.
func BlockRows(m int) int {
	m = max(m, 1)
	block := ceil(m, ceil(m, blockRows))
	if block < m {
		block = ceil(block, 14) * 14
	}
	return block
}

// Blocks returns the rows of the tiles that Done sees in a pass: BlockRows of the output's rows,
// one tile for each block and group of columns; or 0 where tiles come in another order or shape, as
// Winograd's do.
func (e *Engine) Blocks(c Conv, p Pass) int {
	switch {
	case e.winograd(c):
		return 0
	case p == Forward:
		return BlockRows(c.N * c.P() * c.Q())
	case p == GradX:
		return BlockRows(c.N * c.H * c.W)
	}
	return 0
}

package main

// Fields of Ahead and Area, 8 bytes each, in order.
const (
	aheadAreas = 8 * iota
	aheadAt
	aheadLeft
	aheadStep
)

const (
	areaAt = 8 * iota
	areaPitch
	areaRows
	areaPairs
	areaSize
)

// An ahead is the part of a kernel that fetches what is read after it: two lines for each four steps
// of depth, as in ../gemm/ahead.go.
type ahead struct {
	arg  gp  // the kernel's argument
	disp int // of its Ahead
}

// Registers that fetching takes from a kernel.
const (
	aheadAddr  = gp(20)
	aheadPairs = gp(21)
	aheadPitch = gp(22)
	aheadTmp   = gp(23)
)

func (f ahead) field(field int) mem { return mem{f.arg, f.disp + field} }

// load begins a kernel. Without a list it touches the argument again and again, which costs nothing.
func (f ahead) load() {
	ins("MOVD", f.field(aheadAt), aheadAddr)
	ins("MOVD", f.field(aheadLeft), aheadPairs)
	ins("MOVD", f.field(aheadStep), aheadPitch)
	ins("CMP", imm(0), aheadAddr)
	ins("CSEL", "EQ", f.arg, aheadAddr, aheadAddr)
}

// fetch is called after each step of an unrolled loop.
func (f ahead) fetch(k int) {
	switch k {
	case 0:
		ins("PRFM", mem{aheadAddr, 0}, "PLDL2KEEP")
	case 2:
		ins("PRFM", mem{aheadAddr, 64}, "PLDL2KEEP")
		ins("ADD", aheadPitch, aheadAddr)
		ins("SUBS", imm(1), aheadPairs)
		ins("BEQ", "turn")
		label("turned")
	}
}

// store ends a kernel: the next one goes on where this one was.
func (f ahead) store() {
	ins("MOVD", aheadAddr, f.field(aheadAt))
	ins("MOVD", aheadPairs, f.field(aheadLeft))
	ins("MOVD", aheadPitch, f.field(aheadStep))
}

// turn goes to the next row, or to the next area, or sees the end of the list.
func (f ahead) turn() {
	const list = aheadAddr
	area := func(field int) mem { return mem{list, field} }
	label("turn")
	ins("MOVD", f.field(aheadAreas), list)
	ins("MOVD", area(areaRows), aheadPairs)
	ins("SUBS", imm(1), aheadPairs)
	ins("MOVD", aheadPairs, area(areaRows))
	ins("BEQ", "area")
	ins("MOVD", area(areaAt), aheadTmp)
	ins("MOVD", area(areaPitch), aheadPairs)
	ins("ADD", aheadPairs, aheadTmp)
	ins("MOVD", aheadTmp, area(areaAt))
	ins("MOVD", area(areaPairs), aheadPairs)
	ins("MOVD", aheadTmp, aheadAddr)
	ins("B", "turned")
	label("area")
	ins("ADD", imm(areaSize), list)
	ins("MOVD", list, f.field(aheadAreas))
	ins("MOVD", area(areaPairs), aheadPairs)
	ins("MOVD", area(areaAt), aheadAddr)
	ins("CBNZ", aheadPairs, "turned")
	ins("MOVD", f.arg, aheadAddr)
	ins("MOVD", "ZR", aheadPitch)
	ins("B", "turned")
}

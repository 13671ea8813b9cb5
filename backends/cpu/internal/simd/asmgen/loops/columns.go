package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// columns emits sums down the columns of a matrix that lies in L1: blocks of columns in registers,
// row after row. So each sum is one chain in row order.
func columns(m *machine) {
	emit.Func("addRows"+m.suffix, "func(sum, x []float32)", "is AddRows; x holds whole rows.")
	blocks(m, []string{"sum"}, 8, func(p place, n int, tail bool, at func(i, vector int) Mem, row func(vector int) Mem) columnBody {
		acc := func(i int) vec { return m.vec[i] }
		x := func(i int) vec { return m.vec[n+i%4] }
		if n == 8 && !m.wide {
			x = func(i int) vec { return m.vec[8+i%4] }
		}
		return columnBody{
			begin: func() {
				for i := range n {
					m.load(acc(i), at(0, i), tail)
				}
			},
			row: func() {
				for i := range n {
					if !tail {
						VADDPS(row(i), acc(i), acc(i))
						continue
					}
					m.load(x(i), row(i), tail)
					m.add(acc(i), acc(i), x(i))
				}
			},
			end: func() {
				for i := range n {
					m.store(at(0, i), acc(i), tail)
				}
			},
		}
	})

	emit.Func("addMoments"+m.suffix, "func(sum, sq, pivot, x []float32)", "is AddMoments; x holds whole rows.")
	blocks(m, []string{"sum", "sq", "pivot"}, 4, func(p place, n int, tail bool, at func(i, vector int) Mem, row func(vector int) Mem) columnBody {
		sum, sq, pivot := m.vec[:n], m.vec[n:2*n], m.vec[2*n:3*n]
		d := func(i int) vec { return m.vec[3*n+i%2] }
		return columnBody{
			begin: func() {
				for i := range n {
					m.load(sum[i], at(0, i), tail)
					m.load(sq[i], at(1, i), tail)
					m.load(pivot[i], at(2, i), tail)
				}
			},
			row: func() {
				for i := range n {
					m.load(d(i), row(i), tail)
					m.sub(d(i), d(i), pivot[i])
					m.add(sum[i], sum[i], d(i))
					m.fma(sq[i], d(i), d(i))
				}
			},
			end: func() {
				for i := range n {
					m.store(at(0, i), sum[i], tail)
					m.store(at(1, i), sq[i], tail)
				}
			},
		}
	})
}

type columnBody struct{ begin, row, end func() }

// blocks emits the loops: blocks of n vectors of columns, then of one, then a masked rest; in each,
// all rows. Vectors of columns are named by params, the first of which tells how many there are.
func blocks(m *machine, params []string, n int, make func(p place, n int, tail bool, at func(i, vector int) Mem, row func(vector int) Mem) columnBody) {
	cols, rows, pitch, x, cursor, left := reg.R10, reg.R11, reg.R12, reg.R13, reg.R15, reg.R14
	for i, s := range params {
		Load(Param(s).Base(), pointers[i])
	}
	Load(Param(params[0]).Len(), cols)
	Load(Param("x").Base(), x)
	Load(Param("x").Len(), rows) // bytes of x, in the end
	MOVQ(cols, pitch)
	SHLQ(Imm(2), pitch)
	SHLQ(Imm(2), rows)
	XORQ(index, index)
	TESTQ(rows, rows)
	JZ(LabelRef("end"))
	block := func(label string, n int, tail bool) {
		at := func(i, vector int) Mem {
			return Mem{Base: pointers[i], Index: index, Scale: 1, Disp: vector * m.bytes()}
		}
		row := func(vector int) Mem { return Mem{Base: cursor, Disp: vector * m.bytes()} }
		b := make(place{}, n, tail, at, row)
		b.begin()
		LEAQ(Mem{Base: x, Index: index, Scale: 1}, cursor)
		MOVQ(rows, left)
		Label(label + "row")
		b.row()
		ADDQ(pitch, cursor)
		SUBQ(pitch, left)
		JG(LabelRef(label + "row"))
		b.end()
	}
	for _, size := range []int{n, 1} {
		label := map[bool]string{true: "many", false: "one"}[size > 1]
		step := size * m.lanes
		SUBQ(imm(step), cols)
		JL(LabelRef(label + "end"))
		Label(label)
		block(label, size, false)
		ADDQ(imm(4*step), index)
		SUBQ(imm(step), cols)
		JGE(LabelRef(label))
		Label(label + "end")
		ADDQ(imm(step), cols)
	}
	JZ(LabelRef("end"))
	m.setTail(cols)
	block("rest", 1, true)
	Label("end")
	VZEROUPPER()
	RET()
}

package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/gotypes"

	"kith/backends/cpu/internal/simd/asmgen/emit"
)

// A gp is a general register, R0 to R25 but for 16 to 18, which belong to linker and platform.
type gp int

func (r gp) String() string { return fmt.Sprintf("R%d", int(r)) }

// A vec is a vector register of 16 bytes. Loads and stores know it as F.
type vec int

func (v vec) f() string   { return fmt.Sprintf("F%d", int(v)) }
func (v vec) s4() string  { return fmt.Sprintf("V%d.S4", int(v)) }
func (v vec) d2() string  { return fmt.Sprintf("V%d.D2", int(v)) }
func (v vec) h8() string  { return fmt.Sprintf("V%d.H8", int(v)) }
func (v vec) b16() string { return fmt.Sprintf("V%d.B16", int(v)) }

// A mem is a place in memory.
type mem struct {
	base gp
	disp int
}

func (m mem) String() string       { return fmt.Sprintf("%d(%s)", m.disp, m.base) }
func (m mem) offset(bytes int) mem { return mem{m.base, m.disp + bytes} }
func pair(a, b vec) string         { return fmt.Sprintf("(%s, %s)", a.f(), b.f()) }
func imm(n int) string             { return fmt.Sprintf("$%d", n) }
func vecs(from, n int) (all []vec) {
	for i := range n {
		all = append(all, vec(from+i))
	}
	return all
}

var (
	text  strings.Builder
	frame *gotypes.Signature // of the function at hand
)

// fn begins a leaf function. The signature is that of the Go stub, doc its comment.
func fn(name, signature, doc string) {
	sig, err := gotypes.ParseSignature(emit.Plain(signature))
	if err != nil {
		panic(err)
	}
	frame = sig
	emit.Stub(name, signature, doc)
	fmt.Fprintf(&text, "\n// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", name, strings.TrimPrefix(signature, "func"), name, sig.Bytes())
}

// ins emits an instruction of the assembler, destination last.
func ins(op string, operands ...any) {
	var args []string
	for _, o := range operands {
		args = append(args, fmt.Sprint(o))
	}
	fmt.Fprintf(&text, "\t%s\n", strings.TrimSpace(op+" "+strings.Join(args, ", ")))
}

func label(name string) { fmt.Fprintf(&text, "%s:\n", name) }

// param loads an argument; of a slice, its base or length.
func param(name string, dst gp)       { ins("MOVD", address(frame.Params().Lookup(name)), dst) }
func paramBase(name string, dst gp)   { ins("MOVD", address(frame.Params().Lookup(name).Base()), dst) }
func paramLen(name string, dst gp)    { ins("MOVD", address(frame.Params().Lookup(name).Len()), dst) }
func paramFloat(name string, dst vec) { ins("FMOVS", address(frame.Params().Lookup(name)), dst.f()) }

func address(c gotypes.Component) string {
	p, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr.Asm()
}

// zero clears a register.
func zero(v vec) { ins("VEOR", v.b16(), v.b16(), v.b16()) }

// move copies a register.
func move(dst, src vec) { ins("VMOV", src.b16(), dst.b16()) }

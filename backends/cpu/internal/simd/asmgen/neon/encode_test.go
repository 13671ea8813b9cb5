package main

import (
	"strings"
	"testing"
)

// Encodings from llvm-mc. The root module compares each word of the output with a disassembler, where
// there is one.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		emit func()
		want string
	}{
		{func() { add(1, 2, 3) }, "WORD $0x4e23d441 // fadd v1.4s, v2.4s, v3.4s"},
		{func() { sub(31, 30, 29) }, "WORD $0x4ebdd7df // fsub v31.4s, v30.4s, v29.4s"},
		{func() { mul(4, 5, 6) }, "WORD $0x6e26dca4 // fmul v4.4s, v5.4s, v6.4s"},
		{func() { div(16, 0, 17) }, "WORD $0x6e31fc10 // fdiv v16.4s, v0.4s, v17.4s"},
		{func() { equal(1, 2, 3) }, "WORD $0x4e23e441 // fcmeq v1.4s, v2.4s, v3.4s"},
		{func() { atLeast(1, 2, 3) }, "WORD $0x6e23e441 // fcmge v1.4s, v2.4s, v3.4s"},
		{func() { above(1, 2, 3) }, "WORD $0x6ea3e441 // fcmgt v1.4s, v2.4s, v3.4s"},
		{func() { sqrt(7, 8) }, "WORD $0x6ea1f907 // fsqrt v7.4s, v8.4s"},
		{func() { fmaBy(0, 24, 28, 0) }, "WORD $0x4f9c1300 // fmla v0.4s, v24.4s, v28.s[0]"},
		{func() { fmaBy(3, 25, 31, 1) }, "WORD $0x4fbf1323 // fmla v3.4s, v25.4s, v31.s[1]"},
		{func() { fmaBy(3, 25, 31, 2) }, "WORD $0x4f9f1b23 // fmla v3.4s, v25.4s, v31.s[2]"},
		{func() { fmaBy(3, 25, 31, 3) }, "WORD $0x4fbf1b23 // fmla v3.4s, v25.4s, v31.s[3]"},
		{func() { mulBy(3, 25, 30, 3) }, "WORD $0x4fbe9b23 // fmul v3.4s, v25.4s, v30.s[3]"},
		{func() { shiftRight(1, 2, 1) }, "WORD $0x4f3f0441 // sshr v1.4s, v2.4s, #1"},
		{func() { double(9, 10) }, "WORD $0x0e617949 // fcvtl v9.2d, v10.2s"},
		{func() { addDouble(1, 2, 3) }, "WORD $0x4e63d441 // fadd v1.2d, v2.2d, v3.2d"},
		{func() { subDouble(1, 2, 3) }, "WORD $0x4ee3d441 // fsub v1.2d, v2.2d, v3.2d"},
		{func() { mulDouble(1, 2, 3) }, "WORD $0x6e63dc41 // fmul v1.2d, v2.2d, v3.2d"},
	} {
		text.Reset()
		c.emit()
		if got := strings.TrimSpace(text.String()); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

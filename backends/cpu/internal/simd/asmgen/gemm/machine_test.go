package main

import (
	"bytes"
	"testing"
)

// Encodings from llvm-mc.
func TestEvex512(t *testing.T) {
	for _, c := range []struct {
		pp, opcode      byte
		dst, src1, src2 int
		want            []byte
	}{
		{2, 0x52, 3, 2, 1, []byte{0x62, 0xf2, 0x6e, 0x48, 0x52, 0xd9}},
		{2, 0x52, 24, 17, 31, []byte{0x62, 0x02, 0x76, 0x40, 0x52, 0xc7}},
		{3, 0x72, 3, 2, 1, []byte{0x62, 0xf2, 0x6f, 0x48, 0x72, 0xd9}},
	} {
		if got := evex512(c.pp, c.opcode, c.dst, c.src1, c.src2); !bytes.Equal(got, c.want) {
			t.Errorf("opcode %x zmm%d, zmm%d, zmm%d: % x, want % x", c.opcode, c.dst, c.src1, c.src2, got, c.want)
		}
	}
}

package main

import (
	"bytes"
	"testing"
)

// Encodings from llvm-mc; Intel syntax.
func TestEncodings(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want []byte
	}{
		{"ldtilecfg [rdi]", loadConfig(7), []byte{0xc4, 0xe2, 0x78, 0x49, 0x07}},
		{"ldtilecfg [r9]", loadConfig(9), []byte{0xc4, 0xc2, 0x78, 0x49, 0x01}},
		{"tilerelease", release(), []byte{0xc4, 0xe2, 0x78, 0x49, 0xc0}},
		{"tilezero tmm3", zero(3), []byte{0xc4, 0xe2, 0x7b, 0x49, 0xd8}},
		{"tileloadd tmm4, [rsi+r9]", move(preF2, 4, 6, 9), []byte{0xc4, 0xa2, 0x7b, 0x4b, 0x24, 0x0e}},
		{"tileloadd tmm7, [r8+rbx]", move(preF2, 7, 8, 3), []byte{0xc4, 0xc2, 0x7b, 0x4b, 0x3c, 0x18}},
		{"tilestored [r11+r10], tmm2", move(preF3, 2, 11, 10), []byte{0xc4, 0x82, 0x7a, 0x4b, 0x14, 0x13}},
		{"tdpbf16ps tmm0, tmm4, tmm6", dot(0, 4, 6), []byte{0xc4, 0xe2, 0x4a, 0x5c, 0xc4}},
		{"tdpbf16ps tmm3, tmm5, tmm7", dot(3, 5, 7), []byte{0xc4, 0xe2, 0x42, 0x5c, 0xdd}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: % x, want % x", c.name, c.got, c.want)
		}
	}
}

package simd

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// recorded is the first bytes of the hash of what each kernel makes of fixed operands, at every level
// but generic. So processors that no machine has together are compared: what AVX2 wrote here NEON
// must give on another day. A kernel whose order of sums changes on purpose changes its line.
var recorded = map[string]string{
	"Above":                   "30724ba55deb",
	"Add":                     "78fc5a337532",
	"AddMoments":              "8bcb52725ee0",
	"AddRows":                 "05f6887a160e",
	"AddWhen":                 "09048a96ddf2",
	"AtLeast":                 "156c6b70a0e3",
	"Div":                     "a6166a54fb1d",
	"Dot":                     "01d27b022b60",
	"Exp":                     "1f80e62d3449",
	"Exp, wide":               "fec25d79f611",
	"ExpSum":                  "95824e827c83",
	"F":                       "1875c28138c5",
	"Filter":                  "8e9cc0550ade",
	"FilterGrad":              "0b9f33a92156",
	"Grad":                    "9da8fb1a74e5",
	"Grad, 3 high":            "2f0a3e30218c",
	"Grad, 3 wide":            "8fc53b0725db",
	"Grad, 3x3":               "ccf1cee9c1c5",
	"Input":                   "ce05d76634e9",
	"Input, 3 high":           "a1e68787f739",
	"Input, 3 wide":           "ccff139909bc",
	"Input, 3x3":              "353c2e11046a",
	"Log":                     "4239d62c75b5",
	"Max":                     "59c790278d33",
	"MaxTap":                  "effa5bcbb8c4",
	"Merge":                   "1e2c8355d5ef",
	"Mul":                     "9781c0ec4fd3",
	"MulAddMask":              "3cb1e48fa439",
	"Output":                  "1e2ef1d58f3c",
	"Output, 3 high":          "677cccfd31b2",
	"Output, 3 wide":          "98b023de1279",
	"Output, 3x3":             "4bb9e4956ea9",
	"Positive, Finite, Equal": "6ff818602dd0",
	"ReLU":                    "b7cd2f2dc96f",
	"ReLUGrad":                "b4c829960cdc",
	"Rebase":                  "90b0e0a8d8ea",
	"Round":                   "90812f1b1a84",
	"Rsqrt":                   "e843ffdc8d2c",
	"Scale":                   "8bf6dba87efa",
	"Select":                  "ecc3415cc5df",
	"Shift":                   "d1e84340f50c",
	"Sqrt":                    "502406a2e153",
	"Sub":                     "6b74f610f835",
	"SubMulAdd":               "df0ff9d93868",
	"SubMulAddMax":            "cec5a06a95da",
	"Sum":                     "ccd2a17983e5",
	"SumSq":                   "fb59311e21fa",
	"W":                       "413ef9371ee8",
	"Widen∘Narrow":            "90812f1b1a84",
}

// A digest hashes results. All NaNs are one: processors make different ones.
type digest struct{ bytes []byte }

func (d *digest) add(x ...float32) {
	for _, v := range x {
		if v != v {
			v = float32(math.NaN())
		}
		d.bytes = binary.LittleEndian.AppendUint32(d.bytes, math.Float32bits(v))
	}
}

func (d *digest) String() string { return fmt.Sprintf("%x", sha256.Sum256(d.bytes))[:12] }

// draws makes n numbers by operations that every processor rounds alike, special ones among them
// where odd.
func draws(r *rand.Rand, n int, odd bool) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(int32(r.Uint32())) * 0x1p-29 // within ±4
		if odd && r.IntN(5) == 0 {
			x[i] = special[r.IntN(len(special))]
		}
	}
	return x
}

func TestBits(t *testing.T) {
	for _, l := range Levels()[1:] {
		got := map[string]string{}
		for _, part := range []func(l Level, got map[string]string){bitsOfTrials, bitsOfReductions, bitsOfColumns, bitsOfProducts, bitsOfTransforms} {
			part(l, got)
		}
		for name, want := range recorded {
			if got[name] != want {
				t.Errorf("%v: %s has the digest %s, want %s", l, name, got[name], want)
			}
		}
		if len(got) != len(recorded) {
			t.Errorf("%v: %d kernels, %d recorded: %q", l, len(got), len(recorded), got)
		}
	}
}

func bitsOfTrials(l Level, got map[string]string) {
	for _, tr := range trials {
		var d digest
		r := rand.New(rand.NewPCG(1, 2))
		for _, n := range []int{1, 3, 16, 37, 64, 131} {
			for _, odd := range []bool{false, true} {
				dst, bytes := make([]float32, n), make([]uint8, n)
				for i := range bytes {
					bytes[i] = uint8(r.IntN(3))
				}
				tr.run(kernels[l], dst, draws(r, n, odd), draws(r, n, odd), draws(r, n, odd), draws(r, n, odd), bytes)
				d.add(dst...)
			}
		}
		got[tr.name] = d.String()
	}
}

func bitsOfReductions(l Level, got map[string]string) {
	k, r := kernels[l], rand.New(rand.NewPCG(3, 4))
	var sum, squares, dot, exps, wide, most, above digest
	for _, n := range []int{0, 1, 15, 16, 53, 200, 1024} {
		x, y := draws(r, n, false), draws(r, n, false)
		sum.add(k.Sum(x))
		squares.add(k.SumSq(x))
		dot.add(k.Dot(x, y))
		exps.add(k.ExpSum(x, 0.75))
		most.add(k.Max(x))
		k.Scale(y, x, 30) // over all of the range of exp and beyond
		k.Exp(y, y)
		wide.add(y...)
	}
	mask := make([]uint32, 10)
	k.Above(mask, draws(r, 320, true), draws(r, 32, true))
	for _, m := range mask {
		above.add(float32(m>>16), float32(m&0xffff))
	}
	got["Sum"], got["SumSq"], got["Dot"] = sum.String(), squares.String(), dot.String()
	got["ExpSum"], got["Max"], got["Above"], got["Exp, wide"] = exps.String(), most.String(), above.String(), wide.String()
}

func bitsOfColumns(l Level, got map[string]string) {
	k, r := kernels[l], rand.New(rand.NewPCG(5, 6))
	var rows, moments, rebase, merge digest
	for _, c := range []int{1, 5, 16, 23, 64, 131} {
		const n = 9
		x, sum, squares, pivot := draws(r, n*c, false), draws(r, c, false), make([]float32, c), draws(r, c, false)
		k.AddRows(sum, x)
		rows.add(sum...)
		clear(sum)
		k.AddMoments(sum, squares, pivot, x)
		moments.add(append(sum, squares...)...)
		k.Rebase(sum, squares, pivot, n)
		rebase.add(sum...)
		rebase.add(squares...)
		rebase.add(pivot...)
		mean, m2 := make([]float64, c), make([]float64, c)
		for range 2 {
			k.Merge(mean, m2, sum, squares, pivot, 0.25, 1.0/n, 2.75)
		}
		for i := range mean { // both halves of each double
			for _, v := range []float64{mean[i], m2[i]} {
				hi := float32(v)
				merge.add(hi, float32((v-float64(hi))*0x1p24))
			}
		}
	}
	got["AddRows"], got["AddMoments"], got["Rebase"], got["Merge"] = rows.String(), moments.String(), rebase.String(), merge.String()
}

func bitsOfProducts(l Level, got map[string]string) {
	p := products[l]
	var f, w digest
	for m := 1; m <= 6; m++ { // what every level has
		const taps, depth, tiles = 2, 21, 2
		r := rand.New(rand.NewPCG(7, uint64(m)))
		a, b := draws(r, tiles*m*taps*depth, false), draws(r, taps*depth*PanelCols, false)
		c := draws(r, tiles*m*PanelCols, false)
		off := []int{4 * depth, 0}
		for add := range 2 {
			p.F[m](&TileF{
				Tiles: tiles, Taps: taps, Off: &off[0], Depth: depth, A0: &a[0], LDA: 4 * taps * depth, B: &b[0],
				C0: &c[0], LDC: 4 * PanelCols, StepA: 4 * m * taps * depth, StepC: 4 * m * PanelCols, Add: add,
			})
			f.add(c...)
			p.W[m](&TileW{
				Rows: 2, Cols: depth, A: &a[0], LDA: 4 * m, RowA: 4 * m * depth,
				B: &b[0], LDB: 4 * PanelCols, RowB: 4 * PanelCols * depth, C: &c[0], LDC: 4 * PanelCols, Add: add,
			})
			w.add(c...)
		}
	}
	got["F"], got["W"] = f.String(), w.String()
}

func bitsOfTransforms(l Level, got map[string]string) {
	w := winograds[l]
	const tiles, side, chans = 2, 6, 16
	for _, c := range []struct {
		name string
		f    func(*Transform)
	}{
		{"Input", w.Input[0][0]}, {"Grad", w.Grad[0][0]}, {"Output", w.Output[0][0]},
		{"Input, 3 high", w.Input[1][0]}, {"Grad, 3 high", w.Grad[1][0]}, {"Output, 3 high", w.Output[1][0]},
		{"Input, 3 wide", w.Input[0][1]}, {"Grad, 3 wide", w.Grad[0][1]}, {"Output, 3 wide", w.Output[0][1]},
		{"Input, 3x3", w.Input[1][1]}, {"Grad, 3x3", w.Grad[1][1]}, {"Output, 3x3", w.Output[1][1]},
		{"Filter", w.Filter}, {"FilterGrad", w.FilterGrad},
	} {
		var d digest
		r := rand.New(rand.NewPCG(8, 9))
		pixels, parts := draws(r, side*(side+4)*chans, false), draws(r, 36*tiles*chans, false)
		for cut := range 2 {
			c.f(&Transform{
				Tiles: tiles, Map: &pixels[0], Row: 4 * (side + 4) * chans, Pixel: 4 * chans, StepMap: 16 * chans,
				Parts: &parts[0], Part: 4 * tiles * chans, StepParts: 4 * chans, Run: 4 * chans,
				Tmp: &make([]float32, 36*16)[0], Rows: 4 - cut, Cols: 4 - 2*cut, Add: cut,
			})
		}
		d.add(pixels...)
		d.add(parts...)
		got[c.name] = d.String()
	}
}

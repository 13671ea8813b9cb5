package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestTransformLayout(t *testing.T) {
	var f Transform
	for i, got := range []uintptr{
		unsafe.Offsetof(f.Tiles), unsafe.Offsetof(f.Map), unsafe.Offsetof(f.Row), unsafe.Offsetof(f.Pixel),
		unsafe.Offsetof(f.StepMap), unsafe.Offsetof(f.Parts), unsafe.Offsetof(f.Part), unsafe.Offsetof(f.StepParts),
		unsafe.Offsetof(f.Run), unsafe.Offsetof(f.Tmp), unsafe.Offsetof(f.Rows), unsafe.Offsetof(f.Cols),
		unsafe.Offsetof(f.Add),
	} {
		if got != uintptr(8*i) {
			t.Errorf("field %d at offset %d, transforms expect %d", i, got, 8*i)
		}
	}
}

// The matrices of spec/cpu.md 10.1, by which the transforms are judged.
var (
	matAT  = [][]float64{{1, 1, 1, 1, 1, 0}, {0, 1, -1, .5, -2, 0}, {0, 1, 1, .25, 4, 0}, {0, 1, -1, .125, -8, 1}}
	matG   = [][]float64{{1, 0, 0}, {1. / 3, 1. / 3, 1. / 3}, {-1. / 3, 1. / 3, -1. / 3}, {-16. / 15, -8. / 15, -4. / 15}, {1. / 15, -2. / 15, 4. / 15}, {0, 0, 1}}
	matAT3 = [][]float64{{1, 1, 1, 1, 0, 0}, {0, 1, -1, .5, 0, 0}, {0, 1, 1, .25, 0, 1}}
	matBT3 = [][]float64{{1, -2, -1, 2, 0}, {0, -1.5, 1.5, 3, 0}, {0, .5, -1.5, 1, 0}, {0, -2.5, 0, 2.5, 0}, nil, {0, .5, -1, -.5, 1}}
	matBT  = [][]float64{{1, -1.5, -2, 1.5, 1, 0}, {0, -1, .5, 2.5, 1, 0}, {0, 1, -2.5, .5, 1, 0}, {0, -2, -1, 2, 1, 0}, {0, .5, -1, -.5, 1, 0}, {0, 1, -1.5, -2, 1.5, 1}}
)

func transposed(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for i := range t {
		for j := range m {
			t[i] = append(t[i], m[j][i])
		}
	}
	return t
}

// sandwich returns a·x·bᵀ and the sums of absolute products. What a zero meets is not looked at.
func sandwich(a, b [][]float64, x func(i, j int) float64) (out, abs [][]float64) {
	for i := range a {
		var row, mag []float64
		for j := range b {
			s, m := 0.0, 0.0
			for p, f := range a[i] {
				for q, g := range b[j] {
					if f*g != 0 {
						s, m = s+f*x(p, q)*g, m+math.Abs(f*x(p, q)*g)
					}
				}
			}
			row, mag = append(row, s), append(mag, m)
		}
		out, abs = append(out, row), append(abs, mag)
	}
	return out, abs
}

// The products of components must be correlations, for tiles of 4 and of 3 pixels.
func TestWinogradIdentity(t *testing.T) {
	for _, m := range []struct{ at, bt [][]float64 }{{matAT, matBT}, {matAT3, matBT3}} {
		for out := range m.at {
			for tap := range 3 {
				for pixel := range len(m.at) + 2 {
					sum, want := 0.0, 0.0
					for i, b := range m.bt {
						if b != nil {
							sum += m.at[out][i] * matG[i][tap] * b[pixel]
						}
					}
					if pixel == out+tap {
						want = 1
					}
					if math.Abs(sum-want) > 1e-12 {
						t.Errorf("tile of %d: pixel %d meets tap %d in output %d %v times", len(m.at), pixel, tap, out, sum)
					}
				}
			}
		}
	}
}

// The golden values of spec/cpu.md 10.2.
func TestWinogradGolden(t *testing.T) {
	v, _ := sandwich(matBT, matBT, func(i, j int) float64 { return float64(6*i + j) })
	for j, want := range []float64{9, 483. / 2, 9. / 2, 18, 3, 9} {
		if v[1][j] != want {
			t.Errorf("component 1,%d of the input is %v, want %v", j, v[1][j], want)
		}
	}
	u, _ := sandwich(matG, matG, func(i, j int) float64 { return float64(3*i + j + 1) })
	for j, want := range []float64{1, 2, -2. / 3, -44. / 15, 3. / 5, 3} {
		if math.Abs(u[0][j]-want) > 1e-12 {
			t.Errorf("component 0,%d of the filter is %v, want %v", j, u[0][j], want)
		}
	}
	y, _ := sandwich(matAT, matAT, func(i, j int) float64 { return u[i][j] * v[i][j] })
	for j, want := range []float64{429, 474, 519, 564} {
		if math.Abs(y[0][j]-want) > 1e-9 {
			t.Errorf("output 0,%d is %v, want %v", j, y[0][j], want)
		}
	}
}

func TestTransforms(t *testing.T) {
	input, output := [2][][]float64{matBT, matBT3}, [2][][]float64{matAT, matAT3}
	for _, l := range Levels() {
		w := WinogradOf(l)
		for _, chans := range []int{16, 48} {
			run := func(name string, f func(*Transform), rows, cols [][]float64, spread bool) {
				t.Run(fmt.Sprintf("%v/%s/%d", l, name, chans), func(t *testing.T) { testTransform(t, f, rows, cols, spread, chans) })
			}
			for r := range 2 {
				for c := range 2 {
					size := fmt.Sprintf("%dx%d", 4-r, 4-c)
					run("input"+size, w.Input[r][c], input[r], input[c], true)
					run("grad"+size, w.Grad[r][c], transposed(output[r]), transposed(output[c]), true)
					run("output"+size, w.Output[r][c], output[r], output[c], false)
				}
			}
			run("filter", w.Filter, matG, matG, true)
			run("filterGrad", w.FilterGrad, transposed(matG), transposed(matG), false)
		}
	}
}

// testTransform checks a transform of two tiles; one kind reads a map and writes components, the
// other the reverse. Components whose row or column of the matrix is empty do not exist: they hold NaN
// before, and must after.
func testTransform(t *testing.T, f func(*Transform), rows, cols [][]float64, spread bool, chans int) {
	const tiles, side = 2, 6
	r := rand.New(rand.NewPCG(1, uint64(chans)))
	pixels, parts := make([]float32, side*(side+4)*chans), make([]float32, 36*tiles*(chans+16))
	for i := range pixels {
		pixels[i] = float32(r.NormFloat64())
	}
	pixel := func(tile, i, j, c int) int { return (i*(side+4)+j+4*tile)*chans + c }
	part := func(tile, i, c int) int { return (i*tiles+tile)*(chans+16) + c }
	for i := range parts {
		parts[i] = float32(math.NaN())
		if at := i / (chans + 16) / tiles; !spread && !(at/6 == 4 && blank(rows, 4) || at%6 == 4 && blank(cols, 4)) {
			parts[i] = float32(r.NormFloat64())
		}
	}
	before := append([]float32(nil), pixels...)
	arg := Transform{
		Tiles: tiles, Map: &pixels[0], Row: 4 * (side + 4) * chans, Pixel: 4 * chans, StepMap: 16 * chans,
		Parts: &parts[0], Part: 4 * tiles * (chans + 16), StepParts: 4 * (chans + 16), Run: 4 * chans,
		Tmp: &make([]float32, 36*16)[0], Rows: 4, Cols: 4,
	}
	isOutput := !spread && rows[0][2] == 1 // and not that of filters
	for _, cut := range []int{4, 3, 2} {
		copy(pixels, before)
		if isOutput {
			arg.Rows, arg.Cols, arg.Add = cut, cut-1, 4-cut
		}
		f(&arg)
		for tile := range tiles {
			for c := range chans {
				want, abs := sandwich(rows, cols, func(i, j int) float64 {
					if spread {
						return float64(pixels[pixel(tile, i, j, c)])
					}
					return float64(parts[part(tile, i*6+j, c)])
				})
				for i := range want {
					for j, w := range want[i] {
						got := pixels[pixel(tile, i, j, c)]
						old := float64(before[pixel(tile, i, j, c)])
						switch {
						case spread:
							got = parts[part(tile, i*6+j, c)]
							if abs[i][j] == 0 {
								if !math.IsNaN(float64(got)) {
									t.Fatalf("component %d,%d does not exist and is written", i, j)
								}
								continue
							}
						case isOutput && (i >= arg.Rows || j >= arg.Cols):
							w = old
						case arg.Add != 0:
							w += old
						}
						if !(math.Abs(float64(got)-w) <= 16*(abs[i][j]+math.Abs(old))/(1<<24)) {
							t.Fatalf("tile %d channel %d at %d,%d: got %v, want %v", tile, c, i, j, got, w)
						}
					}
				}
			}
		}
	}
}

// blank reports whether column i of a matrix is zero.
func blank(m [][]float64, i int) bool {
	for _, row := range m {
		if row[i] != 0 {
			return false
		}
	}
	return true
}

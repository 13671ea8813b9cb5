package tensor_test

import (
	"fmt"
	"math"
	"testing"

	"kith/tensor"
)

// direct is the convolution as textbooks write it: seven loops, with zeros around the map. visit is
// called for each product with the places of y, x and w.
func direct(o tensor.Conv2D, x, w, y tensor.Shape, visit func(yi, xi, wi int)) {
	stride := max(o.Stride, 1)
	for n := range y[0] {
		for p := range y[1] {
			for q := range y[2] {
				for k := range y[3] {
					for r := range w[1] {
						for s := range w[2] {
							i, j := p*stride-o.Pad+r, q*stride-o.Pad+s
							if i < 0 || i >= x[1] || j < 0 || j >= x[2] {
								continue
							}
							for c := range w[3] {
								visit(((n*y[1]+p)*y[2]+q)*y[3]+k, ((n*x[1]+i)*x[2]+j)*x[3]+c, ((k*w[1]+r)*w[2]+s)*w[3]+c)
							}
						}
					}
				}
			}
		}
	}
}

// near compares to float64's digits.
func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d elements, want %d", what, len(got), len(want))
	}
	for i, v := range want {
		if math.Abs(got[i]-v) > 1e-12*(1+math.Abs(v)) {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got[i], v)
		}
	}
}

// All three passes against the seven loops, over every stride, pad and filter that fits small maps.
func TestConvolutions(t *testing.T) {
	ran := 0
	for _, hw := range [][2]int{{1, 1}, {3, 4}, {5, 2}, {6, 7}} {
		for _, rs := range [][2]int{{1, 1}, {2, 3}, {3, 3}, {5, 1}, {4, 4}} {
			for stride := range 4 {
				for pad := range 4 {
					o := tensor.Conv2D{Stride: stride, Pad: pad}
					in := tensor.Draw(tensor.Normal(2, hw[0], hw[1], 3), tensor.Normal(2, rs[0], rs[1], 3))
					specs, err := o.Infer([]tensor.Spec{in[0].Spec, in[1].Spec})
					fits := hw[0]+2*pad >= rs[0] && hw[1]+2*pad >= rs[1]
					if fits != (err == nil) {
						t.Fatalf("%+v of %v: %v", o, in, err)
					}
					if err == nil {
						threePasses(t, o, in[0], in[1], specs[0].Shape)
						ran++
					}
				}
			}
		}
	}
	if ran < 150 {
		t.Errorf("only %d convolutions fit", ran)
	}
}

func threePasses(t *testing.T, o tensor.Conv2D, x, w tensor.Array, ys tensor.Shape) {
	t.Helper()
	dy := tensor.Draw(tensor.Normal(ys...))[0]
	y, dx, dw := make([]float64, len(dy.Data)), make([]float64, len(x.Data)), make([]float64, len(w.Data))
	direct(o, x.Shape, w.Shape, ys, func(yi, xi, wi int) {
		y[yi] += x.Data[xi] * w.Data[wi]
		dx[xi] += dy.Data[yi] * w.Data[wi]
		dw[wi] += dy.Data[yi] * x.Data[xi]
	})
	what := fmt.Sprintf("%+v of %v, %v", o, x.Spec, w.Spec)
	near(t, what, eval(t, o, x, w)[0].Data, y)
	near(t, "dx of "+what, eval(t, tensor.Conv2DGradX{Conv2D: o, H: x.Shape[1], W: x.Shape[2]}, dy, w)[0].Data, dx)
	near(t, "dw of "+what, eval(t, tensor.Conv2DGradW{Conv2D: o, R: w.Shape[1], S: w.Shape[2]}, dy, x)[0].Data, dw)
}

// A 1x1 convolution is a matrix product.
func TestConvIsMatMul(t *testing.T) {
	in := tensor.Draw(tensor.Normal(2, 3, 4, 5), tensor.Normal(7, 1, 1, 5))
	a, b := in[0], in[1]
	y := eval(t, tensor.Conv2D{}, a, b)[0].Data
	a.Shape, b.Shape = tensor.Shape{24, 5}, tensor.Shape{7, 5}
	near(t, "product", eval(t, tensor.MatMul{TransB: true}, a, b)[0].Data, y)
}

// Windows against a plain search, and the gradient goes to the element that was chosen.
func TestMaxPools(t *testing.T) {
	for size := 1; size < 5; size++ {
		for stride := 1; stride < 4; stride++ {
			for pad := range size/2 + 1 {
				o := tensor.MaxPool{Size: size, Stride: stride, Pad: pad}
				x := tensor.Draw(tensor.Distinct(2, 5, 6, 3))[0]
				out := eval(t, o, x)
				y, arg := out[0], out[1]
				dy := tensor.Draw(tensor.Normal(y.Shape...))[0]
				want, chosen, dx := make([]float64, len(y.Data)), make([]int, len(y.Data)), make([]float64, len(x.Data))
				for i := range want {
					want[i] = math.Inf(-1)
				}
				window := tensor.Shape{3, size, size, 1}
				for c := range 3 { // a filter of ones for each channel finds the window
					direct(tensor.Conv2D{Stride: stride, Pad: pad}, x.Shape, window, y.Shape, func(yi, xi, wi int) {
						if yi%3 != c || wi/(size*size) != c {
							return
						}
						if v := x.Data[xi+c]; v > want[yi] {
							want[yi], chosen[yi] = v, xi+c
						}
					})
				}
				for i, at := range chosen {
					dx[at] += dy.Data[i]
				}
				what := fmt.Sprintf("%+v", o)
				near(t, what, y.Data, want)
				near(t, "dx of "+what, eval(t, tensor.MaxPoolGrad{MaxPool: o, H: 5, W: 6}, dy, arg)[0].Data, dx)
			}
		}
	}
}

// All four layouts of a product, and the wide dtype of its result.
func TestMatMuls(t *testing.T) {
	in := tensor.Draw(tensor.Normal(3, 5), tensor.Normal(5, 4))
	want := make([]float64, 12)
	for i := range 3 {
		for j := range 4 {
			for k := range 5 {
				want[4*i+j] += in[0].Data[5*i+k] * in[1].Data[4*k+j]
			}
		}
	}
	turned := func(a tensor.Array) tensor.Array { return eval(t, tensor.Permute{Axes: tensor.DimsOf(1, 0)}, a)[0] }
	for _, o := range []tensor.MatMul{{}, {TransA: true}, {TransB: true}, {TransA: true, TransB: true}} {
		a, b := in[0], in[1]
		if o.TransA {
			a = turned(a)
		}
		if o.TransB {
			b = turned(b)
		}
		near(t, fmt.Sprintf("%+v", o), eval(t, o, a, b)[0].Data, want)
	}
	half := []tensor.Spec{tensor.Of(tensor.BF16, 2, 3), tensor.Of(tensor.BF16, 3, 4)}
	for wide, d := range map[bool]tensor.DType{true: tensor.F32, false: tensor.BF16} {
		if out, err := (tensor.MatMul{Wide: wide}).Infer(half); err != nil || out[0].DType != d {
			t.Errorf("Wide %v gives %v, %v; want %v", wide, out, err, d)
		}
	}
}

package product

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"kith/backends/cpu/internal/simd"
	"kith/internal/par"
)

// at computes element i of a pass in float64, and the sum of absolute products.
func (c Conv) at(p Pass, a, b []float32, i int) (want, abs float64) {
	add := func(x, y float32) {
		want += float64(x) * float64(y)
		abs += math.Abs(float64(x) * float64(y))
	}
	ph, q := c.P(), c.Q()
	switch p {
	case Forward:
		k, pixel := i%c.K, i/c.K
		img, oh, ow := pixel/(ph*q), pixel/q%ph, pixel%q
		c.taps(oh, ow, func(r, s, h, w int) {
			for ch := range c.C {
				add(a[((img*c.H+h)*c.W+w)*c.C+ch], b[((k*c.R+r)*c.S+s)*c.C+ch])
			}
		})
	case GradX:
		ch, pixel := i%c.C, i/c.C
		img, h, w := pixel/(c.H*c.W), pixel/c.W%c.H, pixel%c.W
		for r := range c.R {
			for s := range c.S {
				oh, ow := h+c.Pad-r, w+c.Pad-s
				if oh < 0 || ow < 0 || oh%c.Stride != 0 || ow%c.Stride != 0 || oh/c.Stride >= ph || ow/c.Stride >= q {
					continue
				}
				for k := range c.K {
					add(a[((img*ph+oh/c.Stride)*q+ow/c.Stride)*c.K+k], b[((k*c.R+r)*c.S+s)*c.C+ch])
				}
			}
		}
	case GradW:
		ch, k, tap := i%c.C, i/(c.R*c.S*c.C), i/c.C%(c.R*c.S)
		for pixel := range c.N * ph * q {
			h, w := pixel/q%ph*c.Stride-c.Pad+tap/c.S, pixel%q*c.Stride-c.Pad+tap%c.S
			if h >= 0 && h < c.H && w >= 0 && w < c.W {
				add(a[pixel*c.K+k], b[((pixel/(ph*q)*c.H+h)*c.W+w)*c.C+ch])
			}
		}
	}
	return want, abs
}

// taps calls f for the taps of output (oh, ow) that lie on the image.
func (c Conv) taps(oh, ow int, f func(r, s, h, w int)) {
	for r := range c.R {
		for s := range c.S {
			if h, w := oh*c.Stride-c.Pad+r, ow*c.Stride-c.Pad+s; h >= 0 && h < c.H && w >= 0 && w < c.W {
				f(r, s, h, w)
			}
		}
	}
}

// Every convolution of ResNet-50 and ResNet-18-CIFAR at full size, on a sample of its outputs: the
// direct algorithms exactly, on the lattice, Winograd's within its bounds.
func TestResNetConvs(t *testing.T) {
	const sample = 200
	pool := par.New(2)
	defer pool.Close()
	direct, auto := New(pool, simd.Detect(), Options{Strict: true, Alloc: poisoned, Free: poison}), New(pool, simd.Detect(), Options{Alloc: poisoned, Free: poison})
	for _, shape := range resnetConvs {
		c := shape.Conv
		c.N = 2
		for p := Forward; p <= GradW; p++ {
			t.Run(shape.name+"/"+passNames[p], func(t *testing.T) {
				r := rand.New(rand.NewPCG(11, 12))
				na, nb, no := c.operands(p)
				a, b, out := lattice(r, na, c.depth(p)), lattice(r, nb, c.depth(p)), make([]float32, no)
				c.run(direct, p, Output{Data: out}, Operand{Data: a}, Operand{Data: b}, b)
				for range sample {
					i := r.IntN(no)
					if want, _ := c.at(p, a, b, i); float64(out[i]) != want {
						t.Fatalf("element %d: got %v, want %v", i, out[i], want)
					}
				}
				if !auto.winograd(c) {
					return
				}
				c.run(auto, p, Output{Data: out}, Operand{Data: a}, Operand{Data: b}, b)
				got, want := make([]float32, sample), make([]float64, sample)
				for k := range sample {
					i := r.IntN(no)
					got[k] = out[i]
					want[k], _ = c.at(p, a, b, i)
				}
				winoBound(t, got, want)
			})
		}
	}
}

// Products of the shapes that heads and 1×1 convolutions have, on a sample, for both kinds of tiles.
func TestLargeGemm(t *testing.T) {
	pool := par.New(2)
	defer pool.Close()
	e := New(pool, simd.Detect(), Options{Alloc: poisoned, Free: poison})
	for _, g := range []Gemm{
		{M: 392, N: 512, K: 2048, TransB: true}, {M: 1000, N: 1100, K: 640}, {M: 3136, N: 64, K: 64},
		{M: 64, N: 2048, K: 2048, TransB: true}, {M: 256, N: 64, K: 6272, TransA: true}, {M: 2048, N: 512, K: 98, TransA: true},
	} {
		t.Run(fmt.Sprintf("%+v", g), func(t *testing.T) {
			r := rand.New(rand.NewPCG(13, 14))
			a, b, out := lattice(r, g.M*g.K, g.K), lattice(r, g.K*g.N, g.K), make([]float32, g.M*g.N)
			e.Gemm(Output{Data: out}, Operand{Data: a}, Operand{Data: b}, g)
			for range 500 {
				m, n, want := r.IntN(g.M), r.IntN(g.N), 0.0
				for k := range g.K {
					x, y := m*g.K+k, k*g.N+n
					if g.TransA {
						x = k*g.M + m
					}
					if g.TransB {
						y = n*g.K + k
					}
					want += float64(a[x]) * float64(b[y])
				}
				if got := out[m*g.N+n]; float64(got) != want {
					t.Fatalf("element %d, %d: got %v, want %v", m, n, got, want)
				}
			}
		})
	}
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// gemms compares products with OpenBLAS, gonum and gomlx on every product that kith's `bench shapes` lists.
func gemms(args []string) error {
	f := flag.NewFlagSet("gemm", flag.ExitOnError)
	python := f.String("python", "python3", "any Python 3, to call OpenBLAS from")
	threads := f.Int("threads", 2, "threads of kith and OpenBLAS")
	rounds := f.Int("rounds", 3, "how often each is run, in turns")
	f.Parse(args)
	pretrain, done, err := kith()
	if err != nil {
		return err
	}
	defer done()
	gomlx, err := newGomlx()
	if err != nil {
		return err
	}
	ours, openblas := table{}, table{}
	inGo := map[string]table{"gonum": {}, "gomlx": {}}
	for range *rounds {
		if err := ours.add(pretrain, []string{"bench", "shapes", "--json", "--only", "matmul", "--threads", strconv.Itoa(*threads)}); err != nil {
			return err
		}
		var shapes []string
		for key := range ours {
			shapes = append(shapes, key[0])
		}
		slices.Sort(shapes)
		if err := openblas.add(*python, append([]string{"openblas.py", "--threads", strconv.Itoa(*threads)}, shapes...)); err != nil {
			return err
		}
		for _, s := range shapes {
			if err := errors.Join(inGo["gonum"].time("gonum", s, sgemm), inGo["gomlx"].time("gomlx", s, gomlx.product)); err != nil {
				return err
			}
		}
	}
	err = compare("OpenBLAS", ours, openblas)
	for _, peer := range []string{"gonum", "gomlx"} {
		fmt.Println()
		err = errors.Join(err, compare(peer, ours, inGo[peer]))
	}
	return err
}

// A product computes c = a·bᵀ for matrices of m×k and n×k, or its own copy of c.
type product func(m, n, k int, a, b, c []float32) error

// time keeps the rate of a peer's product of a shape "matmul MxNxK", if better than before.
func (t table) time(peer, shape string, f product) error {
	var m, n, k int
	if _, err := fmt.Sscanf(shape, "matmul %dx%dx%d", &m, &n, &k); err != nil {
		return nil // a convolution
	}
	a, b, c := make([]float32, m*k), make([]float32, n*k), make([]float32, m*n)
	for i := range a {
		a[i] = float32(i%7) - 3
	}
	for i := range b {
		b[i] = float32(i%5) - 2
	}
	begun := time.Now()
	if err := f(m, n, k, a, b, c); err != nil {
		return fmt.Errorf("%s, %s: %w", peer, shape, err)
	}
	rate := 2 * float64(m) * float64(n) * float64(k) / time.Since(begun).Seconds() / 1e9
	key := [2]string{shape, "forward"}
	if rate > t[key].GFLOPS {
		t[key] = record{Peer: peer, Shape: shape, Pass: "forward", GFLOPS: rate}
	}
	return nil
}

// sgemm is gonum's product.
func sgemm(m, n, k int, a, b, c []float32) error {
	gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, m, n, k, 1, a, k, b, k, 0, c, n)
	return nil
}

func sorted(t table) [][2]string {
	var keys [][2]string
	for k := range t {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return keys
}

package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// gemms compares products with OpenBLAS and gonum on every product that kith's `bench shapes` lists.
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
	ours, blasT, gonumT := table{}, table{}, table{}
	for range *rounds {
		if err := ours.add(pretrain, []string{"bench", "shapes", "--json", "--only", "matmul", "--threads", strconv.Itoa(*threads)}); err != nil {
			return err
		}
		var shapes []string
		for key := range ours {
			shapes = append(shapes, key[0])
		}
		slices.Sort(shapes)
		if err := blasT.add(*python, append([]string{"openblas.py", "--threads", strconv.Itoa(*threads)}, shapes...)); err != nil {
			return err
		}
		for _, s := range shapes {
			gonumT.time(s)
		}
	}
	if err := compare("OpenBLAS", ours, blasT); err != nil {
		return err
	}
	fmt.Println()
	return compare("gonum", ours, gonumT)
}

// time runs gonum's product of a shape "matmul MxNxK" with the second factor transposed.
func (t table) time(shape string) {
	var m, n, k int
	if _, err := fmt.Sscanf(shape, "matmul %dx%dx%d", &m, &n, &k); err != nil {
		return
	}
	a, b, c := make([]float32, m*k), make([]float32, n*k), make([]float32, m*n)
	for i := range a {
		a[i] = float32(i%7) - 3
	}
	for i := range b {
		b[i] = float32(i%5) - 2
	}
	begun := time.Now()
	gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, m, n, k, 1, a, k, b, k, 0, c, n)
	rate := 2 * float64(m) * float64(n) * float64(k) / time.Since(begun).Seconds() / 1e9
	key := [2]string{shape, "forward"}
	if rate > t[key].GFLOPS {
		t[key] = record{Peer: "gonum", Shape: shape, Pass: "forward", GFLOPS: rate}
	}
}

func sorted(t table) [][2]string {
	var keys [][2]string
	for k := range t {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return keys
}

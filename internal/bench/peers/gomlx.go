package main

import (
	"github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
)

// gomlx multiplies with GoMLX's backend in pure Go, on all cores. It compiles one program a shape.
type gomlx struct{ exec *graph.Exec }

func newGomlx() (*gomlx, error) {
	b, err := simplego.New("")
	if err != nil {
		return nil, err
	}
	exec, err := graph.NewExec(b, func(x, y *graph.Node) *graph.Node { return graph.Einsum("mk,nk->mn", x, y) })
	return &gomlx{exec}, err
}

// product is the product of GoMLX. Its result stays there: c is not written.
func (g *gomlx) product(m, n, k int, a, b, _ []float32) error {
	out, err := g.exec.Exec(tensors.FromFlatDataAndDimensions(a, m, k), tensors.FromFlatDataAndDimensions(b, n, k))
	for _, t := range out {
		t.FinalizeAll()
	}
	return err
}

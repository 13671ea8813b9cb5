package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"kith/backends/ref"
	"kith/nn"
	"kith/tensor"
)

// imagine is memory for planning only: a step that will not run needs no elements.
type imagine struct{ tensor.Backend }

func (imagine) Alloc(bytes int) tensor.Buffer { return &symbolic{bytes} }
func (imagine) Upload(*tensor.Tensor, []byte) {}

type symbolic struct{ bytes int }

func (s *symbolic) Bytes() int { return s.bytes }

func imagined() tensor.Backend { return fuserBackend{imagine{ref.Round()}} }

func resnet(t testing.TB, b tensor.Backend, name string, stem nn.Stem, compute tensor.DType, n, size int) *world {
	m, err := nn.NewResNet(name, stem, false)
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(b, compute, m, m.Features, n, size, "lars")
}

func TestCosts(t *testing.T) {
	for _, c := range []struct {
		name string
		stem nn.Stem
		size int
	}{{"resnet18", nn.Cifar, 32}, {"resnet50", nn.ImageNet, 224}} {
		for _, compute := range []tensor.DType{tensor.F32, tensor.BF16} {
			w := resnet(t, imagined(), c.name, c.stem, compute, 16, c.size)
			w2 := resnet(t, imagined(), c.name, c.stem, compute, 32, c.size)
			start := time.Now()
			a := Measure(w.root, w.train, Passes)
			t.Log(c.name, compute, time.Since(start))
			b := Measure(w2.root, w2.train, Passes)
			for i := range a {
				t.Logf("%-8s %5d instr %8.1f MB moved %8.1f MB a view  %8.1f MB peak %8.1f a view", a[i].Pass, a[i].Instructions, float64(a[i].Moved)/1e6, float64(b[i].Moved-a[i].Moved)/32e6,
					float64(a[i].Peak)/1e6, float64(b[i].Peak-a[i].Peak)/32e6)
			}
			start = time.Now()
			p := Compile(w.root, w.train)
			t.Log(time.Since(start))
			forms := map[string]int{}
			for _, i := range p.Program() {
				forms[form(i)]++
			}
			for _, f := range slices.SortedFunc(maps.Keys(forms), func(a, b string) int { return forms[b] - forms[a] }) {
				t.Log(forms[f], f)
			}
		}
	}
}

// form is the names of an instruction's ops, and the rank of its largest value
func form(i tensor.Instr) string {
	names := apply(bodyOf(i).parts, func(p tensor.Part) string { return tensor.OpName(p.Op) })
	r := 0
	for _, t := range slices.Concat(i.In, i.Out) {
		r = max(r, len(t.Shape))
	}
	return fmt.Sprint(strings.Join(names, " "), " ", r, " +", len(i.Out))
}

package truth

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kith/internal/testflag"
	"kith/tensor"
)

var onnxDir = flag.String("onnx", "/usr/share/libonnx-testdata/data/node", "`folder` of ONNX's node tests")

// A node is a case on a board: inputs are entered when asked for.
type node struct {
	board
	nodeCase
}

// given tells whether input i is there.
func (n *node) given(i int) bool { return i < len(n.in) && n.in[i] != nil }

// x is input i as a tensor of floats.
func (n *node) x(i int) *tensor.Tensor { return n.constant(n.in[i].data, n.in[i].shape...) }

// xs is all inputs from i on.
func (n *node) xs(i int) (out []*tensor.Tensor) {
	for ; i < len(n.in); i++ {
		out = append(out, n.x(i))
	}
	return out
}

// list is an integer input or, in older operator sets, the attribute of that name; nil if neither.
func (n *node) list(i int, name string) (out []int) {
	if n.given(i) {
		for _, x := range n.in[i].data {
			out = append(out, int(x))
		}
		return out
	}
	return n.attrs(name)
}

func (n *node) attrs(name string) (out []int) {
	for _, x := range n.attr[name].ints(8) {
		out = append(out, int(x))
	}
	return out
}

// int is an integer attribute, or what it is by default.
func (n *node) int(name string, none int) int {
	if a, ok := n.attr[name]; ok {
		return int(a.int(3))
	}
	return none
}

// float is a float attribute, or what it is by default.
func (n *node) float(name string, none float64) float64 {
	if a, ok := n.attr[name]; ok && len(a[2]) > 0 {
		return a.floats(2)[0]
	}
	return none
}

func (n *node) text(name, none string) string {
	if a, ok := n.attr[name]; ok {
		return a.text(4)
	}
	return none
}

// skips reads the list of cases that are left out: "name: reason" by line.
func skips(t *testing.T) map[string]string {
	f, err := os.Open("testdata/onnx_skip.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(reason) == "" {
			t.Errorf("skip %q has no reason", line)
		}
		out[name] = strings.TrimSpace(reason)
	}
	return out
}

// evaluate runs one case.
func evaluate(root *tensor.Scope, c nodeCase) (out []value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	root.Run(func(step *tensor.Scope) {
		for _, y := range onnxOps[c.op](&node{newBoard(root, step), c}) {
			data, e := tensor.Data[float64](y)
			if e != nil {
				err = e
			}
			out = append(out, value{shape: y.Shape, data: data})
		}
	})
	return out, err
}

// wanted tells whether a case is one node of an op that is known here, with float32 among its
// inputs or outputs.
func wanted(c nodeCase) bool {
	return c.nodes == 1 && onnxOps[c.op] != nil && slices.Contains(c.kinds, onnxFloat)
}

// TestONNX runs ONNX's node tests forward, in float32 on the cpu and in float64 on the definition,
// at ONNX's own tolerance (rtol 1e-3, atol 1e-7), and counts those that also pass at 1e-5.
func TestONNX(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(*onnxDir, "test_*"))
	if len(dirs) == 0 {
		testflag.Need(t, "onnx", "nothing in "+*onnxDir+"; install it with: apt-get install libonnx-testdata")
	}
	skip := skips(t)
	exact, cpu := open(t, "ref"), open(t, "cpu")
	ran, tight, unread := 0, 0, 0
	for _, dir := range dirs {
		name := strings.TrimPrefix(filepath.Base(dir), "test_")
		if _, ok := skip[name]; ok {
			delete(skip, name)
			continue
		}
		c, err := readCase(dir)
		if err != nil {
			unread++ // strings, sequences, float16: not a case for kith
			continue
		}
		if !wanted(c) {
			continue
		}
		ran++
		var strict worst
		for _, root := range []*tensor.Scope{exact, cpu} {
			got, err := evaluate(root, c)
			if err != nil || len(got) != len(c.out) {
				t.Errorf("%s on %s: %d outputs of %d, %v", name, root.Backend().Name(), len(got), len(c.out), err)
				continue
			}
			for i, want := range c.out {
				var w worst
				w.close(t, fmt.Sprintf("%s on %s out%d", name, root.Backend().Name(), i), got[i], want, 1e-3, 1e-7)
				strict.share = max(strict.share, w.share*1e-3/1e-5)
			}
		}
		if strict.share <= 1 {
			tight++
		}
	}
	for name, reason := range skip {
		t.Errorf("skip file names %s (%s), which does not exist", name, reason)
	}
	t.Logf("%d outside cases ran, %d of them within 1e-5; %d folders hold types that are not read", ran, tight, unread)
	if ran < 440 {
		t.Errorf("%d cases ran, want at least 440", ran)
	}
}

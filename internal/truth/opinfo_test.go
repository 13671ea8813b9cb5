package truth

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kith/autograd"
	"kith/backends/cpu"
	"kith/internal/format/safetensors"
	"kith/tensor"
)

// A sample is one case of PyTorch's op database: arguments as PyTorch was given them, and what it
// answered.
type sample struct {
	name   string
	args   []any
	kwargs map[string]any
	in     []value
	out    []value
	up     []value // upstream gradient of out
	grad   map[int]value
	after  map[int]value // inputs that the op changed in place
}

// A value is an array as a golden holds it.
type value struct {
	shape []int
	data  []float64
	whole bool // indices or a mask
}

// samples reads one file of testdata/golden/opinfo.
func samples(t *testing.T, path string) []sample {
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	op := strings.TrimSuffix(filepath.Base(path), ".safetensors")
	var out []sample
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		if _, err := strconv.Atoi(key); err != nil {
			continue
		}
		s := sample{name: op + "/" + key, grad: map[int]value{}, after: map[int]value{}}
		var call struct {
			Args   []any
			Kwargs map[string]any
		}
		if err := json.Unmarshal([]byte(f.Metadata[key]), &call); err != nil {
			t.Fatal(err)
		}
		s.args, s.kwargs = call.Args, call.Kwargs
		s.in, s.out, s.up = list(t, f, key+"/in"), list(t, f, key+"/out"), list(t, f, key+"/up")
		for i := range s.in {
			if _, ok := f.Lookup(fmt.Sprintf("%s/grad%d", key, i)); ok {
				s.grad[i] = read(t, f, fmt.Sprintf("%s/grad%d", key, i))
			}
			if _, ok := f.Lookup(fmt.Sprintf("%s/after%d", key, i)); ok {
				s.after[i] = read(t, f, fmt.Sprintf("%s/after%d", key, i))
			}
		}
		out = append(out, s)
	}
	return out
}

// list reads prefix0, prefix1, ...
func list(t *testing.T, f *safetensors.File, prefix string) (out []value) {
	for {
		name := prefix + strconv.Itoa(len(out))
		if _, ok := f.Lookup(name); !ok {
			return out
		}
		out = append(out, read(t, f, name))
	}
}

func read(t *testing.T, f *safetensors.File, name string) value {
	t.Helper()
	info, ok := f.Lookup(name)
	if !ok {
		t.Fatalf("golden has no tensor %q", name)
	}
	v := value{shape: info.Shape, whole: !info.DType.Float()}
	if v.shape == nil {
		v.shape = []int{}
	}
	if v.whole {
		whole, err := safetensors.Values[int32](f, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range whole {
			v.data = append(v.data, float64(x))
		}
		return v
	}
	data, err := safetensors.Values[float64](f, name)
	if err != nil {
		t.Fatal(err)
	}
	v.data = data
	return v
}

// A call is a sample on a board: its tensors entered, its other arguments as Go values.
type call struct {
	board
	sample
	tensors []*tensor.Tensor
	after   map[int]*tensor.Tensor
	native  bool // the op under test ran as kith's own op, not as a composition
}

// arg is positional argument i or, under that name, a keyword; nil if neither was given.
func (c *call) arg(i int, name string) any {
	if i < len(c.args) {
		return c.args[i]
	}
	return c.kwargs[name]
}

// tensor is the tensor in an argument, nil for None.
func (c *call) tensor(arg any) *tensor.Tensor {
	if m, ok := arg.(map[string]any); ok && m["t"] != nil {
		return c.tensors[int(m["t"].(float64))]
	}
	return nil
}

// host is the values of the tensor in an argument.
func (c *call) host(arg any) value { return c.in[int(arg.(map[string]any)["t"].(float64))] }

func (c *call) list(arg any) (out []*tensor.Tensor) {
	for _, a := range arg.([]any) {
		out = append(out, c.tensor(a))
	}
	return out
}

// number is a float argument, or what stands for None.
func number(arg any, none float64) float64 {
	switch v := arg.(type) {
	case float64:
		return v
	case bool:
		if v {
			return 1
		}
		return 0
	case map[string]any:
		x, _ := strconv.ParseFloat(v["f"].(string), 64)
		return x
	}
	return none
}

func whole(arg any, none int) int { return int(number(arg, float64(none))) }

// ints is a list argument; one number counts as a list of n of it, None as nil.
func intsOf(arg any, n int) []int {
	switch v := arg.(type) {
	case float64:
		return slices.Repeat([]int{int(v)}, n)
	case []any:
		out := make([]int, len(v))
		for i, x := range v {
			out[i] = whole(x, -1)
		}
		if len(out) == 1 {
			out = slices.Repeat(out, n)
		}
		return out
	}
	return nil
}

// answer is what a backend computed for a sample.
type answer struct {
	out    []value
	grad   map[int]value
	after  map[int]value
	native bool
}

// compute runs s on root's backend, with its gradients.
func compute(t *testing.T, root *tensor.Scope, s sample, op func(*call) []*tensor.Tensor) (a answer) {
	t.Helper()
	a.grad, a.after = map[int]value{}, map[int]value{}
	fetch := func(x *tensor.Tensor) value {
		data, err := tensor.Data[float64](x)
		if err != nil {
			t.Fatal(err)
		}
		return value{x.Shape, data, false}
	}
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s: %v", s.name, r)
		}
	}()
	root.Run(func(step *tensor.Scope) {
		c := &call{board: newBoard(root, step), sample: s, after: map[int]*tensor.Tensor{}}
		for _, v := range s.in {
			c.tensors = append(c.tensors, c.enter(v))
		}
		tape := autograd.Record(step)
		outs := op(c)
		a.native = c.native
		for _, o := range outs {
			a.out = append(a.out, fetch(o))
		}
		for i, x := range c.after {
			a.after[i] = fetch(x)
		}
		if len(s.up) == 0 {
			return
		}
		wanted := slices.Sorted(maps.Keys(s.grad))
		var ups, wrt []*tensor.Tensor
		for _, u := range s.up {
			ups = append(ups, c.enter(u))
		}
		for _, i := range wanted {
			wrt = append(wrt, c.tensors[i])
		}
		for k, g := range tape.Pull(outs[:len(ups)], ups, wrt...) {
			if g == nil {
				g = wrt[k].Fill(0)
			}
			a.grad[wanted[k]] = fetch(g)
		}
	})
	return a
}

// enter puts a golden's array on the board: indices as I32, masks as floats that ops compare.
func (b board) enter(v value) *tensor.Tensor {
	if !v.whole {
		return b.constant(v.data, v.shape...)
	}
	index := make([]int32, len(v.data))
	for i, x := range v.data {
		index[i] = int32(x)
	}
	return b.ints(index, v.shape...)
}

// worst is the largest error of a suite so far, in units of the tolerance and as it is.
type worst struct {
	share, err float64
	where      string
}

// close compares with an allowed error of atol + rtol·|want|; NaN meets only NaN.
func (w *worst) close(t *testing.T, where string, got, want value, rtol, atol float64) {
	t.Helper()
	if !slices.Equal(got.shape, want.shape) {
		t.Errorf("%s: shape %v, want %v", where, got.shape, want.shape)
		return
	}
	for i, g := range got.data {
		x := want.data[i]
		err := math.Abs(g - x)
		switch {
		case g == x || g != g && x != x:
			continue
		case err/(atol+rtol*math.Abs(x)) > w.share:
			*w = worst{err / (atol + rtol*math.Abs(x)), err, where}
		}
		if !(err <= atol+rtol*math.Abs(x)) {
			t.Errorf("%s: element %d is %g, want %g (off by %.2g)", where, i, g, x, err)
			return
		}
	}
}

// matches compares all that a and the sample have.
func (w *worst) matches(t *testing.T, a answer, s sample, rtol, atol float64) {
	t.Helper()
	if len(a.out) != len(s.out) {
		t.Errorf("%s: %d outputs, want %d", s.name, len(a.out), len(s.out))
		return
	}
	for i, o := range s.out {
		w.close(t, fmt.Sprintf("%s out%d", s.name, i), a.out[i], o, rtol, atol)
	}
	for i, g := range s.grad {
		w.close(t, fmt.Sprintf("%s grad%d", s.name, i), a.grad[i], g, rtol, atol)
	}
	for i, v := range s.after {
		w.close(t, fmt.Sprintf("%s after%d", s.name, i), a.after[i], v, rtol, atol)
	}
}

// rounded is s with inputs and upstream as float32 holds them: that rounding is no fault of a
// backend, so float32 is compared with the definition at the very same numbers.
func rounded(s sample) sample {
	narrow := func(vs []value) []value {
		out := slices.Clone(vs)
		for i, v := range out {
			out[i].data = slices.Clone(v.data)
			for k, x := range v.data {
				out[i].data[k] = float64(float32(x))
			}
		}
		return out
	}
	s.in, s.up = narrow(s.in), narrow(s.up)
	return s
}

// atol32 is PyTorch's own absolute bound, with two exceptions. Samples of products hold numbers up
// to 9, and ten products of up to 81 may be off by 10·81·2⁻²⁴ = 4.8e-5, depending on their order.
// And pow, which has no op here, is exp(y·log x), where three roundings of an argument t of up to
// 20 are a relative error of 3·20·2⁻²⁴ = 3.6e-6, and gradients of what was broadcast are sums of
// such terms.
func atol32(op string, s sample) float64 {
	switch op {
	case "conv2d", "linear", "matmul", "mm", "bmm", "addmm":
		return 4.8e-5
	case "pow":
	default:
		return 1e-5
	}
	top := 1.0
	for _, v := range s.out {
		for _, x := range v.data {
			top = max(top, math.Abs(x))
		}
	}
	for _, v := range s.grad {
		for _, x := range v.data {
			top = max(top, math.Abs(x))
		}
	}
	return 3.6e-6 * top
}

// TestOpInfo runs PyTorch's op samples with gradients: float64 on the definition against PyTorch
// (golden: rtol 1e-9, atol 1e-12), float32 on the cpu, at each of its levels, against the definition at the same
// inputs (PyTorch's own bounds for float32: 1.3e-6 relative, 1e-5 absolute).
func TestOpInfo(t *testing.T) {
	files, err := filepath.Glob("../../testdata/golden/opinfo/*.safetensors")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens found: %v", err)
	}
	ran, native := 0, 0
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".safetensors")
		op, ok := opinfo[name]
		if !ok {
			t.Errorf("golden op %s has no adapter", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			exact := open(t, "ref")
			var levels []*tensor.Scope
			for _, level := range cpu.Levels() {
				levels = append(levels, open(t, "cpu:"+level))
			}
			var wide, narrow worst
			for _, s := range samples(t, path) {
				a := compute(t, exact, s, op)
				wide.matches(t, a, s, 1e-9, 1e-12)
				r := rounded(s)
				judge := compute(t, exact, r, op)
				r.out, r.grad, r.after = judge.out, judge.grad, judge.after
				for _, root := range levels {
					narrow.matches(t, compute(t, root, r, op), r, 1.3e-6, atol32(name, r))
				}
				if ran++; a.native {
					native++
				}
			}
			t.Logf("worst float64 error %.1e of bound 1 (%s); float32 %.2f of bound 1, %.1e (%s)",
				wide.share, wide.where, narrow.share, narrow.err, narrow.where)
		})
	}
	t.Logf("%d outside cases ran, %d of the convolutions and poolings on kith's own op as it is", ran, native)
	if ran < 751 {
		t.Errorf("%d cases ran, want at least 751", ran)
	}
}

package nn

import (
	"fmt"
	"io"
	"strings"

	"kith/internal/format/safetensors"
	"kith/tensor"
)

// TorchName is the name that torchvision and timm give to a tensor: "Layer1.0.BN2.Mean" is
// "layer1.0.bn2.running_mean".
func TorchName(name string) string {
	segments := strings.Split(name, ".")
	last := &segments[len(segments)-1]
	switch *last {
	case "Mean", "Var":
		*last = "running_" + *last
	}
	return strings.ToLower(strings.Join(segments, "."))
}

// WriteTorch writes a model as torch's state_dict in a safetensors file: TorchName, convolution
// weights OIHW, everything else as it is. passes is how often BatchNorm has seen a batch
// (num_batches_tracked). Same model, same bytes.
func WriteTorch(w io.Writer, model any, producer string, passes int) error {
	entries, err := torchEntries(model, passes)
	if err != nil {
		return err
	}
	return safetensors.Write(w, torchMetadata(producer), entries)
}

// SaveTorch is WriteTorch to a file, all or nothing.
func SaveTorch(path string, model any, producer string, passes int) error {
	entries, err := torchEntries(model, passes)
	if err != nil {
		return err
	}
	return safetensors.Save(path, torchMetadata(producer), entries)
}

func torchMetadata(producer string) map[string]string {
	return map[string]string{"format": "pt", "producer": producer}
}

func torchEntries(model any, passes int) (entries []safetensors.Entry, err error) {
	for name, p := range Tensors(model) {
		v, err := tensor.Data[float32](p.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		shape := p.Value.Shape
		if len(shape) == 4 {
			v, shape = swapFilters(v, shape[0], shape[1]*shape[2], shape[3]),
				tensor.Shape{shape[0], shape[3], shape[1], shape[2]}
		}
		entries = append(entries, safetensors.Of(TorchName(name), shape, v))
		if tracked, ok := strings.CutSuffix(name, ".Var"); ok {
			entries = append(entries, safetensors.Of(TorchName(tracked)+".num_batches_tracked", nil, []int64{int64(passes)}))
		}
	}
	return entries, nil
}

// swapFilters transposes the rows×columns matrix of each filter: [k,rs,c] ↔ [k,c,rs].
func swapFilters(v []float32, filters, rows, columns int) []float32 {
	out := make([]float32, len(v))
	for k := range filters {
		from, to := v[k*rows*columns:][:rows*columns], out[k*rows*columns:][:rows*columns]
		for i := range rows {
			for j := range columns {
				to[j*rows+i] = from[i*columns+j]
			}
		}
	}
	return out
}

// A Match says which tensors of a file a model took.
type Match struct {
	Used    []string // taken, torch's names
	Unused  []string // in the file only
	Missing []string // in the model only; they keep their start
}

// Share is the part of the model's tensors that the file had.
func (m Match) Share() float64 {
	return float64(len(m.Used)) / float64(max(1, len(m.Used)+len(m.Missing)))
}

// LoadTorch starts a model from a safetensors file with torch's names and layouts, of any float
// dtype. Tensors that the file lacks keep their start; a tensor of another shape is an error.
// num_batches_tracked is not read. Nothing is set on error, or if fewer than atLeast (0 to 1) of
// the model's tensors are there.
func LoadTorch(path string, model any, atLeast float64) (Match, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return Match{}, err
	}
	defer f.Close()
	m, err := match(f, model)
	if err != nil {
		return m, fmt.Errorf("%s: %w", path, err)
	}
	if len(m.Used) == 0 {
		return m, fmt.Errorf("%s: no tensor of the model is in the file", path)
	}
	if m.Share() < atLeast {
		return m, fmt.Errorf("%s has %d of the model's %d tensors; missing are %s", path,
			len(m.Used), len(m.Used)+len(m.Missing), some(m.Missing))
	}
	return m, take(f, model)
}

// match compares names and shapes.
func match(f *safetensors.File, model any) (m Match, err error) {
	taken := map[string]bool{}
	for name, p := range Tensors(model) {
		torch := TorchName(name)
		info, ok := f.Lookup(torch)
		if !ok {
			m.Missing = append(m.Missing, torch)
			continue
		}
		if want := torchShape(p.Spec.Shape); fmt.Sprint(info.Shape) != fmt.Sprint(want) {
			return m, fmt.Errorf("%s is %v, the model has %v", torch, info.Shape, want)
		}
		taken[torch] = true
		m.Used = append(m.Used, torch)
	}
	for _, info := range f.Tensors() {
		if !taken[info.Name] && !strings.HasSuffix(info.Name, ".num_batches_tracked") {
			m.Unused = append(m.Unused, info.Name)
		}
	}
	return m, nil
}

func torchShape(s tensor.Shape) []int {
	if len(s) == 4 {
		return []int{s[0], s[3], s[1], s[2]}
	}
	return s
}

// take reads every tensor first and sets them last, so that a broken file changes nothing.
func take(f *safetensors.File, model any) error {
	read := map[*Param][]float32{}
	for name, p := range Tensors(model) {
		torch := TorchName(name)
		if _, ok := f.Lookup(torch); !ok {
			continue
		}
		v, err := safetensors.Values[float32](f, torch)
		if err != nil {
			return err
		}
		if s := p.Spec.Shape; len(s) == 4 {
			v = swapFilters(v, s[0], s[3], s[1]*s[2])
		}
		read[p] = v
	}
	for _, p := range Tensors(model) {
		if v, ok := read[p]; ok {
			tensor.Set(p.Value, v)
		}
	}
	return nil
}

// some lists the first names of a list.
func some(names []string) string {
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}

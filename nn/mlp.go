package nn

// An MLP is a head: Linear layers of the given widths. Each but the last is followed by BatchNorm
// and ReLU; the last by BatchNorm if NormLast.
type MLP struct {
	In       int
	Widths   []int
	NormLast bool
	Bias     bool // also in front of BatchNorm, where it does nothing but exists in other codes
}

// NewMLP makes the layers.
func NewMLP(m MLP) Sequential {
	var layers Sequential
	in := m.In
	for i, out := range m.Widths {
		last := i == len(m.Widths)-1
		norm := !last || m.NormLast
		layers = append(layers, NewLinear(in, out, m.Bias || !norm))
		if norm {
			layers = append(layers, NewBatchNorm(out))
		}
		if !last {
			layers = append(layers, ReLU{})
		}
		in = out
	}
	return layers
}

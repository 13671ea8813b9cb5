package backendtest

import (
	"slices"

	"kith/tensor"
)

// Support tells for which ops b has a kernel, by name, and for which dtypes of the first input that
// is a float. Ops that only rename or are formulas over others need none.
func Support(b tensor.Backend) map[string][]tensor.DType {
	support := map[string][]tensor.DType{}
	p, ok := tensor.As[tensor.Prober](b)
	if !ok {
		return support
	}
	for c := range tensor.Cases() {
		if c.Err != "" {
			continue
		}
		twins := []tensor.Case{c}
		if h, ok := asBF16(c); ok {
			twins = append(twins, h)
		}
		for _, c := range twins {
			s := newSample(c)
			name, d := tensor.OpName(c.Op), firstFloat(s.specs())
			if p.Runs(c.Op, s.specs()) && !slices.Contains(support[name], d) {
				support[name] = append(support[name], d)
			}
		}
	}
	return support
}

func firstFloat(in []tensor.Spec) tensor.DType {
	for _, s := range in {
		if s.DType.Float() {
			return s.DType
		}
	}
	return in[0].DType
}

package nn

import (
	"iter"
	"math"
	"reflect"
	"strconv"

	"kith/tensor"
	"kith/tensor/rng"
)

// A Param is a parameter: a root tensor that the optimizer writes.
type Param struct {
	Value *tensor.Tensor // a root tensor, made by Init
	Spec  tensor.Spec
	Init  Initializer
}

// A State is a root tensor that the model itself writes: saved, never trained.
type State Param

// An Initializer gives the elements that a tensor starts with.
type Initializer func(k rng.Key, spec tensor.Spec) []float32

// Constant starts every element at v.
func Constant(v float32) Initializer {
	return func(_ rng.Key, spec tensor.Spec) []float32 {
		x := make([]float32, spec.Shape.Size())
		for i := range x {
			x[i] = v
		}
		return x
	}
}

// Gaussian starts elements at mean 0 with the given deviation.
func Gaussian(deviation float64) Initializer {
	return func(k rng.Key, spec tensor.Spec) []float32 {
		x := make([]float32, spec.Shape.Size())
		k.Stream().Normal(x)
		for i := range x {
			x[i] = float32(float64(x[i]) * deviation)
		}
		return x
	}
}

// Uniform starts elements between -bound and bound.
func Uniform(bound float64) Initializer {
	return func(k rng.Key, spec tensor.Spec) []float32 {
		x, s := make([]float32, spec.Shape.Size()), k.Stream()
		for i := range x {
			x[i] = float32((2*float64(s.Float32()) - 1) * bound)
		}
		return x
	}
}

// Params are the parameters of a model with their names, in the order of its fields.
func Params(model any) iter.Seq2[string, *Param] { return fields[*Param](model) }

// States are the states of a model with their names, in the order of its fields.
func States(model any) iter.Seq2[string, *State] { return fields[*State](model) }

// Tensors are parameters and states together, in the order of the fields.
func Tensors(model any) iter.Seq2[string, *Param] {
	return func(yield func(string, *Param) bool) {
		walk(reflect.ValueOf(model), "", func(name string, v any) bool {
			switch v := v.(type) {
			case *Param:
				return yield(name, v)
			case *State:
				return yield(name, (*Param)(v))
			}
			return true
		})
	}
}

// Count is the number of elements of all parameters.
func Count(model any) int {
	n := 0
	for _, p := range Params(model) {
		n += p.Spec.Shape.Size()
	}
	return n
}

// Init makes the root tensors of a model and starts each from the key of its name, so that a
// layer added elsewhere changes nothing here.
func Init(model any, root *tensor.Scope, k rng.Key) {
	for name, p := range Tensors(model) {
		p.Value = root.New(p.Spec)
		tensor.Set(p.Value, p.Init(k.Fold(name), p.Spec))
	}
}

func fields[T any](model any) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		walk(reflect.ValueOf(model), "", func(name string, v any) bool {
			t, ok := v.(T)
			return !ok || yield(name, t)
		})
	}
}

// walk visits every *Param and *State below v until yield is false.
func walk(v reflect.Value, path string, yield func(string, any) bool) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return true
		}
		switch v.Interface().(type) {
		case *Param, *State:
			return yield(path, v.Interface())
		case *tensor.Tensor, *tensor.Scope:
			return true // values, not parts of the model
		}
		return walk(v.Elem(), path, yield)
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && !walk(v.Field(i), join(path, f.Name), yield) {
				return false
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if !walk(v.Index(i), join(path, strconv.Itoa(i)), yield) {
				return false
			}
		}
	}
	return true
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// heDeviation is the deviation that keeps the variance of gradients through ReLU: √(2/fan).
// He et al. 2015, equation 14.
func heDeviation(fan int) float64 { return math.Sqrt(2 / float64(fan)) }

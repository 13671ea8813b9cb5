package nn

import (
	"fmt"
	"io"
	"iter"
	"os"

	"kith/internal/format/safetensors"
	"kith/tensor"
)

// metadata marks files with kith's own names and layouts.
var metadata = map[string]string{"kith_format": "1"}

// Snapshot copies tensors to the host now; write puts them, under kith's names and layouts, into a
// safetensors file of the given size at any later time.
func Snapshot(tensors iter.Seq2[string, *Param]) (write func(io.Writer) error, size int64, err error) {
	entries, err := copies(tensors)
	if err != nil {
		return nil, 0, err
	}
	if size, err = safetensors.Size(metadata, entries); err != nil {
		return nil, 0, err
	}
	return func(w io.Writer) error { return safetensors.Write(w, metadata, entries) }, size, nil
}

func copies(tensors iter.Seq2[string, *Param]) (entries []safetensors.Entry, err error) {
	for name, p := range tensors {
		e, err := entry(name, p.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// entry copies one tensor.
func entry(name string, t *tensor.Tensor) (safetensors.Entry, error) {
	switch t.DType {
	case tensor.F32:
		return values[float32](name, t)
	case tensor.F64:
		return values[float64](name, t)
	case tensor.I32:
		return values[int32](name, t)
	case tensor.U8:
		return values[uint8](name, t)
	}
	return safetensors.Entry{}, fmt.Errorf("a state of dtype %v cannot be saved", t.DType)
}

// element is what both tensors and files have.
type element interface {
	float32 | float64 | int32 | uint8
}

func values[T element](name string, t *tensor.Tensor) (safetensors.Entry, error) {
	v, err := tensor.Data[T](t)
	if err != nil {
		return safetensors.Entry{}, err
	}
	return safetensors.Of(name, t.Shape, v), nil
}

// Restore sets tensors from a safetensors file that Snapshot wrote. Names, dtypes and shapes must
// all agree; nothing is set if they do not.
func Restore(r io.ReaderAt, size int64, tensors iter.Seq2[string, *Param]) error {
	f, err := safetensors.Read(r, size)
	if err != nil {
		return err
	}
	if err := f.Match(infos(tensors)); err != nil {
		return err
	}
	for name, p := range tensors {
		if err := set(f, name, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// Fits tells how a file differs from what Restore would want; nil if it does not.
func Fits(r io.ReaderAt, size int64, tensors iter.Seq2[string, *Param]) error {
	f, err := safetensors.Read(r, size)
	if err != nil {
		return err
	}
	return f.Match(infos(tensors))
}

func infos(tensors iter.Seq2[string, *Param]) (list []safetensors.Info) {
	for name, p := range tensors {
		list = append(list, safetensors.Info{
			Name: name, DType: safetensors.DType(p.Value.DType.String()), Shape: p.Value.Shape,
		})
	}
	return list
}

func set(f *safetensors.File, name string, t *tensor.Tensor) error {
	switch t.DType {
	case tensor.I32:
		return assign[int32](f, name, t)
	case tensor.U8:
		return assign[uint8](f, name, t)
	case tensor.F64:
		return assign[float64](f, name, t)
	}
	return assign[float32](f, name, t)
}

func assign[T element](f *safetensors.File, name string, t *tensor.Tensor) error {
	v, err := safetensors.Values[T](f, name)
	if err != nil {
		return err
	}
	tensor.Set(t, v)
	return nil
}

// Save writes a model's parameters and states to a safetensors file, under kith's names and
// layouts, all or nothing.
func Save(path string, model any) error {
	entries, err := copies(Tensors(model))
	if err != nil {
		return err
	}
	return safetensors.Save(path, metadata, entries)
}

// Load reads what Save wrote into a model of the same shape.
func Load(path string, model any) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := Restore(file, info.Size(), Tensors(model)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

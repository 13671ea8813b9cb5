package tensor

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"unsafe"
)

// A Number is an element as the host sees it.
type Number interface {
	~float32 | ~float64 | ~int32 | ~uint8
}

// Data waits for t and returns its elements, converted between float types, and between integer
// types, which keep them exactly. Inside a step that is being planned there are no values: it
// panics.
func Data[T Number](t *Tensor) ([]T, error) {
	if t.scope.over {
		misuse("Data of a tensor whose scope is closed", t.Spec)
	}
	out := make([]T, t.Shape.Size())
	if dtypeOf[T]() == t.DType {
		return out, t.scope.backend.Download(bytesOf(out), t)
	}
	a, err := download(t.scope.backend, t)
	if err != nil {
		return nil, err
	}
	for i, v := range a.Data {
		out[i] = T(v)
	}
	return out, nil
}

// Set queues new elements for root tensor t, between steps. v may be reused on return.
func Set[T Number](t *Tensor, v []T) {
	if t.scope.root != nil {
		misuse("Set of a step's tensor; only root tensors are set", t.Spec)
	}
	if t.scope.over {
		misuse("Set of a tensor whose root is closed", t.Spec)
	}
	if t.scope.busy {
		misuse("Set inside a step, where state is read-only", t.Spec)
	}
	if len(v) != t.Shape.Size() {
		misuse(fmt.Sprintf("Set with %d elements of a tensor that has %d", len(v), t.Shape.Size()), t.Spec)
	}
	if dtypeOf[T]() == t.DType {
		t.scope.backend.Upload(t, bytesOf(v))
		return
	}
	a := NewArray(t.Spec)
	for i, x := range v {
		a.Data[i] = float64(x)
	}
	t.scope.backend.Upload(t, encode(a))
}

// dtypeOf is the dtype whose elements have T's bits.
func dtypeOf[T Number]() DType {
	switch reflect.TypeFor[T]().Kind() { // T may be a named type
	case reflect.Float32:
		return F32
	case reflect.Float64:
		return F64
	case reflect.Int32:
		return I32
	}
	return U8
}

// bytesOf is v's memory. Every platform that kith builds for is little-endian, as is every
// device, so elements are moved without conversion.
func bytesOf[T Number](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
}

func download(b Backend, t *Tensor) (Array, error) {
	raw := make([]byte, t.Bytes())
	if err := b.Download(raw, t); err != nil {
		return Array{}, err
	}
	return decode(t.Spec, raw), nil
}

// decode reads the elements of a tensor.
func decode(s Spec, raw []byte) Array {
	a, le := NewArray(s), binary.LittleEndian
	for i := range a.Data {
		switch s.DType {
		case F32:
			a.Data[i] = float64(math.Float32frombits(le.Uint32(raw[4*i:])))
		case BF16:
			a.Data[i] = float64(math.Float32frombits(uint32(le.Uint16(raw[2*i:])) << 16))
		case F64:
			a.Data[i] = math.Float64frombits(le.Uint64(raw[8*i:]))
		case I32:
			a.Data[i] = float64(int32(le.Uint32(raw[4*i:])))
		case U8:
			a.Data[i] = float64(raw[i])
		}
	}
	return a
}

// encode rounds each element to a's dtype, to nearest even; integers saturate and have no NaN.
func encode(a Array) []byte {
	raw, le := make([]byte, a.Bytes()), binary.LittleEndian
	for i, v := range a.Data {
		switch a.DType {
		case F32:
			le.PutUint32(raw[4*i:], math.Float32bits(float32(v)))
		case BF16:
			le.PutUint16(raw[2*i:], bf16Bits(v))
		case F64:
			le.PutUint64(raw[8*i:], math.Float64bits(v))
		case I32:
			le.PutUint32(raw[4*i:], uint32(int32(saturate(v, math.MinInt32, math.MaxInt32))))
		case U8:
			raw[i] = byte(saturate(v, 0, math.MaxUint8))
		}
	}
	return raw
}

// round is a's elements as a store in its dtype would leave them.
func round(a Array) Array {
	if a.DType == F64 {
		return a
	}
	return decode(a.Spec, encode(a))
}

func saturate(v, lo, hi float64) float64 {
	if v != v {
		return 0
	}
	return math.RoundToEven(min(max(v, lo), hi))
}

// bf16Bits rounds v to float32 and then to bfloat16, both to nearest even: what the store of a
// float32 kernel does.
func bf16Bits(v float64) uint16 {
	u := math.Float32bits(float32(v))
	if v != v {
		return uint16(u>>16) | 0x40 // keep it a NaN when the low half is cut off
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// bytesText is n in a unit that keeps it short.
func bytesText(n int) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}

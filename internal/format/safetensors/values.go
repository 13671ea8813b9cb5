package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Number is an element type of Go that tensors are read as.
type Number interface {
	float32 | float64 | int32 | int64 | uint8
}

// chunk is how many bytes are read and converted at a time: large enough for the disk, small enough
// that a tensor is not held twice.
const chunk = 1 << 20

// Values returns the elements of a tensor as T. Floats convert to floats (rounding to nearest even
// where T is narrower), whole numbers and booleans to whole numbers if each fits; between the two
// kinds there is no conversion, since it would hide that a file holds something else.
func Values[T Number](f *File, name string) ([]T, error) {
	t, ok := f.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("no tensor %q", name)
	}
	decode, err := decoder[T](t)
	if err != nil {
		return nil, err
	}
	out := make([]T, t.Elements())
	buf := make([]byte, min(t.Bytes(), chunk))
	size := int64(t.DType.Size())
	for at := int64(0); at < t.Bytes(); at += chunk {
		part := buf[:min(t.Bytes()-at, chunk)]
		if err := readAt(f.data, part, t.begin+at); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		if err := decode(out[at/size:], part); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	return out, nil
}

// decoder chooses the conversion from t's dtype to T.
func decoder[T Number](t Info) (func(dst []T, src []byte) error, error) {
	var zero T
	_, is32 := any(zero).(float32)
	_, is64 := any(zero).(float64)
	switch {
	case is32 && t.DType == F32:
		return copy32[T], nil
	case (is32 || is64) && t.DType.Float():
		return floats[T](t.DType), nil
	case !is32 && !is64 && !t.DType.Float():
		return ints[T](t.DType), nil
	}
	return nil, fmt.Errorf("tensor %v cannot be read as %T", t, zero)
}

// copy32 keeps the very bits, which a way through float64 would not for a signaling NaN.
func copy32[T Number](dst []T, src []byte) error {
	out := any(dst).([]float32)
	for i := 0; i < len(src); i += 4 {
		out[i/4] = math.Float32frombits(binary.LittleEndian.Uint32(src[i:]))
	}
	return nil
}

// floats converts through float64, which holds every value of the four float types exactly; so the
// one rounding is that to T.
func floats[T Number](d DType) func(dst []T, src []byte) error {
	size := d.Size()
	return func(dst []T, src []byte) error {
		for i := 0; i < len(src); i += size {
			dst[i/size] = T(float(d, src[i:]))
		}
		return nil
	}
}

// float widens one element; every type but F64 does so exactly.
func float(d DType, b []byte) float64 {
	switch d {
	case F64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case F32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case BF16: // the upper half of a float32
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
	default:
		return half(binary.LittleEndian.Uint16(b))
	}
}

// half widens an IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits.
func half(h uint16) float64 {
	sign, exp, man := 1.0, int(h>>10&31), float64(h&1023)
	if h>>15 == 1 {
		sign = -1
	}
	switch exp {
	case 0: // subnormal
		return sign * math.Ldexp(man, -24)
	case 31:
		if man != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+man, exp-25)
}

// ints converts through int64 and refuses what does not come back: a counter that silently wraps
// would pass for a small one.
func ints[T Number](d DType) func(dst []T, src []byte) error {
	size := d.Size()
	return func(dst []T, src []byte) error {
		for i := 0; i < len(src); i += size {
			v, ok := integer(d, src[i:])
			dst[i/size] = T(v)
			if !ok || int64(dst[i/size]) != v {
				return fmt.Errorf("a %s does not fit in %T", d, dst[0])
			}
		}
		return nil
	}
}

// integer widens one element; false where a U64 does not fit or a boolean is neither 0 nor 1.
func integer(d DType, b []byte) (v int64, ok bool) {
	le := binary.LittleEndian
	switch d {
	case I64:
		return int64(le.Uint64(b)), true
	case U64:
		v = int64(le.Uint64(b))
		return v, v >= 0
	case I32:
		return int64(int32(le.Uint32(b))), true
	case U32:
		return int64(le.Uint32(b)), true
	case I16:
		return int64(int16(le.Uint16(b))), true
	case U16:
		return int64(le.Uint16(b)), true
	case I8:
		return int64(int8(b[0])), true
	case Bool:
		return int64(b[0]), b[0] <= 1
	default: // U8
		return int64(b[0]), true
	}
}

// Finite reports the first tensor of floats that holds a NaN or an infinity.
func (f *File) Finite() error {
	for _, t := range f.tensors {
		if !t.DType.Float() {
			continue
		}
		v, err := Values[float64](f, t.Name)
		if err != nil {
			return err
		}
		for i, x := range v {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("tensor %v holds %v at element %d", t, x, i)
			}
		}
	}
	return nil
}

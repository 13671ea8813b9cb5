package simd

import "math"

// Add sets dst[i] = x[i] + y[i].
func Add(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

// Sub sets dst[i] = x[i] - y[i].
func Sub(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] - y[i]
	}
}

// Mul sets dst[i] = x[i] · y[i].
func Mul(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

// Div sets dst[i] = x[i] / y[i].
func Div(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] / y[i]
	}
}

// Scale sets dst[i] = x[i] · s.
func Scale(dst, x []float32, s float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * s
	}
}

// Shift sets dst[i] = x[i] + s.
func Shift(dst, x []float32, s float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + s
	}
}

// AtLeast sets dst[i] = s where x[i] < s, else x[i]; a NaN stays.
func AtLeast(dst, x []float32, s float32) {
	x = x[:len(dst)]
	for i, v := range x {
		if v < s {
			v = s
		}
		dst[i] = v
	}
}

// ReLU sets dst[i] = 0 where x[i] < 0, else x[i]; so NaN and -0 stay.
func ReLU(dst, x []float32) { AtLeast(dst, x, 0) }

// ReLUGrad sets dst[i] = dy[i] where y[i] > 0, else 0.
func ReLUGrad(dst, dy, y []float32) {
	dy, y = dy[:len(dst)], y[:len(dst)]
	for i := range dst {
		if y[i] > 0 {
			dst[i] = dy[i]
		} else {
			dst[i] = 0
		}
	}
}

// Sqrt sets dst[i] = √x[i].
func Sqrt(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = float32(math.Sqrt(float64(v)))
	}
}

// Rsqrt sets dst[i] = 1 / √x[i], rounding twice.
func Rsqrt(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = 1 / float32(math.Sqrt(float64(v)))
	}
}

// Exp sets dst[i] = eˣ.
func Exp(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = float32(math.Exp(float64(v)))
	}
}

// Log sets dst[i] = ln x[i].
func Log(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = float32(math.Log(float64(v)))
	}
}

// SubMulAdd sets dst[i] = (x[i] - m[i]) · a[i] + b[i], rounding after each operation: BatchNorm.
func SubMulAdd(dst, x, m, a, b []float32) {
	x, m, a, b = x[:len(dst)], m[:len(dst)], a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = float32((x[i]-m[i])*a[i]) + b[i]
	}
}

// SubMulAddMax is SubMulAdd, then ReLU.
func SubMulAddMax(dst, x, m, a, b []float32) {
	SubMulAdd(dst, x, m, a, b)
	ReLU(dst, dst)
}

// MulAddMask sets dst[i] = dy[i] where x[i] · a[i] + b[i] > 0, rounded after each operation, else 0:
// the gradient of a ReLU behind BatchNorm, whose result need not be kept.
func MulAddMask(dst, dy, x, a, b []float32) {
	dy, x, a, b = dy[:len(dst)], x[:len(dst)], a[:len(dst)], b[:len(dst)]
	for i := range dst {
		v := float32(0)
		if float32(x[i]*a[i])+b[i] > 0 {
			v = dy[i]
		}
		dst[i] = v
	}
}

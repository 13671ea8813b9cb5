// Package tensor is kith's engine: arrays, the ops on them, and the scopes that own both.
//
// A step is a function of a [Scope]. It enters root tensors, applies ops, and assigns what root
// tensors shall hold next; the assignments land together when it returns:
//
//	root := tensor.Open(ref.New())
//	w := root.New(tensor.Spec{DType: tensor.F32, Shape: tensor.Shape{3}})
//	tensor.Set(w, []float32{1, 2, 3})
//	root.Run(func(s *tensor.Scope) {
//		s.Assign(w, s.Enter(w).Scale(2))
//	})
//
// # Tensors
//
// Tensors are contiguous, row-major and immutable, of rank at most 6. Activations are NHWC,
// weights [out, ..., in]. In a pointwise op the first input has the full shape; every other one
// has that shape or a suffix of it ([c] against [n, h, w, c], [] against anything).
//
// # Ops
//
// An [Op] is data: a small comparable struct that owns its shape rule, its definition in float64
// and its gradient rule, each op in a file of its own. Everything else interprets ops. Some
// implement more, found by assertion:
//
//   - [Pointwise]: element i of the output depends on element i of the inputs alone
//   - [Columns]: reduces all axes but trailing ones
//   - [Composite]: is a formula over other ops; a kernel is optional
//   - [Alias]: renames elements of its first input; nothing runs
//
// # Backends
//
// A [Backend] runs ops. Where it has no kernel, the definition runs on the host, counted in
// [Scope.Fallbacks]. A backend may implement more, found by [As]: [Prober], [Lowerer],
// [Capturer], [Exact], [Wrapper], and io.Closer.
//
// # Errors
//
// Caller bugs (shapes, dtypes, a root tensor as input) panic with [*Error]; [Catch] turns that
// into an error at a package border. Device failures stick until [Scope.Sync].
package tensor

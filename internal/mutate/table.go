package main

// mutants are the deliberate bugs: at least those of spec/testing.md 2.8 that the sources allow.
// Names say what goes wrong. Edits are as short as uniqueness permits.
var mutants = []mutant{
	// Gradients and ops.
	{"sign in a VJP", "tensor/op_sub.go", "sumTo(grad[0], in[1]).Scale(-1)", "sumTo(grad[0], in[1])", "./autograd", ""},
	{"transposed Jacobian", "tensor/op_permute.go", "inverse.D[a] = i", "inverse.D[i] = a", "./autograd", ""},
	{"off by one in a pad", "tensor/op_conv2d.go", "h := p*o.step() - o.Pad + r", "h := p*o.step() - o.Pad + r + 1", "./internal/truth", "TestModules"},
	{"pad wrong on one side only", "tensor/op_conv2d.go", "min(filter[2], x[2]-left)", "min(filter[2], x[2]-left-o.Pad)", "./internal/truth", "TestModules"},
	{"input gradient misses the first tap", "tensor/op_conv2dgradx.go", "o.taps(out[0].Shape, in[1].Shape, in[0].Shape, func(xi, wi, yi, n int) {",
		"o.taps(out[0].Shape, in[1].Shape, in[0].Shape, func(xi, wi, yi, n int) {\n\t\tif wi == 0 && o.Stride == 2 {\n\t\t\treturn\n\t\t}", "./internal/truth", "TestModules"},
	{"max-pool gradient to the wrong tie", "tensor/op_maxpool.go", "arg[at] < 0 || beats(v, y[at])", "arg[at] < 0 || !beats(y[at], v)", "./backends/cpu", "TestCases"},
	{"epsilon outside the root", "tensor/op_batchnorm.go", "/math.Sqrt(variance[j]+o.Eps)*in[1]", "/(math.Sqrt(variance[j])+o.Eps)*in[1]", "./autograd", ""},
	{"normalization loses the rest of the mean", "tensor/op_batchnorm.go", "Add(beta.Sub(rest.Mul(a)))", "Add(beta.Add(rest.Mul(a)))", "./internal/truth", "TestModules"},
	{"unit rows keep their radial gradient", "tensor/op_unit.go", "dx := dy.Sub(y.RowMul(dy.RowDot(y))).RowMul(r)", "dx := dy.Sub(y.RowMul(dy.RowDot(y)).Scale(0)).RowMul(r)", "./autograd", ""},
	{"wrap drops the tail", "tensor/op_writerows.go", "for i := range in[2].Shape[0] {\n\t\tcopy(", "for i := range min(in[2].Shape[0], m-at) {\n\t\tcopy(", "./nnclr", "TestPush"},
	{"label -1 counts as a class", "tensor/op_crossentropy.go", "if label >= 0 {", "if label = max(label, 0); label >= 0 {", "./internal/truth", "TestModules"},

	// Kernels.
	{"a tail element is dropped", "backends/cpu/internal/simd/arith.go", "x, y = x[:len(dst)], y[:len(dst)]\n\tfor i := range dst {\n\t\tdst[i] = x[i] + y[i]",
		"x, y = x[:len(dst)], y[:len(dst)]\n\tfor i := range dst[:max(len(dst)-1, 0)] {\n\t\tdst[i] = x[i] + y[i]", "./backends/cpu/internal/simd", ""},
	{"the last block of a depth is skipped", "backends/cpu/internal/product/gemm_f.go", "k < deep; k += w.depth", "k+w.depth <= deep; k += w.depth", "./backends/cpu/internal/product", ""},
	{"rows copied for the next sweep may be unfinished", "backends/cpu/internal/product/gemm_f.go", "w.s.f.Moves.Finish()", "w.s.f.Moves = simd.Moves{}", "./backends/cpu/internal/product", "TestGemm"},
	{"a strided input gradient misses a phase", "backends/cpu/internal/product/conv.go", "for i := range c.phases() {", "for i := range c.phases() - 1 {", "./backends/cpu/internal/product", "TestConv"},
	{"a plan writes over what is still read", "backends/plan/direct.go", " || !l.lastReader(target, m, n) {", " {", "./backends/plan", "TestPasses|TestRandom"},

	// Layers.
	{"running variance is biased", "nn/batchnorm.go", "variance.Scale(n/max(n-1, 1))", "variance.Scale(n/max(n, 1))", "./internal/truth", "TestTracking"},
	{"momentum of running statistics swapped", "nn/batchnorm.go", "bnKeep = 0.9", "bnKeep = 0.1", "./internal/truth", "TestTracking"},
	{"evaluation uses the statistics of the batch", "nn/batchnorm.go", "if !c.Train {", "if false {", "./nn", ""},
	{"second view overwrites the statistics of the first", "nn/ctx.go", "old := c.Scope.Pending(s.Value)", "c.Scope.Pending(s.Value)\n\told := c.Scope.Enter(s.Value)", "./internal/truth", "TestP1/lars/eager"},
	{"bottleneck strides on its first convolution", "nn/resnet.go", "Conv2: NewConv2D(width, width, 3, stride, 1), BN2: NewBatchNorm(width),\n\t\tConv3", "Conv2: NewConv2D(width, width, 3, stride, stride), BN2: NewBatchNorm(width),\n\t\tConv3", "./internal/truth", "TestResNets/resnet50-32"},

	// The method.
	{"half is missing in the symmetric loss", "nnclr/nnclr.go", "return loss.Add(other).Scale(0.5), metrics", "return loss.Add(other), metrics", "./internal/truth", "TestP1/lars/eager"},
	{"temperature multiplies", "nnclr/infonce.go", "return query.MatMulT(key).Scale(1 / temperature)", "return query.MatMulT(key).Scale(temperature)", "./internal/truth", "TestPaired"},
	{"columns in place of rows", "nnclr/infonce.go", "return query.MatMulT(key).Scale(1 / temperature)", "return key.MatMulT(query).Scale(1 / temperature)", "./internal/truth", "TestPaired"},
	{"gradient through the neighbor", "nnclr/nnclr.go", "m.push(c, u1, u2, b) ", "a1.Row = a1.Row.Add(u1.Sub(u1.Detach()))\n\tm.push(c, u1, u2, b) ", "./internal/truth", "TestP1/lars/eager"},
	{"neighbors searched for the wrong view", "nnclr/nnclr.go", "m.Support.Nearest(c, u2, b) // in", "m.Support.Nearest(c, u1, b) // in", "./internal/truth", "TestP1/lars/eager"},
	{"rows of the queue are not normalized", "nnclr/nnclr.go", "m.push(c, u1, u2, b) ", "m.push(c, z1.Wide(), z2.Wide(), b) ", "./internal/truth", "TestP1/lars/eager"},
	{"both views are pushed", "nnclr/nnclr.go", "default:\n\t\tm.Support.Push(c, u1, b)", "default:\n\t\tm.Support.Push(c, tensor.Join(u1, u2), b)", "./internal/truth", "TestP1/lars/eager"},
	{"predictor eats unit rows", "nnclr/nnclr.go", "m.predict(c, z1), m.predict(c, z2)", "m.predict(c, z1.Unit()), m.predict(c, z2.Unit())", "./internal/truth", "TestP1/lars/eager"},
	{"an image finds itself", "nnclr/queue.go", "id = b.ID", "id = b.ID.Fill(-1)", "./nnclr", ""},
	{"a step that is not finite is kept", "nnclr/inputs.go", "\ts.Gate(ok)\n", "", "./nnclr", "TestGuard"},

	// Optimizers and schedules.
	{"biases and batch norms are adapted", "optim/optimizer.go", "return len(p.Spec.Shape) > 1", "return len(p.Spec.Shape) > 0", "./internal/truth", "TestOptimizers"},
	{"trust ratio of the other variant", "optim/lars.go", "return []Transform{decay, trust, Rate{}, momentum}, nil", "return []Transform{on(apart), Rate{}, momentum}, nil", "./internal/truth", "TestOptimizers"},
	{"rate outside the momentum", "optim/lars.go", "return []Transform{decay, trust, Rate{}, momentum}, nil", "return []Transform{decay, trust, momentum, Rate{}}, nil", "./internal/truth", "TestOptimizers"},
	{"decay touches every tensor", "optim/lars.go", "decay, trust := on(Decay{o.Decay})", "decay, trust := Transform(Decay{o.Decay})", "./internal/truth", "TestOptimizers"},
	{"Nesterov with the old buffer", "optim/momentum.go", "return u.Add(v.Scale(t.Keep))", "return u.Add(s.Slot(i).Scale(t.Keep))", "./internal/truth", "TestOptimizers"},
	{"warm-up off by one", "optim/schedule.go", "ramp := func(s int) float64 { return p.Rate * float64(s) /", "ramp := func(s int) float64 { return p.Rate * float64(s+1) /", "./internal/truth", "TestSchedules"},
	{"cosine ends early", "optim/schedule.go", "return p.Rate * half(p.share(s, p.Steps)) }", "return p.Rate * half(p.share(s, p.Steps-1)) }", "./internal/truth", "TestSchedules"},

	// Data.
	{"second view repeats the first one's draws", "nnclr/data/pipeline.go", "key.At(uint64(v))", "key.At(0)", "./nnclr/data", "TestDraws"},
	{"every epoch draws the same views", "nnclr/data/loader.go", "key: l.Key.Fold(\"augment\").At(uint64(e)),", "key: l.Key.Fold(\"augment\").At(0),", "./nnclr/data", "TestDraws"},
	{"flip is applied twice, so not at all", "nnclr/data/augment.go", "floatRows{img, left, top, d.Flip}", "floatRows{img, left, top, false}", "./nnclr/data", ""},
	{"taps outside the crop", "nnclr/data/resize.go", "hi := min(int(center+support+0.5), in)", "hi := int(center + support + 0.5)", "./nnclr/data", "TestResizeEqualsPillow"},

	// Evaluation.
	{"votes without the temperature", "nnclr/eval/knn.go", "math.Exp(n.score / k.T)", "math.Exp(n.score)", "./nnclr/eval", ""},
	{"label -1 of a bank votes", "nnclr/eval/knn.go", "if bank.Label[from+i] >= 0 {", "if bank.Label[from+i] >= -1 {", "./nnclr/eval", ""},

	// Runs and checkpoints.
	{"the support set is not saved", "nnclr/train/save.go", "{optimizerFile, slots}, {supportFile, part(true)}}", "{optimizerFile, slots}}", "./nnclr/train", "TestResume"},
	{"resume repeats a batch", "nnclr/train/run.go", "r.state.Step/r.perEpoch, r.state.Step%r.perEpoch", "r.state.Step/r.perEpoch, max(r.state.Step%r.perEpoch-1, 0)", "./nnclr/train", "TestResume"},
	{"rename without syncing the folder", "internal/checkpoint/save.go", "return s.fs().SyncDir(tmp)\n", "return nil\n", "./internal/checkpoint", "TestCrash"},
	{"files are not synced", "internal/fsys/fsys.go", "err = f.Sync()", "err = nil", "./internal/checkpoint", "TestCrash"},
	{"hash of the wrong file", "internal/checkpoint/load.go", "if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {", "if got := hex.EncodeToString(h.Sum(nil)); got == \"\" {", "./internal/checkpoint", "TestBitFlips|TestSwapped"},
}

"""Golden gradients from PyTorch's own op database: golden/opinfo/*.safetensors, one file per op.

Each sample input that PyTorch lists for an op is run once in float64 with a random upstream
gradient. Tensors of case NNNN: NNNN/in0 ..., NNNN/out0 ..., NNNN/up0 ... (upstream of out0),
NNNN/grad0 ... (gradient of in0; missing where the input asks for none), NNNN/after0 ... (inputs
the op changed in place: running statistics). Metadata NNNN holds args and kwargs as JSON, with
{"t": i} for tensor i and {"f": "inf"} for what JSON cannot say.

    python3 testdata/gen/opinfo.py
"""
import math
import sys
import types

import torch

import golden

# PyTorch's test utilities import this package only to rewrite expected strings.
stub = types.ModuleType("expecttest")
stub.TestCase, stub.ACCEPT = type("TestCase", (), {}), False
sys.modules.setdefault("expecttest", stub)
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

NAMES = """nn.functional.conv2d nn.functional.batch_norm nn.functional.max_pool2d nn.functional.avg_pool2d
nn.functional.adaptive_avg_pool2d nn.functional.linear matmul mm addmm bmm log_softmax softmax logsumexp
nn.functional.cross_entropy nn.functional.nll_loss sum mean var amax add sub mul div sqrt exp log pow where
clamp nn.functional.relu sigmoid tanh nn.functional.normalize linalg.vector_norm cat stack reshape transpose
permute expand narrow index_select gather nn.functional.interpolate nn.functional.layer_norm""".split()
ONE_OF = {"nn.functional.max_pool2d": 15}  # 1,440 samples are more than the suite needs


def pick(samples, k):
    """One of every k samples; which one moves on, so that no setting is always left out."""
    return [samples[i * k + i % k] for i in range(len(samples) // k)]


class Recorder:
    """Collects the cases of one op."""

    def __init__(self):
        self.tensors, self.meta, self.cases = {}, {}, 0

    def describe(self, value, inputs):
        """value as JSON, with its tensors moved to inputs."""
        if isinstance(value, torch.Tensor):
            inputs.append(value)
            return {"t": len(inputs) - 1}
        if isinstance(value, (list, tuple)):
            return [self.describe(v, inputs) for v in value]
        if isinstance(value, float) and not math.isfinite(value):
            return {"f": str(value)}
        if isinstance(value, torch.dtype):
            return {"dtype": str(value).split(".")[1]}
        assert value is None or isinstance(value, (bool, int, float, str)), value
        return value

    def add(self, op, sample):
        inputs, key = [], f"{self.cases:04d}"
        args = self.describe([sample.input, *sample.args], inputs)
        kwargs = {k: self.describe(v, inputs) for k, v in sample.kwargs.items()}
        before = [t.detach().clone() for t in inputs]
        outs = op(sample.input, *sample.args, **sample.kwargs)
        outs = list(outs) if isinstance(outs, (list, tuple)) else [outs]
        real = [o for o in outs if o.requires_grad]
        ups = [torch.randn_like(o) for o in real]
        wanted = [i for i, t in enumerate(inputs) if t.requires_grad]
        grads = torch.autograd.grad(real, [inputs[i] for i in wanted], ups, allow_unused=True)
        self.put(key, "in", enumerate(before))
        self.put(key, "out", enumerate(outs))
        self.put(key, "up", enumerate(ups))
        self.put(key, "grad", zip(wanted, grads))
        self.put(key, "after", ((i, t) for i, t in enumerate(inputs) if not torch.equal(t, before[i])))
        self.meta[key] = {"args": args, "kwargs": kwargs}
        self.cases += 1

    def put(self, key, what, items):
        for i, t in items:
            if t is not None:
                self.tensors[f"{key}/{what}{i}"] = t


def main():
    first = {}
    for info in op_db:
        first.setdefault(info.name, info)
    cases = size = 0
    for name in NAMES:
        torch.manual_seed(0)
        samples = list(first[name].sample_inputs("cpu", torch.float64, requires_grad=True))
        r = Recorder()
        for sample in pick(samples, ONE_OF.get(name, 1)):
            r.add(first[name].op, sample)
        short = name.split(".")[-1]
        size += golden.write(f"opinfo/{short}.safetensors", r.tensors, {"op": name, "seed": "0", **r.meta})
        print(f"{short:20} {r.cases:4} cases")
        cases += r.cases
    print(f"{len(NAMES)} ops, {cases} cases, {size} bytes")


if __name__ == "__main__":
    main()

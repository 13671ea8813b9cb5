"""torchvision's ResNets with shared numbers as weights: golden/resnet/*.safetensors.

Two passes in training mode (two batches, no update in between): feature, every gradient of
sum(feature * upstream) of the first pass, running statistics after both; then one pass in
evaluation mode. Each tensor is kept as norm, sum and 64 elements (golden.summary), each weight as
a hash. The metadata tells how far PyTorch's own float32 run is from its float64 run.

    python3 testdata/gen/resnets.py           32 and 64 px
    python3 testdata/gen/resnets.py --full    the same with whole tensors, into golden/resnet/full
    python3 testdata/gen/resnets.py --224     224 px
"""
import sys

import numpy as np
import torch
import torchvision

import golden
from philox import Key, exponent, numbers

ROOT = Key(1).fold("resnets")


def initialize(net, dtype):
    """Kaiming's range for convolutions; batch norms around 1 and 0."""
    made = {}
    for name, p in net.named_parameters():
        if p.ndim == 4:
            e, center = exponent((6 / (p.shape[0] * p.shape[2] * p.shape[3])) ** 0.5), 0.0
        else:
            e, center = -3, 1.0 if name.endswith("weight") else 0.0
        value = numbers(ROOT.fold(name), tuple(p.shape), e, center)
        p.data = torch.from_numpy(value).to(dtype)
        made[name] = {"shape": list(p.shape), "e": e, "center": center, "sha256": golden.digest(value)}
    return made


def run(arch, pixels, batch, dtype):
    """All tensors of the three passes by name, and how the weights were made."""
    net = getattr(torchvision.models, arch)(weights=None)
    net.fc = torch.nn.Identity()
    net.to(dtype)
    made = initialize(net, dtype)
    x = [torch.from_numpy(numbers(ROOT.fold(f"input{i}"), (batch, 3, pixels, pixels), 1)).to(dtype) for i in (0, 1)]
    net.train()
    feature = net(x[0])
    up = torch.from_numpy(numbers(ROOT.fold("upstream"), tuple(feature.shape), 0)).to(dtype)
    feature.backward(up)
    out = {"feature0": feature.detach()}
    out.update({"grad/" + n: p.grad for n, p in net.named_parameters()})
    with torch.no_grad():
        out["feature1"] = net(x[1])
        net.eval()
        out["evaluated"] = net(x[0])
    out.update({"state/" + n: b for n, b in net.named_buffers() if b.is_floating_point()})
    return out, made


def distance(a, b):
    """Relative L2 distance."""
    return float((a.double() - b).norm() / b.norm().clamp_min(1e-300))


def record(arch, pixels, batch, full):
    wide, made = run(arch, pixels, batch, torch.float64)
    narrow, _ = run(arch, pixels, batch, torch.float32)
    far = {k: distance(narrow[k], wide[k]) for k in wide}
    grads = [v for k, v in far.items() if k.startswith("grad/")]
    rest = {k: max(v for n, v in far.items() if n.startswith(k)) for k in ("feature", "evaluated", "state/")}
    meta = {"arch": arch, "pixels": str(pixels), "batch": str(batch), "weights": made,
            "key": "New(1).Fold(resnets).Fold(name); input0, input1 with e = 1, upstream with e = 0; NCHW",
            "float32_distance": {"grad median": float(np.median(grads)), "grad worst": max(grads), **rest}}
    tensors = {k: golden.array(v) if full else golden.summary(v) for k, v in wide.items()}
    size = golden.write(f"resnet/{'full/' if full else ''}{arch}-{pixels}.safetensors", tensors, meta)
    print(arch, pixels, size, "bytes; float32:", meta["float32_distance"], flush=True)


def main():
    full = "--full" in sys.argv
    if "--224" in sys.argv:
        record("resnet18", 224, 2, full)
        record("resnet50", 224, 2, full)
        return
    for arch in ("resnet18", "resnet50"):
        record(arch, 32, 8, full)
        record(arch, 64, 16 if arch == "resnet18" else 8, full)


if __name__ == "__main__":
    main()

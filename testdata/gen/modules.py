"""Layers, losses, optimizers and schedules in float64: golden/modules.safetensors, golden/optim.safetensors.

modules: PyTorch's layers with odd settings; tensors CASE/x, CASE/weight, ..., CASE/out, CASE/up and
CASE/grad_x, ...; metadata CASE holds kind and settings. Layouts are PyTorch's (NCHW, KCRS).
optim: 20 updates under changing rates, all from one list of gradients; values after steps 1, 2, 5,
10 and 20. SGD is torch.optim's; LARS is spelled out here from its published definitions.
Schedules: rate at chosen steps; metadata holds warm-up, length and base.

    /usr/bin/python3 testdata/gen/modules.py
"""
import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import golden


def randn(*shape):
    """Normal numbers that float32 holds exactly, so that it starts from the very same inputs."""
    return torch.randn(*shape).double()


class Modules:
    """Collects layer cases."""

    def __init__(self):
        self.tensors, self.meta, self.cases = {}, {"seed": "0"}, 0

    def add(self, kind, settings, inputs, call):
        """Runs call(**inputs) with a random upstream gradient and records everything."""
        key = f"{kind}/{self.cases:03d}"
        self.cases += 1
        leaves = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
        out = call(**leaves)
        up = randn(*out.shape)
        wanted = [k for k, v in leaves.items() if v.requires_grad]
        grads = torch.autograd.grad(out, [leaves[k] for k in wanted], up)
        self.tensors.update({f"{key}/{k}": v for k, v in inputs.items()})
        self.tensors.update({f"{key}/out": out, f"{key}/up": up})
        self.tensors.update({f"{key}/grad_{k}": g for k, g in zip(wanted, grads)})
        self.meta[key] = json.dumps(settings)
        return key


def batch_norms(m):
    """Three batches in training mode, then one in evaluation mode; momentum is PyTorch's."""
    for momentum, eps in ((0.1, 1e-5), (0.01, 1e-3), (0.37, 1e-5), (1.0, 0.1), (0.0, 1e-5)):
        for shape, offset in (((8, 5), 0), ((4, 3, 5, 7), 0), ((2, 6, 1, 1), 3), ((3, 4, 2, 3), 1e3)):
            c = shape[1]
            layer = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(c, eps, momentum)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
            layer.double()
            x = [(offset + randn(*shape)).float().double() for _ in range(3)]
            weight, bias = randn(c), randn(c)
            start = {"mean0": layer.running_mean.clone(), "variance0": layer.running_var.clone()}
            run = lambda x, weight, bias, train: F.batch_norm(
                x, layer.running_mean, layer.running_var, weight, bias, train, momentum, eps)
            run(x[0], weight, bias, True)
            run(x[1], weight, bias, True)
            key = m.add("batchnorm", {"momentum": momentum, "eps": eps}, {"x": x[2], "weight": weight, "bias": bias},
                        lambda x, weight, bias: run(x, weight, bias, True))
            m.tensors.update({f"{key}/{k}": v for k, v in start.items()})
            m.tensors.update({f"{key}/x0": x[0], f"{key}/x1": x[1]})
            m.tensors.update({f"{key}/mean": layer.running_mean.clone(), f"{key}/variance": layer.running_var.clone()})
            for stat in (layer.running_mean, layer.running_var):
                stat.copy_(stat.float())
            key = m.add("batchnorm_eval", {"momentum": momentum, "eps": eps},
                        {"x": x[0], "weight": weight, "bias": bias}, lambda x, weight, bias: run(x, weight, bias, False))
            m.tensors.update({f"{key}/mean": layer.running_mean.clone(), f"{key}/variance": layer.running_var.clone()})


def convolutions(m):
    """Kernels 1 to 7 (even ones too), strides 1 to 4, pads up to beyond the kernel's half."""
    for r, s, stride, pad in ((1, 1, 1, 0), (1, 1, 2, 0), (2, 2, 1, 0), (2, 2, 2, 1), (3, 3, 1, 1), (3, 3, 2, 1),
                              (3, 3, 3, 0), (3, 3, 1, 2), (4, 4, 2, 1), (4, 2, 1, 1), (5, 5, 2, 2), (7, 7, 2, 3),
                              (1, 3, 1, 0), (3, 1, 2, 1), (6, 6, 4, 5), (2, 3, 3, 1)):
        x, w = randn(2, 3, 9, 8), randn(4, 3, r, s)
        m.add("conv", {"stride": stride, "pad": pad}, {"x": x, "weight": w},
              lambda x, weight: F.conv2d(x, weight, None, stride, pad))


def rest(m):
    for n, i, o in ((1, 1, 1), (4, 3, 5), (7, 16, 2), (3, 33, 9)):
        m.add("linear", {}, {"x": randn(n, i), "weight": randn(o, i),
                             "bias": randn(o)},
              lambda x, weight, bias: F.linear(x, weight, bias))
    for size, stride, pad in ((2, 2, 0), (3, 2, 1), (3, 1, 1), (2, 1, 0), (3, 3, 0), (5, 2, 2), (2, 3, 1)):
        m.add("maxpool", {"size": size, "stride": stride, "pad": pad}, {"x": randn(2, 3, 9, 8)},
              lambda x: F.max_pool2d(x, size, stride, pad))
    for shape in ((2, 3, 1, 1), (2, 5, 4, 7), (1, 1, 7, 7)):
        m.add("meanpool", {}, {"x": randn(shape)}, lambda x: x.mean((2, 3)))
    for n, d, scale in ((1, 1, 1), (5, 7, 1e-6), (3, 64, 1), (4, 3, 1e6)):
        m.add("normalize", {}, {"x": (scale * randn(n, d)).float().double()}, lambda x: F.normalize(x))
    for n, k, scale in ((1, 1, 1), (5, 7, 1), (8, 8, 100), (4, 33, 1e4)):
        label = torch.randint(k, (n,))
        if n > 4:
            label[1] = -1
        m.add("crossentropy", {}, {"x": scale * randn(n, k), "label": label},
              lambda x, label: F.cross_entropy(x, label, reduction="none", ignore_index=-1))


KEEP = (1, 2, 5, 10, 20)
SHAPES = {"matrix": (5, 3), "filter": (4, 3, 3, 2), "bias": (7,), "gamma": (4,), "zero": (2, 3)}


def lars(variant, eta, momentum, decay, nesterov, clip=False):
    """One update of one tensor; spec/nnclr.md 7.2. Tensors of rank 1 are neither decayed nor adapted."""
    def trust(w, norm, rate):
        if w.norm() == 0 or norm == 0:
            return eta  # spec/nnclr.md 7.2, zero norms: neither scaled nor clipped
        t = eta * w.norm() / norm
        return torch.clamp(t / rate, max=1) if clip else t

    def update(w, g, v, rate):
        matrix = w.ndim > 1
        u = g + decay * w if matrix else g.clone()
        if variant == "popular":
            v.mul_(momentum).add_(u)
            step = momentum * v + u if nesterov else v
            return w.sub_(rate * (trust(w, step.norm(), rate) if matrix else 1) * step)
        if matrix:
            norm = u.norm()
            if variant in ("you", "bolts", "solo"):
                norm = g.norm() + decay * w.norm() + (0 if variant == "you" else 1e-8)
                norm = norm if g.norm() > 0 else g.norm()
            u = trust(w, norm, rate) * u
        inside = variant in ("classic", "you")
        u = rate * u if inside else u
        v.mul_(momentum).add_(u)
        step = momentum * v + u if nesterov else v
        return w.sub_(step if inside else rate * step)

    return update


def optimizers():
    """20 updates each."""
    g = torch.Generator().manual_seed(0)
    start = {k: torch.randn(s, generator=g).double() for k, s in SHAPES.items()}
    start["zero"].zero_()
    grads = {k: (torch.randn((20,) + s, generator=g) * 0.3).double() for k, s in SHAPES.items()}
    rates = [0.05 * (1 + s % 7) for s in range(20)]
    tensors = {"rates": np.array(rates)}
    tensors.update({f"start/{k}": v for k, v in start.items()})
    tensors.update({f"gradients/{k}": v for k, v in grads.items()})
    meta = {"seed": "0", "keep": json.dumps(KEEP)}

    def run(name, settings, step):
        w = {k: v.clone() for k, v in start.items()}
        for s, rate in enumerate(rates):
            step(s, w, rate)
            if s + 1 in KEEP:
                tensors.update({f"{name}/{s + 1:02d}/{k}": v.clone() for k, v in w.items()})
        meta[name] = json.dumps(settings)

    for momentum, decay, nesterov in ((0, 0, False), (0.9, 0, False), (0.9, 1e-2, False), (0.5, 0.3, True), (0.99, 1e-4, True)):
        run(f"sgd-{momentum}-{decay}-{nesterov}", {"momentum": momentum, "decay": decay, "nesterov": nesterov},
            torch_sgd(start, grads, momentum, decay, nesterov))
    for variant, nesterov, clip, eta in (("classic", 0, 0, 0.001), ("classic", 1, 0, 0.02), ("popular", 0, 0, 0.001),
                                         ("popular", 1, 0, 0.02), ("byol", 0, 0, 0.001), ("you", 0, 0, 0.02),
                                         ("bolts", 0, 0, 0.001), ("bolts", 1, 0, 0.02), ("solo", 0, 0, 0.02),
                                         ("solo", 0, 1, 0.02), ("solo", 0, 1, 0.5)):
        for momentum, decay in ((0.9, 1e-2), (0.7, 0.0)):
            update = lars(variant, eta, momentum, decay, nesterov, clip)
            slots = {k: torch.zeros_like(v) for k, v in start.items()}
            run(f"lars-{variant}-{nesterov}-{clip}-{eta}-{decay}",
                {"variant": variant, "nesterov": bool(nesterov), "clip": bool(clip), "eta": eta, "momentum": momentum, "decay": decay},
                lambda s, w, rate: [update(w[k], grads[k][s], slots[k], rate) for k in w])
    return tensors, meta


def torch_sgd(start, grads, momentum, decay, nesterov):
    """torch.optim.SGD behind the interface of run."""
    state = {}

    def step(s, w, rate):
        if not state:
            state["p"] = {k: nn.Parameter(v.clone()) for k, v in start.items()}
            state["opt"] = torch.optim.SGD(state["p"].values(), rate, momentum, weight_decay=decay, nesterov=nesterov)
        for group in state["opt"].param_groups:
            group["lr"] = rate
        for k, p in state["p"].items():
            p.grad = grads[k][s].clone()
        state["opt"].step()
        for k, p in state["p"].items():
            w[k] = p.detach()
    return step


def schedules(tensors, meta):
    """Rates by spec/nnclr.md 7.5 at 25 steps of each run."""
    def cosine(s, w, t, base):
        return base * s / w if s < w else base / 2 * (1 + math.cos(math.pi * (s - w) / (t - w)))

    def solo(s, w, t, base):
        return 3e-5 + s * (base - 3e-5) / (w - 1) if s < w else cosine(s, w, t, base)

    def lightly(s, w, t, base):
        if s < w:
            return base * (s + 1) / w
        c = (1 + math.cos(math.pi * (s - w) / (t - w - 1))) / 2 if s < t - 1 else 0
        return base * (1e-3 + (1 - 1e-3) * c)

    def barlow(s, w, t, base):
        c = (1 + math.cos(math.pi * (s - w) / (t - w))) / 2
        return base * s / w if s < w else base * (c + 1e-3 * (1 - c))

    for w, t, base in ((10, 100, 1.0), (3120, 312000, 4.8), (1950, 195000, 0.4), (7, 61, 0.06)):
        steps = sorted({0, 1, 2, w - 2, w - 1, w, w + 1, t // 2, t - 2, t - 1} | set(range(3, t, t // 15)))
        for f in (cosine, solo, lightly, barlow):
            name = f"schedule/{f.__name__}-{w}-{t}"
            tensors[name + "/step"] = np.array(steps, np.int32)
            tensors[name + "/rate"] = np.array([f(s, w, t, base) for s in steps])
            meta[name] = json.dumps({"kind": f.__name__, "warmup": w, "steps": t, "base": base})


def main():
    torch.manual_seed(0)
    m = Modules()
    batch_norms(m)
    convolutions(m)
    rest(m)
    size = golden.write("modules.safetensors", m.tensors, m.meta)
    print(m.cases, "layer cases,", size, "bytes")
    tensors, meta = optimizers()
    schedules(tensors, meta)
    size = golden.write("optim.safetensors", tensors, meta)
    print(len(meta) - 2, "optimizers and schedules,", size, "bytes")


if __name__ == "__main__":
    main()

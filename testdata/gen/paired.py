"""What two other NNCLR implementations compute on shared inputs: golden/paired.safetensors.

lightly's NNMemoryBankModule with NTXentLoss (the 2n-1 form), solo-learn's nnclr_loss_func (the row
form), both packages' LARS over 20 steps, lightly's cosine schedule. Inputs are the Fill matrices
of spec/nnclr.md appendix A (z1, z2, p1, p2: k = 1 to 4; queue: k = 5, rows normalized), [n, d]
and m as in the metadata, and for LARS those of golden/optim.safetensors.

    pip install lightly==1.6.0; pip install --no-deps solo-learn==1.0.2
    python3 testdata/gen/paired.py
"""
import importlib.metadata
import importlib.util
import json
import os
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from lightly.loss import NTXentLoss
from lightly.models.modules import NNMemoryBankModule
from lightly.utils.lars import LARS
from lightly.utils.scheduler import CosineWarmupScheduler

import golden
import modules

TAUS = (0.07, 0.1, 0.2, 0.5, 1.0)


def solo(path):
    """A file of solo-learn without its package, which would import a training framework."""
    folder = importlib.util.find_spec("solo").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("solo_" + os.path.basename(path)[:-3], os.path.join(folder, path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fill(k, r, c):
    """spec/nnclr.md, appendix A."""
    h = np.arange(r * c, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(k * 0x85EBCA77 & 0xFFFFFFFF)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    h = h ^ (h >> np.uint32(16))
    return torch.from_numpy(((h >> np.uint32(16)).astype(np.float64) / 32768 - 1).reshape(r, c))


def neighbors(bank, z):
    """lightly's own search over a bank with the given rows."""
    module = NNMemoryBankModule(size=tuple(bank.shape))
    module.bank = bank.clone()
    return module(z.detach(), update=False)


def losses(n, d, m, tensors):
    z1, z2, p1, p2 = (fill(k, n, d) for k in (1, 2, 3, 4))
    bank = F.normalize(fill(5, m, d))
    a1, a2 = neighbors(bank, z1), neighbors(bank, z2)
    rows = solo("losses/nnclr.py").nnclr_loss_func
    for tau in TAUS:
        ntx = NTXentLoss(temperature=tau)
        for name, f in (("solo", lambda a, p: rows(a, p, tau)), ("lightly", ntx)):
            q1, q2 = p1.clone().requires_grad_(), p2.clone().requires_grad_()
            loss = 0.5 * (f(a1, q2) + f(a2, q1))
            loss.backward()
            key = f"{name}/{n}x{d}x{m}/{tau}"
            tensors.update({key + "/loss": loss, key + "/grad_p1": q1.grad, key + "/grad_p2": q2.grad})


def updates(name, build, tensors, meta):
    """20 steps of an optimizer object on the parameters and gradients of golden/optim."""
    inputs, _ = modules.optimizers()
    params = {k: torch.nn.Parameter(inputs[f"start/{k}"].clone()) for k in modules.SHAPES if k != "zero"}
    opt, settings = build(params)
    for s, rate in enumerate(inputs["rates"]):
        for group in opt.param_groups:
            group["lr"] = float(rate)
        for k, p in params.items():
            p.grad = inputs[f"gradients/{k}"][s].clone()
        opt.step()
        if s + 1 in modules.KEEP:
            tensors.update({f"{name}/{s + 1:02d}/{k}": p.detach().clone() for k, p in params.items()})
    meta[name] = json.dumps(settings)


def lightly_lars(momentum, decay, eta, nesterov):
    def build(params):
        kinds = [{"params": [p for p in params.values() if p.ndim > 1], "weight_decay": decay},
                 {"params": [p for p in params.values() if p.ndim == 1], "weight_decay": 0}]
        return LARS(kinds, 1, momentum, nesterov=nesterov, trust_coefficient=eta), {
            "variant": "bolts", "momentum": momentum, "decay": decay, "eta": eta, "nesterov": nesterov, "clip": False}
    return build


def solo_lars(momentum, decay, eta, clip):
    def build(params):
        sgd = torch.optim.SGD(params.values(), 1, momentum, weight_decay=decay)
        return solo("utils/lars.py").LARSWrapper(sgd, eta, clip, exclude_bias_n_norm=True), {
            "variant": "solo", "momentum": momentum, "decay": decay, "eta": eta, "nesterov": False, "clip": clip}
    return build


def schedule(tensors, meta):
    """lightly's scheduler, stepped from 0 to the end."""
    for w, t in ((10, 100), (0, 17), (7, 61)):
        opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
        s = CosineWarmupScheduler(opt, w, t)
        rates = []
        for _ in range(t):
            rates.append(opt.param_groups[0]["lr"])
            opt.step()
            s.step()
        tensors[f"schedule/{w}-{t}"] = np.array(rates)
        meta[f"schedule/{w}-{t}"] = json.dumps({"kind": "lightly", "warmup": w, "steps": t, "base": 1.0})


def main():
    warnings.simplefilter("ignore")
    tensors, meta = {}, {"solo-learn": importlib.metadata.version("solo-learn"),
                         "lightly": importlib.metadata.version("lightly"), "taus": json.dumps(TAUS)}
    for shape in ((8, 16, 40), (3, 4, 5), (16, 32, 100)):
        losses(*shape, tensors)
    for momentum, decay, eta, nesterov in ((0.9, 1e-2, 1e-3, False), (0.9, 1e-4, 0.02, True), (0.5, 0.3, 0.02, False)):
        updates(f"lightly/lars-{momentum}-{decay}-{eta}-{nesterov}", lightly_lars(momentum, decay, eta, nesterov), tensors, meta)
    for momentum, decay, eta, clip in ((0.9, 1e-2, 0.02, True), (0.9, 1e-5, 0.5, True), (0.7, 0.0, 0.02, False)):
        updates(f"solo/lars-{momentum}-{decay}-{eta}-{clip}", solo_lars(momentum, decay, eta, clip), tensors, meta)
    schedule(tensors, meta)
    print(len(tensors), "tensors,", golden.write("paired.safetensors", tensors, meta), "bytes")
    g2 = float(tensors["solo/8x16x40/0.1/loss"])
    assert abs(g2 - 4.488569805236) < 1e-11, g2


if __name__ == "__main__":
    main()

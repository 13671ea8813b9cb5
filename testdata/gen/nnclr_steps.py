"""Twenty NNCLR steps in float64, the judge of parities P1 and P2: golden/nnclr/*.safetensors.

data.safetensors holds what every run shares: 128 images, the batches and both views of each step.
sgd-0.02, sgd-0.2 and lars hold, per step, loss, neighbors, gaps to the second best, and norm, sum
and 16 elements of every gradient, parameter and statistic; full tensors after the last step.
Initial weights and queue follow philox.numbers; parameters of batch norms are centered at 1 and 0.

    /usr/bin/python3 testdata/gen/nnclr_steps.py
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.resnet import BasicBlock

import golden
from philox import Key, exponent, numbers

IMAGES, BATCH, STEPS, QUEUE, WIDTH, TAU = 128, 16, 20, 128, 32, 0.1
MOMENTUM, DECAY, TRUST = 0.9, 1e-4, 0.02
ROOT = Key(1).fold("nnclr_steps")


def block(wide_in, wide, stride):
    down = None
    if stride > 1 or wide_in != wide:
        down = nn.Sequential(nn.Conv2d(wide_in, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))
    return BasicBlock(wide_in, wide, stride, down)


class Net(nn.Module):
    """Encoder, projector and predictor of spec/testing.md 4.2: 87,944 parameters."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            block(8, 8, 1), block(8, 16, 2), block(16, 32, 2), block(32, 64, 2),
            nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.projector = nn.Sequential(
            nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(),
            nn.Linear(64, WIDTH, bias=False), nn.BatchNorm1d(WIDTH))
        self.predictor = nn.Sequential(
            nn.Linear(WIDTH, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, WIDTH))

    def forward(self, x):
        z = self.projector(self.encoder(x))
        return z, self.predictor(z)


def initialize(net):
    """Shared numbers for every parameter; returns what the other side needs to make them too."""
    made = {}
    norms = {n for n, m in net.named_modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))}
    for name, p in net.named_parameters():
        owner, kind = name.rsplit(".", 1)
        center = 1.0 if owner in norms and kind == "weight" else 0.0
        e = -3
        if p.ndim == 4:
            e = exponent((6 / (p.shape[0] * p.shape[2] * p.shape[3])) ** 0.5)
        elif p.ndim == 2:
            e = exponent(p.shape[1] ** -0.5)
        value = numbers(ROOT.fold(name), tuple(p.shape), e, center)
        p.data = torch.from_numpy(value)
        made[name] = {"shape": list(p.shape), "e": e, "center": center, "sha256": golden.digest(value)}
    return made


def pictures():
    """Images and views on a grid of 1/32: smooth blobs, so that neighbors mean something."""
    r = np.random.default_rng(7)
    coarse = r.normal(0, 1.0, (IMAGES, 3, 4, 4)).repeat(4, 2).repeat(4, 3)
    images = np.clip(np.rint(32 * (coarse + r.normal(0, 0.2, coarse.shape))), -96, 95)
    batches = np.stack([r.permutation(IMAGES)[:BATCH] for _ in range(STEPS)])
    noise = np.rint(32 * r.normal(0, 0.25, (STEPS, 2, BATCH, 3, 16, 16)))
    views = np.clip(images[batches][:, None] + noise, -128, 127)
    return images.astype(np.int16), batches.astype(np.int32), views.astype(np.int16)


def nearest(u, queue):
    best = (u @ queue.T).topk(2, 1)
    return best.indices[:, 0], best.values[:, 0] - best.values[:, 1]


def loss_of(net, x1, x2, queue):
    """spec/nnclr.md 2: two passes, view 1 first; neighbors from the queue as it was before the step."""
    (z1, p1), (z2, p2) = net(x1), net(x2)
    u1, u2 = F.normalize(z1.detach()), F.normalize(z2.detach())
    (i1, g1), (i2, g2) = nearest(u1, queue), nearest(u2, queue)
    label = torch.arange(len(x1))
    loss = 0.5 * (F.cross_entropy(queue[i1] @ F.normalize(p2).T / TAU, label)
                  + F.cross_entropy(queue[i2] @ F.normalize(p1).T / TAU, label))
    return loss, u1, torch.stack([i1, i2]), torch.stack([g1, g2])


def sgd(p, g, v, rate):
    v.mul_(MOMENTUM).add_(g + DECAY * p)
    p.sub_(rate * v)


def lars(p, g, v, rate):
    """Variant classic: the rate inside the buffer; rank 1 neither decayed nor adapted."""
    if p.ndim > 1:
        g = g + DECAY * p
        g = g * (TRUST * p.norm() / g.norm())
    v.mul_(MOMENTUM).add_(rate * g)
    p.sub_(v)


def start():
    """Network, how its weights were made, queue, and momentum slots."""
    net = Net().double()
    made = initialize(net)
    queue = F.normalize(torch.from_numpy(numbers(ROOT.fold("queue"), (QUEUE, WIDTH), 0)))
    return net, made, queue, {n: torch.zeros_like(p) for n, p in net.named_parameters()}


def drawn(key, step, images):
    """Views of a step of the free runs, by words that Go draws too: 16 places, then two noises."""
    w = key.fold(f"step{step}").words(BATCH + 2 * BATCH * 768)
    place = (w[:BATCH].astype(np.uint64) * IMAGES >> np.uint64(32)).astype(np.int64)
    noise = (w[BATCH:] >> np.uint32(27)).astype(np.int16).reshape(2, BATCH, 3, 16, 16) - 16
    return images[place][None] + noise


def free(update, rate, images):
    """Mean loss of steps 50 to 100 for nine seeds, the judge of parity P3."""
    means = []
    for seed in range(9):
        net, _, queue, slots = start()
        losses = []
        for s in range(100):
            x = torch.from_numpy(drawn(ROOT.fold(f"seed{seed}"), s, images).astype(np.float64) / 32)
            loss, u1, _, _ = loss_of(net, x[0], x[1], queue)
            net.zero_grad()
            loss.backward()
            with torch.no_grad():
                for n, p in net.named_parameters():
                    update(p, p.grad, slots[n], rate)
            at = s * BATCH % QUEUE
            queue[at:at + BATCH] = u1
            losses.append(float(loss))
        means.append(float(np.mean(losses[50:])))
    return means


def record(name, update, rate, views, batches, images):
    net, made, queue, slots = start()
    rows, out = {}, {"loss": [], "neighbors": [], "gap": []}
    for s in range(STEPS):
        x = torch.from_numpy(views[s].astype(np.float64) / 32)
        loss, u1, found, gap = loss_of(net, x[0], x[1], queue)
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for n, p in net.named_parameters():
                rows.setdefault("grad/" + n, []).append(golden.summary(p.grad, 16))
                update(p, p.grad, slots[n], rate)
                rows.setdefault("param/" + n, []).append(golden.summary(p, 16))
        for n, b in net.named_buffers():
            if b.is_floating_point():
                rows.setdefault("state/" + n, []).append(golden.summary(b, 16))
        at = s * BATCH % QUEUE
        queue[at:at + BATCH] = u1
        for k, v in zip(("loss", "neighbors", "gap"), (loss, found, gap)):
            out[k].append(v.detach().numpy())
    tensors = {k: np.stack(v) for k, v in {**rows, **out}.items()}
    tensors.update({"last/" + n: p for n, p in net.named_parameters()})
    tensors.update({"last/" + n: b for n, b in net.named_buffers() if b.is_floating_point()})
    tensors["last/queue"] = queue
    count = sum(p.numel() for p in net.parameters())
    assert count == 87944, count
    size = golden.write(f"nnclr/{name}.safetensors", tensors, {
        "key": "New(1).Fold(nnclr_steps).Fold(name)", "weights": made, "rate": str(rate),
        "optimizer": update.__name__, "free": free(update, rate, images), "trust": str(TRUST), "momentum": str(MOMENTUM), "decay": str(DECAY), "tau": str(TAU)})
    print(f"{name:9} loss {float(out['loss'][0]):.6f} -> {float(out['loss'][-1]):.6f}, "
          f"smallest gap {np.min(tensors['gap']):.1e}, {size} bytes")


def main():
    torch.set_num_threads(1)
    images, batches, views = pictures()
    size = golden.write("nnclr/data.safetensors", {
        "images": (images + 128).astype(np.uint8), "batches": batches, "views": (views + 128).astype(np.uint8)},
        {"seed": "7", "rule": "value = (byte - 128) / 32; NCHW"})
    print("data", size, "bytes")
    record("sgd-0.02", sgd, 0.02, views, batches, images)
    record("sgd-0.2", sgd, 0.2, views, batches, images)
    record("lars", lars, 0.4, views, batches, images)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes nnclr/data/testdata/augment.safetensors, the goldens of the augmentations.

    python3 testdata/gen/augment.py CHELSEA.png

CHELSEA.png is scikit-image's picture of that name (CC0, 451x300 pixels). Nothing here is random:
every case names its operator and its parameters. Three kinds of answers are stored:

  float/N   torchvision on float tensors, after Pillow's resize in bytes
  bytes/N   Pillow on 8-bit pictures (or, where that is large, hash/N, the SHA-256 of the pixels)
  each only at every stride-th row and column, where the case says so.

Pillow must be older than 13: from then on it may pass vertically first, with other results.
"""
import hashlib
import sys

import numpy as np
import PIL
import torch
import torchvision
import torchvision.transforms.functional as F
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from torchvision.transforms import functional_pil as P

import golden

assert int(PIL.__version__.split(".")[0]) < 13, PIL.__version__

FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR}
MEAN, STD = [.485, .456, .406], [.229, .224, .225]
tensors, cases = {}, []


def noise(h, w):
    """Bytes from the integer hash of the method's specification, k = 7."""
    n = np.arange(h * w * 3, dtype=np.uint64)
    m = np.uint64(0xFFFFFFFF)
    x = (n * np.uint64(0x9E3779B1) + np.uint64(7 * 0x85EBCA77)) & m
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & m
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & m
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(24)).astype(np.uint8).reshape(h, w, 3)


def crop_resize(picture, box, size, name):
    left, top, w, h = box
    return picture.crop((left, top, left + w, top + h)).resize((size, size), FILTERS[name])


def to_float(picture):
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).to(torch.float32) / 255


def to_rows(x):
    return x.permute(1, 2, 0).contiguous().numpy()


def add(op, source, box, size, filter, stride=1, floats=None, pixels=None, digest=None, **more):
    n = len(cases)
    cases.append({"op": op, "source": source, "box": box, "size": size, "filter": filter,
                  "stride": stride, **more})
    if floats is not None:
        tensors[f"float/{n}"] = np.ascontiguousarray(to_rows(floats)[::stride, ::stride])
    if pixels is not None:
        tensors[f"bytes/{n}"] = np.ascontiguousarray(np.asarray(pixels)[::stride, ::stride])
    if digest is not None:
        cases[-1]["sha256"] = hashlib.sha256(np.asarray(digest).tobytes()).hexdigest()


def resizes(pictures):
    chelsea = pictures["chelsea"]
    W, H = chelsea.size
    for h, w in [(200, 300), (300, 451), (57, 80), (33, 29), (100, 100), (32, 32), (1, 1), (300, 2)]:
        box = [(W - w) // 2, (H - h) // 3, w, h]
        for size in (224, 96, 32):
            for filter in FILTERS:
                out = crop_resize(chelsea, box, size, filter)
                add("resize", "chelsea", box, size, filter, digest=out,
                    pixels=out if size == 32 else None)
    for filter in FILTERS:  # noise overshoots: the clamp between the passes shows
        for box in ([0, 0, 64, 48], [3, 5, 41, 37], [10, 4, 7, 9]):
            out = crop_resize(pictures["noise"], box, 32, filter)
            add("resize", "noise", box, 32, filter, digest=out, pixels=out)


def colors(source, picture, box):
    at = (source, box, 32, "bicubic")
    small = crop_resize(picture, box, 32, "bicubic")
    x = to_float(small)
    for f in (0.2, 0.6, 1, 1.3, 1.8):
        add("brightness", *at, value=f, floats=F.adjust_brightness(x, f),
            pixels=ImageEnhance.Brightness(small).enhance(f))
        add("contrast", *at, value=f, floats=F.adjust_contrast(x, f),
            pixels=ImageEnhance.Contrast(small).enhance(f))
        add("saturation", *at, value=f, floats=F.adjust_saturation(x, f),
            pixels=ImageEnhance.Color(small).enhance(f))
    for d in (-0.5, -0.2, -0.1, 0.05, 0.1, 0.2, 0.5):
        add("hue", *at, value=d, floats=F.adjust_hue(x, d), pixels=P.adjust_hue(small, d))
    add("gray", *at, floats=F.rgb_to_grayscale(x, 3), pixels=small.convert("L").convert("RGB"))
    add("solarize", *at, floats=F.solarize(x, 0.5), pixels=ImageOps.solarize(small, 128))
    add("flip", *at, floats=F.hflip(x), pixels=small.transpose(Image.FLIP_LEFT_RIGHT))
    add("normalize", *at, floats=F.normalize(x, MEAN, STD))


def blurs(source, picture, box):
    for size, stride in ((32, 1), (96, 3), (224, 7)):
        small = crop_resize(picture, box, size, "bicubic")
        k = 2 * (size // 10 // 2) + 1
        for sigma in (0.1, 0.3, 0.5, 1, 1.5, 2):
            add("blur", source, box, size, "bicubic", stride, value=sigma,
                floats=F.gaussian_blur(to_float(small), [k, k], [sigma, sigma]),
                pixels=small.filter(ImageFilter.GaussianBlur(sigma)))


def pipeline(pictures, source, box, size, filter, stride, flip, ops, gray, sigma, solarize):
    """Everything in the order of the specification, in float behind the resize."""
    x = to_float(crop_resize(pictures[source], box, size, filter))
    if flip:
        x = F.hflip(x)
    for op, f in ops:
        x = getattr(F, "adjust_" + op)(x, f)
    if gray:
        x = F.rgb_to_grayscale(x, 3)
    if sigma:
        k = 2 * (size // 10 // 2) + 1
        x = F.gaussian_blur(x, [k, k], [sigma, sigma])
    if solarize:
        x = F.solarize(x, 0.5)
    add("pipeline", source, box, size, filter, stride, flip=flip, ops=ops, gray=gray, sigma=sigma,
        solarize=solarize, floats=F.normalize(x, MEAN, STD))


def main(path):
    chelsea = Image.open(path).convert("RGB")
    assert chelsea.size == (451, 300)
    pictures = {"chelsea": chelsea, "noise": Image.fromarray(noise(48, 64))}
    for name, picture in pictures.items():
        tensors["source/" + name] = np.asarray(picture)
    resizes(pictures)
    for source, box in (("chelsea", [60, 20, 200, 180]), ("chelsea", [250, 100, 48, 64]), ("noise", [0, 0, 40, 40])):
        colors(source, pictures[source], box)
    blurs("chelsea", chelsea, [60, 20, 200, 180])
    jitter = [["contrast", 0.7], ["hue", -0.05], ["brightness", 1.2], ["saturation", 0.9]]
    pipeline(pictures, "chelsea", [100, 30, 150, 130], 32, "bicubic", 1, True, jitter, False, 0, True)
    pipeline(pictures, "chelsea", [33, 12, 57, 80], 96, "bicubic", 3, False, jitter[::-1], False, 1.3, False)
    pipeline(pictures, "chelsea", [200, 90, 180, 170], 224, "bilinear", 7, True,
             [["saturation", 1.6], ["brightness", 0.5], ["hue", 0.2], ["contrast", 1.5]], False, 0.7, True)
    pipeline(pictures, "noise", [5, 5, 30, 30], 32, "bicubic", 1, False, [["brightness", 1.4]], True, 2, True)
    size = golden.write("../../nnclr/data/testdata/augment.safetensors", tensors,
                        {"cases": cases, "pillow": PIL.__version__, "torchvision": torchvision.__version__})
    print(f"{len(cases)} cases, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1])

#!/usr/bin/env python3
"""Makes nnclr/data/testdata/formats.safetensors: small files of each image format and mode, and
what Pillow's convert("RGB") makes of them; and testdata/gen/badimages/lossy.webp.

    python3 testdata/gen/formats.py

For each case, file/NAME holds the encoded bytes and rgb/NAME the pixels [h, w, 3]. Lossy files come
with a tolerance, since decoders interpolate subsampled chroma differently.
"""
import io
import os

import numpy as np
import PIL
from PIL import Image

import golden

W, H = 40, 30
tensors, cases = {}, []


def smooth(w, h):
    """A colorful picture without hard edges, in integers alone."""
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([20 + 3 * x, 70 + x + 2 * y, 220 - 4 * y], -1).astype(np.uint8)


def add(name, picture, tolerance=0, mean=0, want=None, **save):
    b = io.BytesIO()
    picture.save(b, **save)
    tensors["file/" + name] = np.frombuffer(b.getvalue(), np.uint8)
    if want is None:
        want = Image.open(io.BytesIO(b.getvalue())).convert("RGB")
    tensors["rgb/" + name] = np.asarray(want)
    cases.append({"name": name, "tolerance": tolerance, "mean": mean})


def main():
    rgb = Image.fromarray(smooth(W, H))
    alpha = Image.fromarray((smooth(W, H)[..., 0] // 2 + 60).astype(np.uint8))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    gray = rgb.convert("L")
    la = gray.copy()
    la.putalpha(alpha)
    palette = rgb.quantize(100)
    for form, more in (("PNG", {}), ("BMP", {}), ("PPM", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        add("rgb." + form.lower(), rgb, format=form, **more)
    add("lzw.tiff", rgb, format="TIFF", compression="tiff_lzw")
    for form in ("PNG", "BMP", "PPM"):
        add("gray." + form.lower(), gray, format=form)
    add("la.png", la, format="PNG")
    add("rgba.png", rgba, format="PNG")
    add("rgba.webp", rgba, format="WEBP", lossless=True, exact=True)
    add("one_bit.png", gray.convert("1"), format="PNG")
    add("palette.png", palette, format="PNG")
    add("palette.bmp", palette, format="BMP")
    add("palette.gif", palette, format="GIF")
    add("palette_trns.png", palette, format="PNG", transparency=3)
    for bits in (2, 4):
        add(f"palette{bits}.png", rgb.quantize(1 << bits), format="PNG", bits=bits)
    # Pillow clips 16-bit gray at 255; kith rounds v*255/65535, so the golden is computed here.
    deep = np.asarray(gray).astype(np.uint16) * 251
    want = ((deep.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    add("gray16.png", Image.fromarray(deep), format="PNG", want=Image.fromarray(np.stack([want] * 3, -1)))
    # Subsampled chroma is replicated by Go and interpolated by libjpeg.
    for name, more, tolerance, mean in (
            ("444.jpg", {"subsampling": 0}, 3, 0.5), ("422.jpg", {"subsampling": 1}, 13, 3),
            ("420.jpg", {"subsampling": 2}, 13, 3), ("progressive.jpg", {"subsampling": 0, "progressive": True}, 3, 0.5)):
        add(name, rgb, tolerance, mean, format="JPEG", quality=90, **more)
    add("gray.jpg", gray, 1, 0.5, format="JPEG", quality=90)
    add("cmyk.jpg", rgb.convert("CMYK"), 2, 0.5, format="JPEG", quality=95)
    add("lossy.webp", rgb, 16, 3, format="WEBP", quality=90)
    exif = Image.Exif()
    upright = np.asarray(rgb)
    for o in range(1, 9):
        exif[0x0112] = o
        stored = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
                  5: upright.transpose(1, 0, 2), 6: upright.transpose(1, 0, 2)[::-1],
                  7: upright[::-1, ::-1].transpose(1, 0, 2), 8: upright.transpose(1, 0, 2)[:, ::-1]}[o]
        add(f"exif{o}.png", Image.fromarray(np.ascontiguousarray(stored)), want=rgb, format="PNG", exif=exif)
    exif[0x0112] = 6
    turned = Image.fromarray(np.ascontiguousarray(upright.transpose(1, 0, 2)[::-1]))
    add("exif6.jpg", turned, 13, 3, want=rgb, format="JPEG", quality=95, subsampling=0, exif=exif)
    add("exif6.webp", turned, want=rgb, format="WEBP", lossless=True, exif=exif)
    size = golden.write("../../nnclr/data/testdata/formats.safetensors", tensors,
                        {"cases": cases, "pillow": PIL.__version__})
    print(f"{len(cases)} files, {size / 1e3:.0f} KB")
    Image.fromarray(smooth(64, 48)).save(os.path.join(os.path.dirname(__file__), "badimages", "lossy.webp"), quality=60)


if __name__ == "__main__":
    main()

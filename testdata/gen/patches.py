#!/usr/bin/env python3
"""Makes nnclr/data/patches/*.png, the photographs of builtin:patches.

    apt-get download python3-skimage && dpkg-deb -x python3-skimage_*.deb sk
    pip install 'pillow<13'
    python3 testdata/gen/patches.py sk/usr/lib/python3/dist-packages/skimage/data nnclr/data/patches

Each picture is resized as a whole to 384x384 with Pillow's bicubic filter (the aspect is not
kept) and stored as an optimized PNG. PNG and not JPEG, because Go's JPEG pixels depend on the
version of Go. The hashes are those of the raw pixels; a Go test checks them again.
Made with Pillow 12.3.0 from scikit-image 0.19.3 (Debian 12).
"""
import hashlib
import os
import sys

from PIL import Image

SIDE = 384
PICTURES = [  # file, mode, first 16 digits of the SHA-256 of the resized pixels
    ("astronaut.png", "RGB", "35b831e283249a1e"),
    ("chelsea.png", "RGB", "57c085bae8351997"),
    ("coffee.png", "RGB", "586afa1fbd134ed4"),
    ("hubble_deep_field.jpg", "RGB", "05fc889ee77e0673"),
    ("retina.jpg", "RGB", "f1ceeaa6e4315fa6"),
    ("rocket.jpg", "RGB", "51a5e315b8c59636"),
    ("brick.png", "L", "ba281e2f98fe25b7"),
    ("grass.png", "L", "0c9bd0f1fefa4b18"),
    ("gravel.png", "L", "2df66c60aeead3a7"),
    ("camera.png", "L", "8cf888f94eb1133a"),
    ("clock_motion.png", "L", "d8000ab86999f6f2"),
    ("cell.png", "L", "429f9288e32a608d"),
]


def main(src, dst):
    total, wrong = 0, 0
    for name, mode, want in PICTURES:
        picture = Image.open(os.path.join(src, name)).convert(mode)
        small = picture.resize((SIDE, SIDE), Image.BICUBIC)
        got = hashlib.sha256(small.tobytes()).hexdigest()[:16]
        out = os.path.join(dst, os.path.splitext(name)[0] + ".png")
        small.save(out, optimize=True)
        total += os.path.getsize(out)
        wrong += got != want
        print(f"{name:24s} {mode:4s} {got} {'ok' if got == want else 'expected ' + want}")
    print(f"{total / 1e6:.2f} MB")
    return wrong


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))

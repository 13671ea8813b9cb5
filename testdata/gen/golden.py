"""Writes golden files: safetensors with versions, seed and command in the metadata."""
import hashlib
import json
import os
import platform
import struct
import sys

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")
# kith has no 64-bit integers and no booleans: indices become I32, masks U8.
DTYPES = {"float64": "F64", "float32": "F32", "int32": "I32", "uint8": "U8", "int8": "I8"}
NARROW = {"int64": np.int32, "bool": np.uint8}


def array(x):
    """A tensor or array as a contiguous NumPy array of a dtype that goldens use."""
    if hasattr(x, "detach"):
        x = x.detach().resolve_conj().numpy()
    x = np.asarray(x)
    x = x.astype(NARROW.get(x.dtype.name, x.dtype))
    return x if x.flags.c_contiguous else x.copy(order="C")


def write(name, tensors, meta):
    """Writes tensors (name -> array) and meta (name -> str or JSON value) to golden/name."""
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    arrays = {k: array(v) for k, v in tensors.items()}
    # Wide elements first, so that every tensor is aligned to its own size.
    order = sorted(arrays, key=lambda k: (-arrays[k].dtype.itemsize, k))
    header, at = {"__metadata__": {k: v if isinstance(v, str) else json.dumps(v) for k, v in meta.items()}}, 0
    header["__metadata__"].update(provenance())
    for k in order:
        a = arrays[k]
        header[k] = {"dtype": DTYPES[a.dtype.name], "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for k in order:
            f.write(arrays[k].tobytes())
    return os.path.getsize(path)


def provenance():
    """What made the file."""
    out = {"python": platform.python_version(), "numpy": np.__version__,
           "command": " ".join(["python3", "testdata/gen/" + os.path.basename(sys.argv[0])] + sys.argv[1:])}
    for name in ("torch", "torchvision", "lightly"):
        if name in sys.modules:
            out[name] = sys.modules[name].__version__
    return out


def places(size, n=64):
    """Flat indices of the sampled elements: all, or n spread by Fibonacci hashing."""
    if size <= n:
        return np.arange(size)
    h = (np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B1)) & np.uint64(0xFFFFFFFF)
    return ((h * np.uint64(size)) >> np.uint64(32)).astype(np.int64)


def summary(x, n=64):
    """Norm, sum and sampled elements of a tensor, as one float64 vector."""
    flat = array(x).astype(np.float64).reshape(-1)
    return np.concatenate([[np.sqrt((flat * flat).sum()), flat.sum()], flat[places(flat.size, n)]])


def digest(x):
    """SHA-256 of the float32 bytes."""
    return hashlib.sha256(array(x).astype("<f4").tobytes()).hexdigest()

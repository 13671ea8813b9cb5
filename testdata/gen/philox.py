"""Shared numbers: weights and inputs that Go and Python generate alike instead of storing them.

Philox4x32-10 keyed by names, as package kith/tensor/rng defines it. One value is
x = (k - 2^23) * 2^-23 * 2^e, with k the top 24 bits of a word and e chosen per tensor, so every
value is exact in float32 and both sides hold the same bits.
"""
import hashlib
import math
import struct

import numpy as np

WORD = np.uint64(0xFFFFFFFF)


def philox(counter, key):
    """Returns the four output words (uint64 arrays below 2^32) of counters [4][blocks] under key."""
    c = [np.asarray(x, np.uint64) for x in counter]
    k0, k1 = key
    for _ in range(10):
        a = c[0] * np.uint64(0xD2511F53)
        b = c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), b & WORD,
             (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), a & WORD]
        k0 = (k0 + 0x9E3779B9) & 0xFFFFFFFF
        k1 = (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


class Key:
    """Names one stream, like rng.Key."""

    def __init__(self, lo, hi=0):
        self.lo, self.hi = lo, hi

    def fold(self, name):
        digest = hashlib.sha256(struct.pack("<QQ", self.hi, self.lo) + name.encode()).digest()
        hi, lo = struct.unpack("<QQ", digest[:16])
        return Key(lo, hi)

    def words(self, n):
        """The first n words of the stream."""
        b = np.arange((n + 3) // 4, dtype=np.uint64)
        one = np.ones_like(b)
        counter = [b & WORD, b >> np.uint64(32),
                   one * np.uint64(self.hi & 0xFFFFFFFF), one * np.uint64(self.hi >> 32)]
        out = philox(counter, (self.lo & 0xFFFFFFFF, self.lo >> 32))
        return np.stack(out, 1).reshape(-1)[:n].astype(np.uint32)


def numbers(key, shape, e, center=0.0):
    """Float64 array of the rule above. A center of 1 drops three low bits, so the sum stays exact."""
    size = int(np.prod(shape, dtype=np.int64))
    k = (key.words(size) >> np.uint32(8)).astype(np.int64)
    if center:
        k &= ~7
    x = (k - (1 << 23)).astype(np.float64) * 2.0 ** (e - 23) + center
    assert (x == x.astype(np.float32)).all()
    return x.reshape(shape)


def exponent(bound):
    """e with 2^e nearest to the wanted range."""
    return round(math.log2(bound))


def check():
    """Fails when the generator differs from the values in the architecture document."""
    got = philox([np.array([0x243F6A88]), np.array([0x85A308D3]), np.array([0x13198A2E]), np.array([0x03707344])],
                 (0xA4093822, 0x299F31D0))
    assert [int(x[0]) for x in got] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]
    assert [int(x) for x in Key(1).words(4)] == [0xE3E80670, 0xE50A0EBC, 0x95F222C0, 0xB615AA27]
    key = Key(1).fold("init").fold("Layer1.0.Conv1.Weight")
    assert (key.hi, key.lo) == (0x9385A9A9FEE25637, 0x338B1756362BDF56)


check()

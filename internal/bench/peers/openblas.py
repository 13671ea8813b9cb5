#!/usr/bin/env python3
"""Times OpenBLAS's single-precision products, called directly. One JSON object a line.

    openblas.py --threads 2 "matmul 1024x1024x1024" "matmul 25088x64x576"
"""
import argparse
import ctypes
import ctypes.util
import json
import time

ROW, PLAIN, TRANSPOSED = 101, 111, 112


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("shapes", nargs="+")
    o = a.parse_args()
    name = ctypes.util.find_library("openblas") or "libopenblas.so.0"
    blas = ctypes.CDLL(name)
    blas.openblas_set_num_threads(o.threads)
    blas.openblas_get_config.restype = ctypes.c_char_p
    config = blas.openblas_get_config().decode()
    f = ctypes.c_float
    for shape in o.shapes:
        m, n, k = (int(v) for v in shape.split()[1].split("x"))
        x = (f * (m * k))(*([1.0, -2.0, 3.0] * (m * k // 3 + 1))[:m * k])
        y = (f * (n * k))(*([2.0, 1.0, -1.0] * (n * k // 3 + 1))[:n * k])
        z = (f * (m * n))()
        best = 1e9
        for _ in range(6):
            t = time.perf_counter()
            blas.cblas_sgemm(ROW, PLAIN, TRANSPOSED, m, n, k, f(1), x, k, y, k, f(0), z, n)
            best = min(best, time.perf_counter() - t)
        print(json.dumps({"peer": "openblas", "version": config, "shape": shape, "pass": "forward",
                          "threads": o.threads, "gflops": round(2 * m * n * k / best / 1e9, 1)}), flush=True)


if __name__ == "__main__":
    main()

"""What 64 to 64 filters of 3x3 weigh once transformed, in fp32 (FFT: complex64).

python filter_size.py
"""

import sys

import numpy as np


def main():
    rng = np.random.default_rng(3)
    w = rng.standard_normal((64, 64, 3, 3)).astype(np.float32)
    spectrum = np.fft.rfft2(w, (58, 58))
    # The transform must give the filters back, or its size would mean nothing.
    back = np.fft.irfft2(spectrum, (58, 58))[..., :3, :3]
    error = float(np.abs(back - w).max())
    if not error <= 1e-5 or spectrum.dtype != np.complex64:
        sys.exit(f"{spectrum.dtype}, off by {error:.1e}")
    rows = {"3x3": w.nbytes}
    for m in (2, 4):
        tile = np.zeros((64, 64, m + 2, m + 2), np.float32)
        rows[f"F({m}x{m},3x3)"] = tile.nbytes
    rows["FFT, 58x58"] = spectrum.nbytes
    for name, size in rows.items():
        print(
            f"{name:<11} {size / 1e6:6.2f} MB {size / w.nbytes:6.1f}x"
        )


if __name__ == "__main__":
    main()

"""The mean of three numbers."""

import sys


# ANCHOR: mean
def mean(x):
    return sum(x) / len(x)


# ANCHOR_END: mean

if not (abs(mean([1.0, 2.0, 6.0]) - 3.0) <= 1e-12):
    sys.exit("mean is wrong")
print("mean 3")

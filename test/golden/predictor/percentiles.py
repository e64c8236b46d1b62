"""Prints percentiles.json: numpy's percentiles (default method, linear) at 0, 5 ... 100 of pseudo-random samples.

    python percentiles.py > percentiles.json        # numpy 2.4.6; seed 7
"""

import json

import numpy

generator = numpy.random.default_rng(7)
samples = []
for size in (1, 2, 3, 10, 21, 22, 100, 333, 500, 1000):
    values = numpy.sort(generator.beta(0.4, 0.6, size))
    ranks = numpy.arange(0, 101, 5)
    samples.append({"ascending": values.tolist(), "percentiles": numpy.percentile(values, ranks).tolist()})
print(json.dumps({"origin": f"percentiles.py, numpy {numpy.__version__}, seed 7", "samples": samples}))

"""What one of river's detectors or of scipy's tests costs, on the data of the other benchmarks: prints [nanoseconds of CPU per step, …] as JSON.

`python river_and_scipy.py FIGURE`, by the names in bench/detectors.ts.
"""
import json
import sys
import time

import numpy

VALUES = 30_000
RUNS = 3
STREAMS = 3


def uniforms(length, seed):
    state, values = seed, []
    for _ in range(length):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        values.append(state / 2**32)
    return values


def per_step(steps, work):
    before = time.process_time_ns()
    work()
    return (time.process_time_ns() - before) / steps


def feed(detector, values):
    drifts = 0
    for value in values:
        detector.update(value)
        if detector.drift_detected:
            drifts += 1
    return drifts


def repeated(times, work):
    for _ in range(times):
        work()


def river(figure):
    from river import drift

    numbers = uniforms(VALUES, 7)
    bits = [int(value < 0.2) for value in numbers]
    create, values = {
        "ddm": (lambda: drift.binary.DDM(), bits),
        "eddm": (lambda: drift.binary.EDDM(), bits),
        "hddm-a": (lambda: drift.binary.HDDMA(), bits),
        "hddm-w": (lambda: drift.binary.HDDMW(), bits),
        "page-hinkley": (lambda: drift.PageHinkley(), numbers),
        "adwin, clock 32, bits": (lambda: drift.ADWIN(clock=32), bits),
        "adwin, clock 32": (lambda: drift.ADWIN(clock=32), numbers),
        "adwin, clock 1": (lambda: drift.ADWIN(clock=1), numbers),
        "kswin": (lambda: drift.KSWIN(seed=42), numbers[:600]),
    }[figure]
    return [per_step(STREAMS * len(values), lambda: repeated(STREAMS, lambda: feed(create(), values))) for _ in range(RUNS)]


def scipy(figure):
    from scipy import stats

    first, second = (-numpy.log1p(-numpy.array(uniforms(10_000, seed))) for seed in (1, 2))
    categories = [numpy.array([f"category {int(u * u * 10)}" for u in uniforms(10_000, seed)]) for seed in (1, 2)]

    def chi_squared():
        counts = [numpy.unique(sample, return_counts=True)[1] for sample in categories]
        return stats.chi2_contingency(numpy.array(counts))

    test = {
        "ks": lambda: stats.ks_2samp(first, second, method="asymp"),
        "wasserstein": lambda: stats.wasserstein_distance(first, second),
        "chi-squared": chi_squared,
    }[figure]
    test()
    return [per_step(10, lambda: repeated(10, test)) for _ in range(RUNS)]


FIGURE = sys.argv[1]
print(json.dumps(scipy(FIGURE) if FIGURE in ("ks", "wasserstein", "chi-squared") else river(FIGURE)))

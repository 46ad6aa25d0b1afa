"""As many of the processor's cores as nobody else is using. Results never depend on how many that is: the work is cut the same way always,
and each part is computed by one thread (torch rounds otherwise with another number of them)."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

LATELY = 60.0  # seconds: what the system's load average looks back on
_since: list[tuple[float, float]] = []  # (time, this process's processor time), of the last LATELY seconds and one before


def free() -> int:
    """How many cores there are that no other process is using, at least one: by the load average, without our own share of it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not hasattr(os, "getloadavg"):  # Windows tells no load
        return cores
    now, worked = time.monotonic(), time.process_time()
    _since.append((now, worked))
    while len(_since) > 1 and _since[1][0] < now - LATELY:
        del _since[0]
    own = (worked - _since[0][1]) / LATELY
    return max(1, min(cores, round(cores - max(0.0, os.getloadavg()[0] - own))))


def alone() -> None:
    """Let torch compute with one thread in this thread of ours."""
    import torch

    torch.set_num_threads(1)


def spread(do: Callable[[Any], Any], parts: Sequence[Any], many: bool = True) -> Iterator[Any]:
    """do(part) of each, in their order, on as many cores as are free; many False: one after another (a graphics card does)."""
    count = min(free(), len(parts)) if many else 1
    if count < 2:
        yield from map(do, parts)
        return
    pool = ThreadPoolExecutor(count, initializer=alone)
    try:
        yield from pool.map(do, parts)
    finally:
        pool.shutdown(cancel_futures=True)

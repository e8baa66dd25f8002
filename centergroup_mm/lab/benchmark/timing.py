# SPDX-License-Identifier: Apache-2.0
"""Times of parts: warm, interleaved, as median and quartiles."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from .methods import NETWORK_ONLY, Method
from .part_timer import NETWORK_PARTS, OTHER, PARTS, PartTimer

# Sums of parts that are reported beside the parts, by the parts they leave out.
NETWORK = ('backbone', 'heads')
AFTER_NETWORK = tuple(part for part in PARTS if part not in NETWORK_PARTS)
AFTER_CANDIDATES = tuple(
    part for part in AFTER_NETWORK if part not in ('fusion', 'candidates', OTHER)
)
SUMS = {
    'network': NETWORK,
    'after_network': AFTER_NETWORK,
    'after_candidates': AFTER_CANDIDATES,
    'total': PARTS,
}


class Spread(NamedTuple):
    """Milliseconds: the median, both quartiles and the number of runs."""

    median: float
    low: float
    high: float
    runs: int


Progress = Callable[[Iterable, int], Iterator]


def spread(seconds: Sequence[float]) -> Spread:
    """Median and quartiles of runs, in milliseconds."""
    low, median, high = 1000 * np.percentile(seconds, (25, 50, 75))
    # Clocks tell no more than microseconds.
    return Spread(*(round(float(ms), 3) for ms in (median, low, high)), len(seconds))


def summarize(runs: Sequence[dict[str, float]]) -> dict[str, Spread]:
    """Spread of every part and of the sums, each summed within its run."""
    parts = {part: [run[part] for run in runs] for part in PARTS}
    for name, members in SUMS.items():
        parts[name] = [sum(run[part] for part in members) for run in runs]
    return {name: spread(seconds) for name, seconds in parts.items()}


def time_methods(
    methods: Sequence[Method],
    people: Sequence[int],
    runs: int,
    warm_up: int,
    progress: Progress,
    from_features: bool = False,
) -> list[dict]:
    """Time methods at several numbers of people, one run of each in turn.

    Interleaved, so that a disturbance of the machine affects all of them alike.

    Args:
        methods (Sequence[Method]): What is timed.
        people (Sequence[int]): Numbers of people per image.
        runs (int): Runs of each pair that count.
        warm_up (int): Runs before them that do not.
        progress (Callable): Wraps the rounds, given their number, to show a bar.
        from_features (bool): Leave out backbone and heatmap head: for many runs of
            what follows. Methods without such a detector are left out.

    Returns:
        list[dict]: One record per pair: ``method``, ``kind``, ``people`` (None where
        nobody is placed), ``times`` (:class:`Spread` by part and sum).
    """
    pairs = [pair for method in methods for pair in _pairs(method, people)]
    if from_features:
        pairs = [p for p in pairs if hasattr(p[0].model.head, 'detector')]
        for method in {id(method): method for method, _ in pairs}.values():
            method.keep_features()
    found: list[list[dict[str, float]]] = [[] for _ in pairs]
    rounds = warm_up + runs
    with ExitStack() as stack:
        timers = {
            id(method): stack.enter_context(PartTimer(method.model))
            for method in methods
        }
        for index in progress(range(rounds), rounds):
            for (method, count), times in zip(pairs, found, strict=True):
                if count is not None:
                    method.show(count)
                run = method.predict_from_features if from_features else method.predict
                seconds = timers[id(method)].run(run)
                if index >= warm_up:
                    times.append(seconds)
    return [
        dict(
            method=method.name,
            kind=method.kind,
            people=count,
            channels_last=method.settings.channels_last,
            times={name: value._asdict() for name, value in summarize(times).items()},
        )
        for (method, count), times in zip(pairs, found, strict=True)
    ]


def _pairs(method: Method, people: Sequence[int]) -> list[tuple[Method, int | None]]:
    if method.kind == NETWORK_ONLY:
        return [(method, None)]
    return [(method, count) for count in people]

# SPDX-License-Identifier: Apache-2.0
"""Where a bottom-up model spends its time, part by part, without changing it.

While a :class:`PartTimer` is open, functions of the model note when they begin and end.
Time counts for the innermost part that is running, so the parts of a run add up to
the whole.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import torch
from torch import nn

# Methods by their owner within the model, and the parts that they belong to.
METHODS = (
    ('', 'extract_feat', 'backbone'),
    ('head', 'forward', 'heads'),
    ('head.detector', 'forward', 'heads'),
    ('head.offset_branch', 'forward', 'heads'),
    ('head.box_branch', 'forward', 'heads'),
    ('head.decoder', 'find_candidates', 'candidates'),
    ('head.tokenizer', 'forward', 'features'),
    ('head.tokenizer.keypoint_cnn', 'forward', 'residual_cnn'),
    ('head.tokenizer.center_cnn', 'forward', 'residual_cnn'),
    ('head.grouping', 'forward', 'grouping'),
    ('head.decoder', 'refine', 'refinement'),
    ('head.score', 'forward', 'refinement'),
    ('head', 'decode', 'decoding'),
    ('head.decoder', 'batch_decode', 'decoding'),
    ('head.decoder', '_get_batch_topk', 'candidates'),
)
# Functions by the name under which the modules of head, tokenizer and decoder know
# them. The last two are the host's.
FUNCTIONS = {
    'stack_views': 'fusion',
    'fuse_heatmaps': 'fusion',
    'fuse_with_fine_centers': 'fusion',
    'resize_maps': 'fusion',
    'stack_flipped_tags': 'fusion',
    'add_mirrored_view': 'candidates',
    'read_residual_cnn': 'residual_cnn',
    'inside_boxes': 'grouping',
    'nearest_candidates': 'grouping',
    'take_nearest': 'grouping',
    'most_attended_locations': 'refinement',
    'merge_views': 'refinement',
    'unclaimed_shares': 'refinement',
    'to_instances': 'transfer',
    'aggregate_heatmaps': 'fusion',
    'batch_heatmap_nms': 'candidates',
}
OTHER = 'other'
PARTS = tuple(
    dict.fromkeys([part for *_, part in METHODS] + [*FUNCTIONS.values(), OTHER])
)
# What costs the same whatever the number of people: everything with convolutions.
NETWORK_PARTS = ('backbone', 'heads', 'residual_cnn')


class Clock(Protocol):
    """Marks moments, and tells afterwards what lay between them."""

    def mark(self) -> Any:
        """A moment."""

    def finish(self) -> None:
        """Wait until all marked moments are past."""

    def seconds(self, start: Any, end: Any) -> float:
        """Seconds between two moments, after :meth:`finish`."""


class CpuClock:
    """The clock of the process, for work that is done when a call returns."""

    def mark(self) -> float:
        return time.perf_counter()

    def finish(self) -> None:
        pass

    def seconds(self, start: float, end: float) -> float:
        return end - start


class CudaClock:
    """Events in the GPU's queue: measuring makes nothing wait.

    Args:
        device (torch.device): The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def mark(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        return event

    def finish(self) -> None:
        torch.cuda.synchronize(self.device)

    def seconds(self, start: torch.cuda.Event, end: torch.cuda.Event) -> float:
        return start.elapsed_time(end) / 1000


def clock_of(model: nn.Module) -> Clock:
    """The clock that fits the device of a model's weights."""
    weight = next(model.parameters(), None)
    on_gpu = weight is not None and weight.is_cuda
    return CudaClock(weight.device) if on_gpu else CpuClock()


class PartTimer:
    """Splits the seconds of runs into parts; a context manager.

    Args:
        model (nn.Module): A bottom-up pose estimator of this package or of the host.
            Parts that it does not have stay at 0.
        clock (Clock, optional): Defaults to what fits the device of the model.
    """

    def __init__(self, model: nn.Module, clock: Clock | None = None) -> None:
        self._model = model
        self._clock = clock or clock_of(model)
        self._undo = ExitStack()
        self._open: list[str] = []
        self._marks: list[tuple[Any, str]] = []

    def __enter__(self) -> 'PartTimer':
        for path, name, part in METHODS:
            owner = _find(self._model, path)
            if callable(getattr(owner, name, None)):
                self._listen(owner, name, part)
        for module in _modules_of(self._model):
            for name, part in FUNCTIONS.items():
                if name in vars(module):
                    self._listen(module, name, part)
        return self

    def __exit__(self, *_) -> None:
        self._undo.close()

    def run(self, function: Callable[[], Any]) -> dict[str, float]:
        """Call a function and split its time.

        Args:
            function (Callable): Runs the model.

        Returns:
            dict[str, float]: Seconds of each of ``PARTS``; the sum is the whole time.
        """
        self._marks = []
        with self._within(OTHER):
            function()
        self._clock.finish()
        seconds = dict.fromkeys(PARTS, 0.0)
        for (start, part), (end, _) in zip(self._marks, self._marks[1:], strict=False):
            seconds[part] += self._clock.seconds(start, end)
        return seconds

    @contextmanager
    def _within(self, part: str) -> Iterator[None]:
        self._open.append(part)
        self._mark()
        try:
            yield
        finally:
            self._open.pop()
            self._mark()

    def _mark(self) -> None:
        """From now on the time belongs to the innermost open part."""
        part = self._open[-1] if self._open else OTHER
        self._marks.append((self._clock.mark(), part))

    def _listen(self, owner: Any, name: str, part: str) -> None:
        original = getattr(owner, name)
        was_own = name in vars(owner)

        def timed(*args, **kwargs):
            if not self._open:
                return original(*args, **kwargs)
            with self._within(part):
                return original(*args, **kwargs)

        def restore():
            if was_own:
                setattr(owner, name, original)
            else:
                delattr(owner, name)

        setattr(owner, name, timed)
        self._undo.callback(restore)


def _find(model: nn.Module, path: str) -> Any:
    """A part of a model by its dotted name, or None."""
    found = model
    for name in path.split('.') if path else ():
        found = getattr(found, name, None)
    return found


def _modules_of(model: nn.Module) -> list[Any]:
    """The Python modules whose functions head, tokenizer and decoder call."""
    found = {}
    for path in ('head', 'head.tokenizer', 'head.decoder'):
        for kind in type(_find(model, path)).__mro__:
            if kind.__module__.startswith(('centergroup_mm.', 'mmpose.')):
                found[kind.__module__] = sys.modules[kind.__module__]
    return list(found.values())

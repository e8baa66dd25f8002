# SPDX-License-Identifier: Apache-2.0
"""Peak memory of a run, above what was there before it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from ...ops.fusion import resize_maps
from ...ops.sampling import read_pixels


def peak_bytes(function: Callable[[], object], device: str) -> int:
    """Most bytes of tensors that live at once while a function runs.

    Weights and inputs are there before and not counted. On a CPU every allocation and
    release is recorded by the profiler; on a GPU torch's allocator keeps count.

    Args:
        function (Callable): Runs the model.
        device (str): As torch names it, e.g. 'cuda:0'.
    """
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    events = profiler.profiler.kineto_results.events()
    changes = [event for event in events if event.name() == '[memory]']
    live = peak = 0
    for event in sorted(changes, key=lambda event: event.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


@contextmanager
def dense_features(model: nn.Module) -> Iterator[None]:
    """Let a CenterGroup enlarge its feature maps to the input and read pixels there.

    The plain way to the same numbers, for comparison.

    Args:
        model (nn.Module): With a :class:`CandidateTokenizer` in its head.
    """
    tokenizer = model.head.tokenizer

    def read(self, cnn, feature, coords, valid, size):
        maps = resize_maps(cnn(feature), size)
        return _read_all_channels(maps, coords)

    tokenizer._read_cnn = MethodType(read, tokenizer)
    try:
        yield
    finally:
        del tokenizer._read_cnn


def _read_all_channels(maps: Tensor, coords: Tensor) -> Tensor:
    """(B, N, D) at the pixels (B, N, 2) of maps (B, D, h, w)."""
    x, y = coords[:, None].expand(-1, maps.shape[1], -1, -1).unbind(-1)
    return read_pixels(maps, x, y).transpose(1, 2)

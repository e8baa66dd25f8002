# SPDX-License-Identifier: Apache-2.0
"""Runtimes in turn, on the same images, in one process."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import onnx
import onnxruntime
import torch

from ...runtime.description import read_description
from ..benchmark.report import describe_machine
from ..benchmark.timing import Progress, spread
from ..crowd import CrowdSpec, make_image
from .engines import NAMES, build, is_installed
from .shares import measure_shares

# Between two runs, until the threads of the last one rest: waiting, they spin.
REST_SECONDS = 0.05


@dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes:
        config, checkpoint, model (Path): A model, and its exported file.
        kinds (Sequence[str]): Of ``NAMES``; ratios are to the first.
        size (tuple[int, int]): Of the input, [w, h].
        batches (Sequence[int]): Images at once.
        rounds (int): Runs of each that count.
        warm_up (int): Runs before.
        threads (int): Of the CPU.
        calibration (int): Images for the ranges of int8.
        shares (int): Runs of ONNX Runtime's profile; 0 leaves it out.
    """

    config: Path
    checkpoint: Path
    model: Path
    kinds: Sequence[str]
    size: tuple[int, int]
    batches: Sequence[int]
    rounds: int
    warm_up: int
    threads: int
    calibration: int
    shares: int


class Comparison(NamedTuple):
    """Times of a runtime at one number of images.

    Attributes:
        runtime (str): Its name.
        images (int): At once.
        times (dict): Milliseconds, :class:`Spread`.
        ratio (float): Median over the rounds of its time by the first runtime's.
    """

    runtime: str
    images: int
    times: dict[str, float]
    ratio: float


def drawn_images(count: int, size: tuple[int, int], split: str) -> np.ndarray:
    """Drawn crowds that fill an input [w, h]: uint8 (B, 3, h, w), RGB."""
    spec = CrowdSpec()
    images = [make_image(spec, split, index)[0] for index in range(count)]
    images = np.stack([cv2.resize(image, size)[..., ::-1] for image in images])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def compare_runtimes(plan: Plan, progress: Progress) -> dict[str, Any]:
    """Time runtimes in turn, and measure the parts of the exported graph.

    Args:
        plan (Plan): What is compared.
        progress (Callable): Wraps the rounds, given their number, to show a bar.

    Returns:
        dict: ``machine``, ``settings``, ``left_out`` (names), ``times``
        (:class:`Comparison` as dictionaries) and ``shares``.

    Raises:
        ModelFileError: If the file is no exported model.
    """
    content = plan.model.read_bytes()
    metadata = onnx.load_from_string(content).metadata_props
    said = read_description({p.key: p.value for p in metadata}, plan.model.name)
    flip_indices = said.flip_indices if said.flip_test else None
    torch.set_num_threads(plan.threads)
    calibration = drawn_images(plan.calibration, plan.size, 'train')[:, None]
    kinds = [kind for kind in plan.kinds if is_installed(kind)]
    engines = {
        kind: build(
            *(kind, content, plan.config, plan.checkpoint, flip_indices),
            *(plan.threads, list(calibration)),
        )
        for kind in kinds
    }
    times = []
    for batch in plan.batches:
        images = drawn_images(batch, plan.size, 'val')
        seconds = time_in_turn(
            engines, images, plan.rounds, plan.warm_up, progress, REST_SECONDS
        )
        times += summarize(seconds, batch)
    result = dict(
        model=plan.model.name,
        flip_test=said.flip_test,
        settings=dict(
            size=list(plan.size),
            rounds=plan.rounds,
            warm_up=plan.warm_up,
            threads=plan.threads,
            calibration_images=plan.calibration,
        ),
        machine=describe_machine('cpu') | dict(onnxruntime=onnxruntime.__version__),
        left_out=[NAMES[kind] for kind in plan.kinds if kind not in kinds],
        times=[row._asdict() for row in times],
    )
    if plan.shares:
        images = drawn_images(1, plan.size, 'val')
        result['shares'] = measure_shares(
            content, images, all_inside(images), plan.shares, plan.threads
        )
    return result


def all_inside(images: np.ndarray) -> np.ndarray:
    """The mask of images without padding: bool (B, 1, h, w)."""
    return np.ones((len(images), 1, *images.shape[2:]), bool)


def time_in_turn(
    engines: dict[str, Any],
    images: np.ndarray,
    rounds: int,
    warm_up: int,
    progress: Progress,
    rest: float,
) -> dict[str, list[float]]:
    """Seconds of each engine's runs, one run of each in turn.

    Args:
        engines (dict[str, Engine]): By name.
        images (np.ndarray): uint8 (B, 3, h, w), without padding.
        rounds (int): That count.
        warm_up (int): Before them.
        progress (Callable): See :func:`compare_runtimes`.
        rest (float): Seconds between two runs.
    """
    inside = all_inside(images)
    seconds = {name: [] for name in engines}
    for index in progress(range(warm_up + rounds), warm_up + rounds):
        for name, run in engines.items():
            time.sleep(rest)
            start = time.perf_counter()
            run(images, inside)
            if index >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def summarize(seconds: dict[str, list[float]], batch: int) -> list[Comparison]:
    """Medians, and ratios to the first engine, each taken within its round."""
    first = np.array(next(iter(seconds.values())))
    return [
        Comparison(
            NAMES[kind],
            batch,
            spread(own)._asdict(),
            round(float(np.median(np.array(own) / first)), 3),
        )
        for kind, own in seconds.items()
    ]

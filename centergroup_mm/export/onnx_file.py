# SPDX-License-Identifier: Apache-2.0
"""Writing a model as one ONNX file, from pixels to poses."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from mmengine.config import Config

from ..files import check_free, write_together
from ..runtime import ImageError, read_image
from ..runtime.description import Description
from ..runtime.media import find_sources
from .description import describe, properties, smallest_side
from .graph import PosesFromPixels
from .loading import load_whole
from .recording import OPSET, to_onnx
from .runners import run_torch, session_runner
from .verification import (
    HALF,
    PICTURES_SCORE,
    SINGLE,
    as_rows,
    cases,
    example,
    from_pictures,
    verify,
)

LAYOUTS = ('poses', 'rtmo')
# That are compared: as many as the batches hold.
MAX_PICTURES = 7


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        model (Path): The ONNX file.
        report (Path): What was verified, as JSON, beside it.
        content (dict): Of the report.
    """

    model: Path
    report: Path
    content: dict[str, Any]


def export_onnx(
    config: str | Path,
    checkpoint: str | Path,
    target: str | Path,
    flip_test: bool = False,
    half: bool = False,
    layout: str = 'poses',
    license_of_weights: str | None = None,
    overwrite: bool = False,
    pictures: Sequence[str | Path] = (),
    tell: Callable[[str], object] = lambda line: None,
) -> Export:
    """Write a model of CenterGroup or CenterNet as one ONNX file, and check it.

    The file takes ``images``, uint8 (B, 3, h, w), RGB, and ``inside``, bool
    (B, 1, h, w), any number and size of them (multiples of the size factor), and gives
    what :class:`PosesFromPixels` does. It is written only after ONNX Runtime found the
    model's poses with it, at several sizes and batches.

    Args:
        config (str | Path): Config file of the model.
        checkpoint (str | Path): Its weights, all of them; a path or URL.
        target (str | Path): ``NAME.onnx``; the report becomes ``NAME.report.json``.
        flip_test (bool): Whether poses are averaged with those of the mirrored image.
        half (bool): Whether convolutions compute in half precision.
        layout (str): ``poses``, as above, or ``rtmo``, see :class:`RtmoLayout`.
        license_of_weights (str, optional): Goes into the file.
        overwrite (bool): Whether files that are already there may be replaced.
        pictures (Sequence[str | Path]): Images, or folders of them, to compare poses
            on, of what the model knows. Without, pictures at random are drawn, on which
            the poses of a trained model may be chance.
        tell (Callable): Takes a line for those who wait, before each long step.

    Raises:
        FileExistsError: If there is such a file.
        ImageError: If a picture is no image.
        CheckpointMismatchError: If weights are missing or do not fit.
        ValueError: If the model cannot be exported.
        VerificationError: If the graph finds other poses than the model.
    """
    if layout not in LAYOUTS:
        raise ValueError(f'Expected a layout of {LAYOUTS}, got {layout!r}.')
    target = Path(target)
    report = target.with_suffix('.report.json')
    images = _read(pictures) if pictures else []
    check_free((target, report), overwrite)
    plan = _prepare(config, checkpoint, flip_test, half, license_of_weights)
    known = plan.description
    tell('Recording the graph, which takes one to five minutes.')
    content = to_onnx(
        plan.graph, plan.smallest, known.size_factor, properties(known), layout
    )
    tell('Comparing poses with those of torch.')
    facts = dict(
        model=target.name,
        config=Path(str(config)).name,
        checkpoint=Path(str(checkpoint)).name,
        **_verify(plan, content, layout, images),
    )
    text = json.dumps(facts, indent=2) + '\n'
    write_together({target: content, report: text.encode()}, overwrite)
    return Export(target, report, facts)


class _Plan(NamedTuple):
    """What is recorded.

    Attributes:
        graph (PosesFromPixels): Of the model.
        description (Description): Of the file.
        smallest (int): Side of the smallest input.
    """

    graph: PosesFromPixels
    description: Description
    smallest: int


def _prepare(
    config_file: str | Path,
    checkpoint: str | Path,
    flip_test: bool,
    half: bool,
    license_of_weights: str | None,
) -> _Plan:
    """Build what is recorded; arguments and errors are those of :func:`export_onnx`."""
    config = Config.fromfile(str(config_file))
    model = load_whole(config, checkpoint)
    description = describe(model, config, flip_test, half, license_of_weights)
    flip_indices = description.flip_indices if flip_test else None
    graph = PosesFromPixels(model, flip_indices, half).eval()
    smallest = smallest_side(model, description.size_factor)
    if smallest > description.input_side:
        raise ValueError(
            f'With {model.head.decoder.num_candidates} candidates per type an input '
            f'has at least {smallest} x {smallest} pixels, but the test pipeline of '
            f'{config.filename} makes smaller ones ({description.input_side}). '
            'Enlarge its input_size.'
        )
    return _Plan(graph, description, smallest)


def _verify(
    plan: _Plan, content: bytes, layout: str, pictures: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Compare a file's content with the model that it was made of.

    Args:
        plan (_Plan): The model.
        content (bytes): Of the file.
        layout (str): Of ``LAYOUTS``.
        pictures (Sequence[np.ndarray]): uint8 (H, W, 3), RGB, to compare on; if there
            are none, pictures at random.

    Returns:
        dict: What the report says of the file and of the comparison.

    Raises:
        VerificationError: If the content finds other poses.
    """
    known = plan.description
    limits = HALF if known.half else SINGLE
    if pictures:
        limits = limits._replace(score=max(limits.score, PICTURES_SCORE))
    # As large as in testing, or people in pictures are too small to be found.
    smallest = known.input_side if pictures else plan.smallest
    checked = verify(
        partial(run_torch, plan.graph),
        session_runner(content, layout),
        list(cases(smallest, known.size_factor, known.input_side)),
        limits,
        partial(from_pictures, pictures) if pictures else example,
    )
    return dict(
        description=known.as_dict(),
        layout=layout,
        opset=OPSET,
        versions={m.__name__: m.__version__ for m in (torch, onnx, onnxruntime)},
        megabytes=round(len(content) / 1e6, 2),
        limits=limits._asdict(),
        verified=as_rows(checked),
    )


def _read(pictures: Sequence[str | Path]) -> list[np.ndarray]:
    """The first of the images, uint8 (H, W, 3), RGB."""
    sources, _ = find_sources([Path(place) for place in pictures])
    paths = [source.path for source in sources if not source.is_video]
    if not paths:
        raise ImageError(f'There is no image in {", ".join(map(str, pictures))}.')
    images = [read_image(path)[..., ::-1] for path in paths[:MAX_PICTURES]]
    return [np.ascontiguousarray(image) for image in images]

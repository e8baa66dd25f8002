# SPDX-License-Identifier: Apache-2.0
"""Writing a model as one ONNX file, from pixels to poses."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.models import build_pose_estimator
from torch import nn
from torch.export import Dim

from ..files import check_free, write_together
from ..models import CenterGroupHead
from ..models.checkpoints import CheckpointMismatchError, holds_grouping
from ..models.nearest import groups_by_distance
from ..runtime import ImageError, read_image
from ..runtime.description import INPUTS, OUTPUTS
from ..runtime.media import find_sources
from . import rtmo_layout
from .description import describe, properties, smallest_side
from .graph import PosesFromPixels
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

# Written out: with 23 there is an Attention node that ONNX Runtime refuses, with lower
# ones than torch's default more runtimes can read it.
OPSET = 18
LAYOUTS = ('poses', 'rtmo')
EXAMPLE_BATCH = 2
# Under this name the exporter notes the modules that a node lies in, outermost first.
SCOPES = 'pkg.torch.onnx.name_scopes'
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
    draw = partial(from_pictures, _read(pictures)) if pictures else example
    report = target.with_suffix('.report.json')
    check_free((target, report), overwrite)
    config = Config.fromfile(str(config))
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
    tell('Recording the graph, which takes one to five minutes.')
    content = to_onnx(
        graph, smallest, description.size_factor, properties(description), layout
    )
    limits = HALF if half else SINGLE
    if pictures:
        limits = limits._replace(score=max(limits.score, PICTURES_SCORE))
    tell('Comparing poses with those of torch.')
    checked = verify(
        partial(run_torch, graph),
        session_runner(content, layout),
        list(
            cases(
                # As large as in testing, or people in them are too small to be found.
                description.input_side if pictures else smallest,
                description.size_factor,
                description.input_side,
            )
        ),
        limits,
        draw,
    )
    facts = dict(
        model=target.name,
        config=Path(config.filename).name,
        checkpoint=Path(str(checkpoint)).name,
        description=description.as_dict(),
        layout=layout,
        opset=OPSET,
        versions={m.__name__: m.__version__ for m in (torch, onnx, onnxruntime)},
        megabytes=round(len(content) / 1e6, 2),
        limits=limits._asdict(),
        verified=as_rows(checked),
    )
    text = json.dumps(facts, indent=2) + '\n'
    write_together({target: content, report: text.encode()}, overwrite)
    return Export(target, report, facts)


def _read(pictures: Sequence[str | Path]) -> list[np.ndarray]:
    """The first of the images, uint8 (H, W, 3), RGB."""
    sources, _ = find_sources([Path(place) for place in pictures])
    paths = [source.path for source in sources if not source.is_video]
    if not paths:
        raise ImageError(f'There is no image in {", ".join(map(str, pictures))}.')
    images = [read_image(path)[..., ::-1] for path in paths[:MAX_PICTURES]]
    return [np.ascontiguousarray(image) for image in images]


def load_whole(config: Config, checkpoint: str | Path) -> nn.Module:
    """The model with all of its weights, on the CPU, as it is exported.

    Raises:
        CheckpointMismatchError: If the checkpoint is not the whole model.
        ValueError: If the model is not bottom-up, its config groups by distance, or
            its keypoint types are not said.
    """
    if config.get('data_mode', 'bottomup') != 'bottomup':
        raise ValueError(f'{config.filename} is not of a bottom-up model.')
    # Exporters write what they see: weights channel by channel, as ONNX has them.
    config.model.channels_last = False
    init_default_scope(config.get('default_scope', 'mmpose'))
    model = revert_sync_batchnorm(build_pose_estimator(config.model))
    if isinstance(model.head, CenterGroupHead) and groups_by_distance(model.test_cfg):
        raise ValueError(
            f"{config.filename} has model.test_cfg.grouping='nearest', but a file "
            'groups by attention. Leave it out of the config that is exported.'
        )
    # What the host's init_model does, keeping what was read: a file is read once.
    loaded = load_checkpoint(model, str(checkpoint), map_location='cpu')
    # Of a model on several devices it drops the prefix in loading, but not in these.
    weights = {
        key.removeprefix('module.'): weight
        for key, weight in loaded.get('state_dict', loaded).items()
    }
    if not holds_grouping(model.state_dict(), weights, model.detector_parts()):
        raise CheckpointMismatchError(
            f'{Path(str(checkpoint)).name} holds a detector alone; its poses would be '
            'chance. Expected all weights of the model.'
        )
    meta = loaded.get('meta', {}).get('dataset_meta')
    model.dataset_meta = meta or dataset_meta_from_config(config, 'train')
    if model.dataset_meta is None:
        raise ValueError(
            f'Neither {Path(str(checkpoint)).name} nor {config.filename} says what the '
            'keypoint types are. Set the dataset of train_dataloader in the config.'
        )
    return model.eval()


def to_onnx(
    graph: nn.Module,
    smallest: int,
    factor: int,
    metadata: dict[str, str],
    layout: str = 'poses',
) -> bytes:
    """The content of an ONNX file with any batch, height and width.

    Args:
        graph (nn.Module): See :class:`PosesFromPixels`.
        smallest (int): Side of the smallest input.
        factor (int): Sides are multiples of it.
        metadata (dict[str, str]): Goes into the file.
        layout (str): Of ``LAYOUTS``.
    """
    least = smallest // factor
    batch = Dim('batch')
    rows, columns = Dim('rows', min=least), Dim('columns', min=least)
    shape = {0: batch, 2: factor * rows, 3: factor * columns}
    # Not square: equal sides would be taken for the same size.
    inputs = example(EXAMPLE_BATCH, smallest + factor, smallest + 2 * factor, seed=0)
    names, outputs = INPUTS, OUTPUTS
    if layout == 'rtmo':
        graph = rtmo_layout.RtmoLayout(graph).eval()
        inputs = (rtmo_layout.to_input(*inputs),)
        names, outputs = rtmo_layout.INPUTS, rtmo_layout.OUTPUTS
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            graph,
            tuple(torch.from_numpy(array) for array in inputs),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=(shape,) * len(names),
            input_names=list(names),
            output_names=list(outputs),
            external_data=False,
            verbose=False,
        )
    proto = program.model_proto
    onnx.helper.set_model_props(proto, metadata)
    _forget_origins(proto)
    stream = io.BytesIO()
    onnx.save(proto, stream)
    return stream.getvalue()


def _forget_origins(proto: onnx.ModelProto) -> None:
    """Take out where each node comes from: source lines, paths of this machine.

    The modules that a node lies in stay, which profiles are read by.
    """
    for node in proto.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key == SCOPES]
        kept = {entry.key: entry.value for entry in kept}
        del node.metadata_props[:]
        for key, value in kept.items():
            node.metadata_props.add(key=key, value=value)
        node.doc_string = ''
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back the exporter's remarks on its own steps; errors are still raised."""
    logger = logging.getLogger('onnxscript')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)

# SPDX-License-Identifier: Apache-2.0
"""What an exported model says of itself, and where that comes from."""

import json

from mmengine.config import Config
from mmpose.registry import TRANSFORMS
from torch import nn

from ..datasets.transforms import BottomupAlignedResize
from ..ops.candidates import BLOCK
from ..runtime.description import FORMAT, KEY, Description
from ..version import __version__

RESIZE = BottomupAlignedResize.__name__
UNKNOWN_LICENSE = 'not stated'


def describe(
    model: nn.Module,
    config: Config,
    flip_test: bool,
    half: bool,
    license_of_weights: str | None,
) -> Description:
    """Collect what a runtime must know, from config and checkpoint.

    Args:
        model (nn.Module): With ``dataset_meta``, as the host's ``init_model`` makes it.
        config (Config): Its config.
        flip_test (bool): Whether the graph holds the mirrored view.
        half (bool): Whether it computes in half precision.
        license_of_weights (str, optional): As the user states it.

    Raises:
        ValueError: If the test pipeline does not resize as the runtime does, or the
            keypoint types are not those of the model.
    """
    resize = _resize_of(config)
    meta = model.dataset_meta
    num_keypoints = model.head.num_keypoints
    names = [meta['keypoint_id2name'][i] for i in sorted(meta['keypoint_id2name'])]
    if len(names) != num_keypoints:
        raise ValueError(
            f'The model has {num_keypoints} keypoint types, but its checkpoint and '
            f'config name {len(names)}. Set the dataset of train_dataloader in '
            f'{config.filename} to the one that the model was trained on.'
        )
    return Description(
        format=FORMAT,
        version=__version__,
        method=type(model.head).__name__.removesuffix('Head'),
        dataset=str(meta.get('dataset_name', '')),
        keypoint_names=names,
        skeleton=[[int(a), int(b)] for a, b in meta.get('skeleton_links', ())],
        flip_indices=[int(i) for i in meta['flip_indices']],
        sigmas=[round(float(sigma), 6) for sigma in meta.get('sigmas', ())],
        input_side=int(resize.input_size[0]),
        size_factor=int(resize.size_factor),
        max_aspect_ratio=float(resize.max_aspect_ratio),
        score_thr=float(model.test_cfg.get('score_thr', 0.0)),
        flip_test=flip_test,
        half=half,
        license_of_weights=license_of_weights or UNKNOWN_LICENSE,
    )


def smallest_side(model: nn.Module, factor: int) -> int:
    """Side from which on the search for candidates is the same for every size.

    It looks at blocks of pixels first where there are more blocks than candidates, see
    :func:`centergroup_mm.ops.candidates.best_pixels`.
    """
    decoder = model.head.decoder
    count = max(decoder.num_candidates, decoder.num_centers)
    side = factor
    while (side // BLOCK) ** 2 <= count:
        side += factor
    return side


def properties(description: Description) -> dict[str, str]:
    """The metadata of the file, by key."""
    return {KEY: json.dumps(description.as_dict())}


def _resize_of(config: Config) -> BottomupAlignedResize:
    """The resizing transform of the test pipeline, with what it has by default."""
    pipeline = config.test_dataloader.dataset.pipeline
    found = [entry for entry in pipeline if entry['type'] == RESIZE]
    if len(found) != 1 or found[0].get('aug_scales'):
        raise ValueError(
            f'The test pipeline of {config.filename} resizes otherwise than the '
            f'runtime: expected one {RESIZE} without aug_scales (an exported model '
            'tests at one scale).'
        )
    resize = TRANSFORMS.build(found[0])
    if any(resize.pad_val):
        raise ValueError(
            f'{RESIZE} of {config.filename} has a pad_val other than 0, which the '
            'runtime pads with.'
        )
    return resize

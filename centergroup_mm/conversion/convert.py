# SPDX-License-Identifier: Apache-2.0
"""From a foreign checkpoint to weights and a config of this package."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmpose.apis.inference import dataset_meta_from_config
from torch import Tensor

from ..checkpoint_files import CheckpointFileError, shown_name
from ..files import check_free, write_together
from .completeness import check_complete, describe_problems
from .config_writer import (
    base_name,
    config_changes,
    config_text,
    literal,
    load_base,
)
from .content import checkpoint_bytes
from .key_mapping import Layout, find_layout, rename_keys
from .sizes import model_sizes, num_types
from .weights import describe_infinite, read_weights

# Input side of the published models by the width of the backbone; others take 512.
INPUT_SIZES = {32: 512, 48: 640}
# Heatmap types of the published detectors: COCO, CrowdPose and whole bodies, which
# have as many as keypoints, or one more for the person center.
PLAIN_DETECTORS = (17, 14, 133)
# For these the configs name the order in which keypoints are grouped.
ORDERED_KEYPOINTS = (17, 14)
CENTER_DETECTORS = tuple(number + 1 for number in PLAIN_DETECTORS)


@dataclass
class Conversion:
    """What came of a checkpoint.

    Attributes:
        kind (str): What it held, in words.
        num_keypoints (int): K.
        input_size (int): Side of the input in pixels.
        weights (Path): File of the weights.
        config (Path): Config beside them.
    """

    kind: str
    num_keypoints: int
    input_size: int
    weights: Path
    config: Path


def convert_checkpoint(
    source: str | Path,
    target: str | Path,
    input_size: int | None = None,
    num_keypoints: int | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Convert a checkpoint and write a config that fits it.

    - A released CenterGroup (current or older names) becomes a whole model with a
      config of the released variant.
    - A HigherHRNet of mmpose 0.x becomes one of this package, grouped by associative
      embedding. With person centers, a CenterGroup may be trained from its weights.

    Weights and config are both written, or neither is.

    Args:
        source (str | Path): Path or URL of the checkpoint.
        target (str | Path): File of the weights, ``*.pth``; the config stands beside
            it, ``*.py``.
        input_size (int, optional): Side of the input in pixels, which weights do not
            tell. By default 640 for HRNet-W48, else 512.
        num_keypoints (int, optional): K of a detector, which its weights do not tell
            apart from a center. By default as in the published models; not needed for
            a CenterGroup.
        overwrite (bool): Whether ``*.pth`` and ``*.py`` may be replaced if they are
            there.

    Returns:
        Conversion: What was written.

    Raises:
        FileNotFoundError: If there is no such file.
        FileExistsError: If a target is there and may not be replaced.
        CheckpointFileError: If the file cannot be read, has another layout, misses
            weights, has some that are unknown, or some that are not finite. Nothing is
            written then.
    """
    target = Path(target)
    _check_arguments(source, target, input_size)
    check_free([target, target.with_suffix('.py')], overwrite)
    weights, layout = _read_weights(source)
    model = model_sizes(weights, layout)
    whole = layout is Layout.CENTERGROUP
    method, kind, variant = 'centergroup', layout.value, '_released'
    if not whole:
        with_center = _has_center(num_types(weights), num_keypoints)
        model['head'].update(_detector_types(num_types(weights) - with_center))
        method, variant = 'higherhrnet', '_center' if with_center else ''
        kind += f' {"with" if with_center else "without"} person centers'
    known, width = (model['head'][key] for key in ('num_keypoints', 'in_channels'))
    side = input_size or INPUT_SIZES.get(width, 512)
    base = base_name(method, known, width, variant)
    config = load_base(base)
    changes = config_changes(config, model, side)
    config.merge_from_dict(dict(model=changes.get('model', {})))
    check_complete(source, weights, config, layout)
    done = Conversion(kind, known, side, target, target.with_suffix('.py'))
    _write(done, Path(str(source)).name, weights, config, base, changes)
    return done


def _read_weights(source: str | Path) -> tuple[dict[str, Tensor], Layout]:
    """Weights under the names of this package, and the layout that they had."""
    found = read_weights(source)
    if infinite := describe_infinite(found):
        raise CheckpointFileError(
            f'{shown_name(source)} has {infinite}. It is damaged, or its training '
            'failed: get another.'
        )
    layout = find_layout(found, str(source))
    renamed, unknown = rename_keys(found, layout)
    if unknown:
        raise CheckpointFileError(describe_problems(source, {'unknown': unknown}))
    return {new: found[old] for old, new in renamed.items()}, layout


def _check_arguments(source: str | Path, target: Path, input_size: int | None) -> None:
    # A source may also be an address.
    if target.exists() and Path(str(source)).exists() and target.samefile(source):
        raise ValueError(f'{target} is the source itself; name another target.')
    if target.suffix != '.pth':
        raise ValueError(f'Expected a target that ends in .pth, got {target}.')
    if input_size is not None and (input_size <= 0 or input_size % 4):
        raise ValueError(f'Expected an input size that 4 divides, got {input_size}.')


def _detector_types(num_keypoints: int) -> dict:
    """``head`` of a detector with so many keypoint types."""
    head = dict(num_keypoints=num_keypoints)
    if num_keypoints not in ORDERED_KEYPOINTS:
        # No order is better than another without knowing the types.
        head['decoder'] = dict(decode_keypoint_order=list(range(num_keypoints)))
    return head


def _has_center(types: int, num_keypoints: int | None) -> bool:
    """Whether the last of a detector's types is the person center."""
    if num_keypoints is None:
        if types in PLAIN_DETECTORS + CENTER_DETECTORS:
            return types in CENTER_DETECTORS
    elif types - num_keypoints in (0, 1):
        return types > num_keypoints
    raise CheckpointFileError(
        f'The detector has {types} heatmap types; its weights do not tell whether the '
        'last is the person center. State the number of keypoints (--num-keypoints): '
        f'{types} without centers or {types - 1} with them; got {num_keypoints}.'
    )


def _write(
    done: Conversion,
    source_name: str,
    weights: Mapping[str, Tensor],
    config: Config,
    base: str,
    changes: dict,
) -> None:
    """Write weights and config."""
    dataset_meta = dataset_meta_from_config(config, 'train')
    known = dataset_meta['num_keypoints']
    comment = [
        f'Converted from {literal(source_name)}: {done.kind}, {done.num_keypoints} '
        'keypoint types.'
    ]
    if known != done.num_keypoints:
        dataset_meta = None
        comment += [
            f'The datasets below have {known} types. For yours, add to each of',
            'train_dataloader, val_dataloader and test_dataloader:',
            "  dataset=dict(metainfo=dict(from_file='my_keypoints.py'), ...)",
        ]
    text = config_text(comment, base, changes, done.weights.name)
    write_together(
        {
            done.weights: checkpoint_bytes(weights, dataset_meta),
            done.config: text.encode(),
        }
    )

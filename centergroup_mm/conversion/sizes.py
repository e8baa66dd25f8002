# SPDX-License-Identifier: Apache-2.0
"""Reading the sizes of a model off its weights."""

from collections.abc import Mapping

from torch import Tensor

from ..checkpoint_files import CheckpointFileError
from .key_mapping import Layout, released_name

# A few numbers may pass themselves off as a weight of any length.
LARGEST_SIZE = 2**14
MOST_BRANCHES = 4  # of an HRNet: resolutions from 1/4 to 1/32


class _Weights:
    """Weights that answer questions about the model they belong to."""

    def __init__(self, weights: Mapping[str, Tensor], layout: Layout) -> None:
        self.weights = weights
        self.layout = layout

    def rows(self, key: str, dim: int = 0) -> int:
        """Length of a weight along a dimension."""
        if key not in self.weights or self.weights[key].dim() <= dim:
            raise CheckpointFileError(
                f'The checkpoint has no {released_name(key, self.layout)} of '
                f'{dim + 1} dimensions or more, which tells a size of the model.'
            )
        length = self.weights[key].shape[dim]
        if length > LARGEST_SIZE:
            raise CheckpointFileError(
                f'The checkpoint has {released_name(key, self.layout)} of a length of '
                f'{length}; no size of a model is above {LARGEST_SIZE}. It is damaged, '
                'or made to do harm.'
            )
        return length

    def has(self, prefix: str) -> bool:
        """Whether a weight's name begins so."""
        return any(key.startswith(prefix) for key in self.weights)

    def count(self, prefix: str) -> int:
        """Number of the parts named ``prefix`` followed by 0, 1, ..."""
        indices = {
            key[len(prefix) :].split('.')[0]
            for key in self.weights
            if key.startswith(prefix)
        }
        return 1 + max((int(i) for i in indices if i.isdecimal()), default=-1)

    def check_number(self, parts: int) -> None:
        """Refuse names that stand for more parts than there are weights.

        A model with a thousand million blocks would be built to compare it.
        """
        if parts > len(self.weights):
            raise CheckpointFileError(
                f'The checkpoint has {len(self.weights)} weights, but their names '
                f'speak of {parts} parts or more. It is damaged, or made to do harm.'
            )


def model_sizes(weights: Mapping[str, Tensor], layout: Layout) -> dict:
    """Read every size that the weights tell.

    Not visible in weights are the number of heads of the encoder's attention (4 in
    every released model) and the size of the input.

    Args:
        weights (Mapping[str, Tensor]): Weights under the names of this package.
        layout (Layout): Where they come from, for messages.

    Returns:
        dict: The values of ``model`` in a config. For a detector without
        ``num_keypoints``, which its weights do not tell.

    Raises:
        CheckpointFileError: If a weight that tells a size is missing.
    """
    known = _Weights(weights, layout)
    whole = layout is Layout.CENTERGROUP
    detector_blocks = known.count('head.detector.blocks.')
    known.check_number(detector_blocks)
    head = dict(
        in_channels=known.rows('head.detector.final_layers.0.weight', 1),
        detector=dict(num_blocks=detector_blocks),
    )
    if whole:
        head.update(_grouping_sizes(known))
    return dict(backbone=dict(extra=_hrnet_sizes(known), init_cfg=None), head=head)


def num_types(weights: Mapping[str, Tensor]) -> int:
    """Number of heatmap types of a stand-alone detector."""
    return _Weights(weights, Layout.DETECTOR).rows(
        'head.detector.final_layers.1.weight'
    )


def _hrnet_sizes(known: _Weights) -> dict:
    """``extra`` of the backbone."""
    bottleneck = known.has('backbone.layer1.0.conv3.')
    extra = dict(
        stage1=dict(
            num_modules=1,
            num_branches=1,
            block='BOTTLENECK' if bottleneck else 'BASIC',
            num_blocks=(known.count('backbone.layer1.'),),
            num_channels=(known.rows('backbone.layer1.0.conv1.weight'),),
        )
    )
    known.check_number(extra['stage1']['num_blocks'][0])
    for stage in ('stage2', 'stage3', 'stage4'):
        modules = f'backbone.{stage}.'
        branches = f'{modules}0.branches.'
        num_branches = known.count(branches)
        if num_branches > MOST_BRANCHES:
            raise CheckpointFileError(
                f'The checkpoint has weights of {num_branches} branches in {stage}; an '
                f'HRNet has at most {MOST_BRANCHES}. It is damaged, or of another '
                'backbone.'
            )
        bottleneck = known.has(f'{branches}0.0.conv3.')
        extra[stage] = dict(
            num_modules=known.count(modules),
            num_branches=num_branches,
            block='BOTTLENECK' if bottleneck else 'BASIC',
            num_blocks=tuple(
                known.count(f'{branches}{branch}.') for branch in range(num_branches)
            ),
            num_channels=tuple(
                known.rows(f'{branches}{branch}.0.conv1.weight')
                for branch in range(num_branches)
            ),
        )
        known.check_number(
            extra[stage]['num_modules'] * sum(extra[stage]['num_blocks'])
        )
    return extra


def _grouping_sizes(known: _Weights) -> dict:
    """What the head has beyond the detector."""
    grouping, cnn = 'head.grouping.', 'head.tokenizer.keypoint_cnn.'
    num_keypoints = known.rows(f'{grouping}type_embedding.weight') - 1
    width = known.rows(f'{grouping}grouping_modules.0.attention.query.weight')
    num_layers = known.count(f'{grouping}encoder.')
    num_modules = known.count(f'{grouping}grouping_modules.')
    num_blocks = known.count(f'{cnn}blocks.')
    known.check_number(num_layers + num_modules + num_blocks)
    return dict(
        num_keypoints=num_keypoints,
        tokenizer=dict(
            num_blocks=num_blocks,
            shared_cnn=not known.has('head.tokenizer.center_cnn.'),
        ),
        grouping=dict(
            embed_dims=known.rows(f'{grouping}type_embedding.weight', 1),
            head_dims=width // max(num_keypoints, 1),
            num_layers=num_layers,
            feedforward_channels=known.rows(f'{grouping}encoder.0.ffn.layers.0.0.bias'),
            group_before_encoder=num_modules > num_layers,
        ),
    )

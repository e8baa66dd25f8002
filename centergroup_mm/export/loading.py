# SPDX-License-Identifier: Apache-2.0
"""Building the model that is exported."""

from pathlib import Path

from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmpose.apis.inference import dataset_meta_from_config
from mmpose.models import build_pose_estimator
from torch import nn

from ..models import CenterGroupHead
from ..models.checkpoints import CheckpointMismatchError, holds_grouping
from ..models.nearest import groups_by_distance


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

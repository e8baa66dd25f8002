# SPDX-License-Identifier: Apache-2.0
"""Pictures of poses while a training still runs."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmpose.registry import HOOKS

from ..coco import Truth, most_crowded
from ..engine.training_state import bare_model
from ..files import write_atomically
from .comparison import draw_comparison


@HOOKS.register_module()
class ProgressPicturesHook(Hook):
    """Draw the most crowded validation images again and again, to watch a model learn.

    Pictures are ``progress/iter_N.jpg`` in the work folder. Nothing random is drawn, so
    that the training is the same with and without them.

    Args:
        iterations (Sequence[int]): When to draw.
        num_images (int): How many images. Defaults to 12.
        score_thr (float): Poses that score less are left out. Defaults to 0.3.
    """

    def __init__(
        self, iterations: Sequence[int], num_images: int = 12, score_thr: float = 0.3
    ) -> None:
        self.iterations = frozenset(iterations)
        self.num_images = num_images
        self.score_thr = score_thr

    @master_only
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Draw if it is time."""
        done = runner.iter + 1
        if done not in self.iterations:
            return
        path = Path(runner.work_dir, 'progress', f'iter_{done}.jpg')
        try:
            self._draw(runner, path)
        # Whatever it is: a picture must not end a training.
        except Exception as error:
            runner.logger.warning(
                f'{path} could not be drawn: {type(error).__name__}: {error}'
            )
        else:
            runner.logger.info(f'Poses after {done} iterations: {path}')

    def _draw(self, runner, path: Path) -> None:
        dataset = runner.val_dataloader.dataset
        truth = most_crowded(dataset.ann_file, self.num_images)
        model = bare_model(runner)
        was_training = model.training
        model.eval()
        try:
            poses = self._predict(model, dataset, truth)
        finally:
            model.train(was_training)
        picture = draw_comparison(dataset.data_prefix['img'], truth, poses)
        encoded, content = cv2.imencode('.jpg', picture)
        if not encoded:
            raise ValueError(f'a picture of shape {picture.shape} was not encoded')
        write_atomically(path, content.tobytes())

    @torch.no_grad()
    def _predict(self, model, dataset, truth: Truth) -> list[list[dict]]:
        """Poses of each image, as MMPose's inferencers give them."""
        names = [dataset.get_data_info(i)['img_path'] for i in range(len(dataset))]
        index_of = {Path(name).name: index for index, name in enumerate(names)}
        batch = [
            dataset[index_of[Path(image.file_name).name]]
            for image in truth.images.values()
        ]
        poses = []
        for sample in model.test_step(pseudo_collate(batch)):
            found = sample.pred_instances
            likely = found.bbox_scores >= self.score_thr
            poses.append(
                [
                    {'keypoints': keypoints, 'keypoint_scores': scores}
                    for keypoints, scores in zip(
                        found.keypoints[likely],
                        found.keypoint_scores[likely],
                        strict=True,
                    )
                ]
            )
        return poses

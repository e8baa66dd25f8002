# SPDX-License-Identifier: Apache-2.0
"""The host's visualizer, with people in colors and the attention behind them."""

from collections.abc import Sequence

import numpy as np
from mmengine.dist import master_only
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData
from mmpose.registry import VISUALIZERS
from mmpose.structures import PoseDataSample
from mmpose.visualization import PoseLocalVisualizer

from .attention import (
    NEED_EXPLANATION,
    as_bgr,
    check_layers,
    draw_attention,
    enlarge_image,
    style_from_meta,
)
from .explained import ExplainedPoses, enlarge_points
from .painter import Style

# The host's defaults, which the inferencers set before every picture.
HOST_RADIUS, HOST_LINE_WIDTH = 3, 1


@VISUALIZERS.register_module()
class CenterGroupVisualizer(PoseLocalVisualizer):
    """Draws each person in a color and, if asked, why it got its keypoints.

    Chosen in a config by
    ``visualizer = dict(type='CenterGroupVisualizer', vis_backends=..., draw=[...])``.
    Line widths and radii fit the size of the image and of the people; the host's
    ``radius`` and ``thickness`` are relative to that, 3 and 1 leaving it as it is.

    Args:
        name (str): Of the instance. Defaults to 'visualizer'.
        draw (Sequence[str]): Layers, see :func:`draw_attention`. All but ``poses`` need
            ``model.test_cfg.output_attention=True``. Heatmaps are the host's business
            (``draw_heatmap``). Defaults to the poses alone.
        person (int): Whose runner-ups are drawn, the number that ``centers`` shows.
            Defaults to 0, the best center.
        score_thr (float): Predicted poses scoring less are not drawn; AP needs them
            all, a picture does not. Defaults to 0.3.
        fade (float): Share of white mixed into the image. Defaults to 0.
        min_size (int): Images with shorter long sides are enlarged to this many pixels,
            for there is no room for lines on small ones. 0 leaves them as they are.
            Defaults to 640.
        **kwargs: As in the host's :class:`PoseLocalVisualizer`.

    Raises:
        ValueError: If there is no such layer.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        draw: Sequence[str] = ('poses',),
        person: int = 0,
        score_thr: float = 0.3,
        fade: float = 0.0,
        min_size: int = 640,
        **kwargs,
    ) -> None:
        super().__init__(name, **kwargs)
        check_layers(draw)
        self.draw = tuple(draw)
        self.person = person
        self.score_thr = score_thr
        self.fade = fade
        self.min_size = min_size
        self._missing_is_logged = False

    def set_dataset_meta(
        self, dataset_meta: dict, skeleton_style: str = 'mmpose'
    ) -> None:
        """Take skeleton, names and colors from a dataset's metainfo.

        Args:
            dataset_meta (dict): As the host parses it.
            skeleton_style (str): Not followed: OpenPose's style has a color for each
                limb and keypoints of its own; here a color means a person.
        """
        super().set_dataset_meta(dataset_meta)

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: PoseDataSample,
        *args,
        **kwargs,
    ) -> np.ndarray:
        """Draw a sample and save it to all backends.

        Args:
            name (str): Of the picture.
            image (np.ndarray): RGB (H, W, 3), or gray (H, W), uint8.
            data_sample (PoseDataSample): With poses in image pixels.
            *args: As in the host's.
            **kwargs: As in the host's.

        Returns:
            np.ndarray: RGB, enlarged if the image is small.
        """
        image, scale = enlarge_image(as_bgr(image), self.min_size)
        if scale > 1:
            data_sample = _enlarge(data_sample, scale)
        return super().add_datasample(name, image, data_sample, *args, **kwargs)

    def _draw_instances_kpts(
        self,
        image: np.ndarray,
        instances: InstanceData,
        kpt_thr: float = 0.3,
        show_kpt_idx: bool = False,
        skeleton_style: str = 'mmpose',
    ) -> np.ndarray:
        """The host's hook, RGB to RGB; ``skeleton_style`` is not followed."""
        if 'keypoints' not in instances:
            return image
        poses = ExplainedPoses.from_instances(instances)
        draw = self.draw
        if poses.explanation is None and set(draw) & set(NEED_EXPLANATION):
            self._log_missing()
            # Annotations have nothing but poses.
            draw = ('poses',)
        picture = draw_attention(
            image[..., ::-1],
            poses,
            draw,
            self._style(kpt_thr, show_kpt_idx),
            self.score_thr,
            fade=self.fade,
        )
        return np.ascontiguousarray(picture[..., ::-1])

    def _style(self, keypoint_thr: float, show_types: bool) -> Style:
        # What the constructor was given counts where no dataset says otherwise; one
        # color for all, a name or a triplet, says nothing of types.
        colors = self.kpt_color
        if colors is None or isinstance(colors, str) or np.ndim(colors) != 2:
            colors = None
        own = dict(skeleton_links=self.skeleton, keypoint_colors=colors)
        return style_from_meta(
            {**self.dataset_meta, **own},
            keypoint_thr=keypoint_thr,
            show_types=show_types,
            person=self.person,
            line_width=self.line_width / HOST_LINE_WIDTH,
            radius=self.radius / HOST_RADIUS,
        )

    def _log_missing(self) -> None:
        if not self._missing_is_logged:
            self._missing_is_logged = True
            MMLogger.get_current_instance().warning(
                'Of the attention only what the model kept can be drawn, and it kept '
                'nothing: set model.test_cfg.output_attention=True. Poses are drawn.'
            )


def _enlarge(sample: PoseDataSample, scale: float) -> PoseDataSample:
    """A copy of a sample that fits the enlarged image."""
    sample = sample.clone()
    for part in ('gt_instances', 'pred_instances'):
        if part not in sample:
            continue
        # A sample's clone shares its parts.
        instances = sample.get(part).clone()
        # A box is two points.
        for name in ('keypoints', 'transformed_keypoints', 'centers', 'bboxes'):
            if name in instances:
                instances[name] = enlarge_points(instances[name], scale)
        if 'candidates' in instances:
            candidates = instances.candidates.clone()
            candidates.coords = enlarge_points(candidates.coords, scale)
            instances.set_metainfo(dict(candidates=candidates))
        setattr(sample, part, instances)
    return sample

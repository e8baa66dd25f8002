# SPDX-License-Identifier: Apache-2.0
"""Pictures that show why a keypoint went to a person."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .explained import ExplainedPoses
from .painter import Painter, Style
from .runner_ups import draw_runner_ups

if TYPE_CHECKING:
    from mmengine.structures import BaseDataElement

# In the order in which they are drawn: whether it needs an explanation, and how.
_METHODS = {
    'candidates': (True, Painter.draw_candidates),
    'pairs': (True, Painter.draw_pairs),
    'attention': (True, Painter.draw_attention),
    'poses': (False, Painter.draw_poses),
    'runner-ups': (True, draw_runner_ups),
    'centers': (True, Painter.draw_centers),
}
LAYERS = tuple(_METHODS)
NEED_EXPLANATION = tuple(name for name, (needs, _) in _METHODS.items() if needs)


def draw_attention(
    image: np.ndarray,
    poses: 'ExplainedPoses | BaseDataElement',
    draw: Sequence[str] = ('candidates', 'attention', 'centers'),
    style: Style | None = None,
    score_thr: float = 0.0,
    numbers: Sequence[int] | None = None,
    fade: float = 0.0,
    min_size: int = 0,
) -> np.ndarray:
    """Draw poses and the attention that chose them.

    What each layer shows, from the bottom to the top, whatever their order in
    ``draw``:

    - ``candidates``: all keypoint candidates, fainter the lower their heatmap value;
    - ``pairs``: every connection of likely centers and candidates, as opaque as the
      attention (supplementary, Figure 4 b);
    - ``attention``: connections with an attention over 0.5 of keypoints that are shown
      (Figure 4 c);
    - ``poses``: skeletons, a color for each person;
    - ``runner-ups``: of one person, the chosen candidates, from which white lines lead
      to others that had at least 5 % of the attention; discs have the color of the
      person who got the candidate, white if nobody did;
    - ``centers``: diamonds, with the person's number.

    All but ``poses`` need predictions made with ``test_cfg.output_attention=True``;
    without these they draw nothing.

    Args:
        image (np.ndarray): (H, W, 3) BGR, (H, W) or (H, W, 1) gray or (H, W, 4), uint8.
        poses (ExplainedPoses | PoseDataSample | InstanceData): In image pixels.
        draw (Sequence[str]): Names of layers.
        style (Style, optional): Skeleton, colors, thresholds; see
            :func:`style_from_meta`.
        score_thr (float): Poses scoring less are left out. Defaults to 0.
        numbers (Sequence[int], optional): A number for each pose that is left, hence
            its color, see :func:`person_color`. Defaults to 0, 1, ...
        fade (float): Share of white mixed into the image, 0 to 1. Defaults to 0.
        min_size (int): Images with shorter long sides are enlarged to this many pixels.
            Defaults to 0.

    Returns:
        np.ndarray: (H, W, 3) uint8, BGR, enlarged if so wanted.

    Raises:
        ValueError: If a layer has another name, there are no poses in ``poses``, or the
            style is for other keypoint types.
    """
    check_layers(draw)
    if not isinstance(poses, ExplainedPoses):
        poses = ExplainedPoses.from_instances(poses)
    style = style or Style()
    style.check_types(poses.keypoints.shape[1])
    poses = poses.select(poses.scores >= score_thr)
    image, scale = enlarge_image(as_bgr(image), min_size)
    poses = poses.enlarge(scale)
    if fade:
        image = np.rint(image + (255.0 - image) * fade).astype(np.uint8)
    painter = Painter(image, poses, style, numbers)
    for name, (needs_explanation, method) in _METHODS.items():
        kept = poses.explanation is not None or not needs_explanation
        if name in draw and kept:
            method(painter)
    return painter.picture


def style_from_meta(meta: Mapping, **settings) -> Style:
    """A style with the skeleton, names and colors of a dataset.

    Args:
        meta (Mapping): The host's dataset metainfo (``model.dataset_meta``); what it
            lacks is left out.
        **settings: Other attributes of :class:`Style`.
    """
    colors, names = meta.get('keypoint_colors'), meta.get('keypoint_id2name')
    if colors is not None:
        # The host's colors are RGB.
        colors = [tuple(int(c) for c in color[::-1]) for color in colors]
    if names is not None:
        names = [names[index] for index in range(len(names))]
    return Style(
        skeleton=meta.get('skeleton_links') or (),
        keypoint_colors=colors,
        keypoint_names=names,
        **settings,
    )


def check_layers(names: Sequence[str]) -> None:
    """Refuse names of layers that do not exist.

    Raises:
        ValueError: Names them, and those that do exist.
    """
    is_text = isinstance(names, str)
    unknown = names if is_text else [name for name in names if name not in LAYERS]
    if is_text or unknown:
        raise ValueError(
            f'Cannot draw {unknown!r}; expected a list of names among '
            f'{", ".join(LAYERS)}.'
        )


def as_bgr(image: np.ndarray) -> np.ndarray:
    """Three channels of a gray image or one with opacity; the others keep theirs."""
    if image.ndim == 2 or image.shape[2] == 1:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return image[..., :3]


def enlarge_image(image: np.ndarray, min_size: int) -> tuple[np.ndarray, float]:
    """Enlarge an image whose long side is shorter; returns it and the factor."""
    scale = max(1.0, min_size / max(image.shape[:2]))
    if scale > 1:
        mode = dict(fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        image = cv2.resize(image, None, **mode)
    return image, scale

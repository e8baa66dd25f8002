# SPDX-License-Identifier: Apache-2.0
"""The columns of a picture that one method fills."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmpose.apis import inference_bottomup, init_model
from mmpose.registry import MODELS

from ...coco import People
from ...models import CenterGroupHead, NearestKeypointHead
from ...visualization import (
    LAYERS,
    NEED_EXPLANATION,
    ExplainedPoses,
    draw_attention,
    match_people,
    overlay_heatmaps,
    style_from_meta,
)

HEATMAPS = 'heatmaps'
SHOWN = (*LAYERS, HEATMAPS)
DEFAULT_SHOW = (('poses',), ('candidates', 'attention', 'centers'))
# Layers that can be seen only on a fainter image.
ON_FADED = set(NEED_EXPLANATION) - {'centers'}
MIN_SIZE = 640


@dataclass(frozen=True)
class Look:
    """What is drawn of every method.

    Attributes:
        show (Sequence[Sequence[str]], optional): Per column what it shows, of
            ``SHOWN``. Defaults to ``DEFAULT_SHOW``.
        person (int): Number of the person for runner-ups.
        score_thr (float): Poses that score less are left out.
        keypoint_thr (float): Keypoints that score less are left out.
        fade (float): Share of white in the image under connections and candidates.
        device (str, optional): As torch names it. Defaults to 'cuda:0' where there is
            a GPU, else to 'cpu'.
    """

    show: Sequence[Sequence[str]] | None = None
    person: int = 0
    score_thr: float = 0.3
    keypoint_thr: float = 0.3
    fade: float = 0.5
    device: str | None = None


class MethodColumns:
    """A model and the columns that it can fill.

    Args:
        name (str): Title of its columns.
        config (Config): Of the model; what is to be kept is switched on in it.
        checkpoint (str): Path or URL.
        look (Look): What is drawn.

    Raises:
        ValueError: If the model is not bottom-up, or can show nothing of what is asked.
    """

    def __init__(self, name: str, config: Config, checkpoint: str, look: Look) -> None:
        self.name = name
        if config.get('data_mode') != 'bottomup':
            raise ValueError(
                f'{config.filename} has data_mode={config.get("data_mode")!r}: only '
                'bottom-up models find people in a whole image.'
            )
        explains = can_explain(config)
        self.panels = [
            panel
            for panel in look.show or (DEFAULT_SHOW if explains else DEFAULT_SHOW[:1])
            if explains or set(panel) & {'poses', HEATMAPS}
        ]
        if not self.panels:
            raise ValueError(
                f'{name or config.filename} has no attention, and nothing else is to '
                f'be shown. Add {" or ".join(("poses", HEATMAPS))} to --show.'
            )
        test_cfg = config.model.setdefault('test_cfg', ConfigDict())
        test_cfg.output_attention = explains and needs_explanation(self.panels)
        test_cfg.output_heatmaps = any(HEATMAPS in panel for panel in self.panels)
        device = look.device or ('cuda:0' if torch.cuda.is_available() else 'cpu')
        self.model = init_model(config, checkpoint, device=device)
        self.style = style_from_meta(
            self.model.dataset_meta, person=look.person, keypoint_thr=look.keypoint_thr
        )
        self.score_thr, self.fade = look.score_thr, look.fade

    def predict(self, image: np.ndarray) -> tuple[ExplainedPoses, torch.Tensor | None]:
        """Poses that score enough, and heatmaps if they are shown."""
        (sample,) = inference_bottomup(self.model, image)
        poses = ExplainedPoses.from_instances(sample)
        heatmaps = sample.pred_fields.heatmaps if 'pred_fields' in sample else None
        return poses.select(poses.scores >= self.score_thr), heatmaps

    def draw(
        self, image: np.ndarray, reference: 'NumberedPeople | None'
    ) -> tuple[list[np.ndarray], 'NumberedPeople']:
        """The columns of an image, people numbered like those of a reference.

        The people are returned, as a reference for others.
        """
        poses, heatmaps = self.predict(image)
        people = poses.people(self.style.keypoint_thr)
        numbers = number_people(people, reference)
        tiles = []
        for panel in self.panels:
            picture = image
            if HEATMAPS in panel:
                picture = overlay_heatmaps(image, heatmaps)
            fade = self.fade if ON_FADED & set(panel) else 0.0
            layers = [name for name in panel if name != HEATMAPS]
            tiles.append(
                draw_attention(
                    picture,
                    poses,
                    layers,
                    self.style,
                    numbers=numbers,
                    fade=fade,
                    min_size=MIN_SIZE,
                )
            )
        return tiles, NumberedPeople(people, numbers)

    def titles(self) -> list[str]:
        """Of the columns."""
        titles = []
        for panel in self.panels:
            shown = [name for name in panel if name != 'centers' or len(panel) == 1]
            parts = [self.name] * bool(self.name)
            if len(self.panels) > 1:
                parts.append(' + '.join(shown))
            titles.append(': '.join(parts))
        return titles


def can_explain(config: Config) -> bool:
    """Whether the poses of a model come from attention."""
    with DefaultScope.overwrite_default_scope(config.get('default_scope', 'mmpose')):
        head = MODELS.get(config.model.get('head', {}).get('type', ''))
    explains = head is not None and issubclass(head, CenterGroupHead)
    nearest = config.model.get('test_cfg', {}).get('grouping') == 'nearest'
    return explains and not (nearest or issubclass(head, NearestKeypointHead))


def needs_explanation(panels: Sequence[Sequence[str]]) -> bool:
    return any(set(panel) & set(NEED_EXPLANATION) for panel in panels)


class NumberedPeople(NamedTuple):
    """People of an image and their numbers, hence colors."""

    people: People
    numbers: list[int]


def number_people(people: People, reference: NumberedPeople | None) -> list[int]:
    """Numbers of those they resemble; free ones for whoever is left over."""
    if reference is None:
        return list(range(len(people)))
    if reference.people.keypoints.shape[1] != people.keypoints.shape[1]:
        # Other keypoint types: nobody resembles anybody.
        return list(range(len(people)))
    free = (i for i in itertools.count() if i not in reference.numbers)
    known = dict(enumerate(reference.numbers))
    matches = match_people(people, reference.people)
    return [known[match] if match in known else next(free) for match in matches]

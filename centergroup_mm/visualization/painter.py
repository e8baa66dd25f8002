# SPDX-License-Identifier: Apache-2.0
"""What can be drawn of poses and of the attention that chose them, layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .explained import ExplainedPoses
from .grid import draw_person, fixed_point, person_color
from .labels import Labels
from .layer import BLACK, WHITE, Color, Layer

# A center is a person, and a connection is sure, from here on (as in the paper).
LIKELY = 0.5
# Strokes of less opacity are invisible.
INVISIBLE = 0.01


@dataclass(frozen=True)
class Style:
    """How to draw.

    Attributes:
        skeleton (Sequence[tuple[int, int]]): Keypoint types to connect.
        keypoint_colors (Sequence[Color], optional): K, BGR, of the candidates; white
            if None.
        keypoint_names (Sequence[str], optional): K, written beside runner-ups.
        keypoint_thr (float): Keypoints scoring less are not drawn.
        show_types (bool): Write its type's number beside each keypoint.
        person (int): The number of the person whose runner-ups are drawn.
        line_width (float): Times the width that fits the image.
        radius (float): Times the radius that fits the image.
    """

    skeleton: Sequence[tuple[int, int]] = ()
    keypoint_colors: Sequence[Color] | None = None
    keypoint_names: Sequence[str] | None = None
    keypoint_thr: float = 0.5
    show_types: bool = False
    person: int = 0
    line_width: float = 1.0
    radius: float = 1.0

    def check_types(self, num_keypoints: int) -> None:
        """Refuse poses of other keypoint types.

        Raises:
            ValueError: If colors or names are not K, or the skeleton goes beyond.
        """
        counts = {
            'keypoint_colors': self.keypoint_colors,
            'keypoint_names': self.keypoint_names,
        }
        wrong = [
            f'{name} has {len(values)}'
            for name, values in counts.items()
            if values is not None and len(values) != num_keypoints
        ]
        beyond = max((max(link) for link in self.skeleton), default=0)
        if beyond >= num_keypoints:
            wrong.append(f'skeleton connects type {beyond}')
        if wrong:
            raise ValueError(
                f'The poses have {num_keypoints} keypoint types, but of the style '
                f'{" and ".join(wrong)}. Use the metainfo of the dataset that the '
                'model was trained on.'
            )


class Painter:
    """Draws layers onto a picture, each with one blending.

    All but poses can only be drawn of poses with an explanation.

    Args:
        picture (np.ndarray): (H, W, 3) uint8, BGR; it is left alone.
        poses (ExplainedPoses): In the picture's pixels.
        style (Style): How.
        numbers (Sequence[int], optional): Of the persons, written beside their centers
            and the choice of their colors, see :func:`person_color`. Defaults
            to 0 to n - 1.

    Attributes:
        picture (np.ndarray): What is drawn so far.
        numbers (list[int]): n.
        colors (list[Color]): n.
        shown (np.ndarray): bool (n, K), the keypoints to draw.
        width (float): Of lines, in pixels.
        radius (float): Of dots, in pixels.
        labels (Labels): The places of what is written.
    """

    def __init__(
        self,
        picture: np.ndarray,
        poses: ExplainedPoses,
        style: Style,
        numbers: Sequence[int] | None = None,
    ) -> None:
        self.picture = picture.copy()
        self.poses = poses
        self.style = style
        self.numbers = list(range(len(poses)) if numbers is None else numbers)
        self.colors = [person_color(number) for number in self.numbers]
        self.shown = poses.keypoint_scores >= style.keypoint_thr
        # Lines of 1.2 pixels on 640 x 480, 4 on 2000 x 1500.
        self.unit = max(1.0, np.sqrt(picture.shape[0] * picture.shape[1]) / 450)
        self.width = self.unit * style.line_width
        self.radius = self.unit * style.radius
        self.labels = Labels(picture.shape, 0.3 * self.unit)

    def draw_candidates(self) -> None:
        """All valid candidates, the fainter the lower their heatmap value."""
        found = self.poses.explanation
        layer = Layer(self.picture.shape)
        colors = self.style.keypoint_colors
        for index in np.argsort(found.scores):
            if found.valid[index]:
                opacity = 0.35 + 0.6 * float(np.clip(found.scores[index], 0, 1))
                color = WHITE if colors is None else colors[found.types[index]]
                bands = (BLACK, 2.4 * self.radius), (color, 1.7 * self.radius)
                layer.disc(found.coords[index], bands, opacity)
        self.picture = layer.onto(self.picture)

    def draw_pairs(self) -> None:
        """Likely centers and all candidates, by their highest attention."""
        found = self.poses.explanation
        weights = found.attention.max(1) * found.valid
        weights[found.center_scores < LIKELY] = 0
        self._connect(weights, INVISIBLE)

    def draw_attention(self) -> None:
        """Centers and the candidates with more than half of their attention."""
        found = self.poses.explanation
        weights = np.where(self.shown[..., None], found.attention, 0).max(1)
        self._connect(weights * found.valid, LIKELY)

    def _connect(self, weights: np.ndarray, above: float) -> None:
        """Lines from centers to candidates, weights (n, N) being their opacity."""
        found = self.poses.explanation
        layer = Layer(self.picture.shape)
        persons, candidates = np.nonzero(weights > above)
        order = np.argsort(weights[persons, candidates], kind='stable')
        for person, index in zip(persons[order], candidates[order], strict=True):
            layer.line(
                found.centers[person],
                found.coords[index],
                [(self.colors[person], 1.6 * self.width)],
                min(1.0, float(weights[person, index])),
            )
        self.picture = layer.onto(self.picture)

    def draw_poses(self) -> None:
        """A skeleton for each person."""
        # The surest last, on top.
        for person in np.argsort(self.poses.scores, kind='stable'):
            self._pose(person)

    def _pose(self, person: int) -> None:
        shown = self.shown[person]
        points = self.poses.keypoints[person]
        if not shown.any():
            return
        # People in the background are drawn finer.
        size = np.linalg.norm(np.ptp(points[shown], axis=0))
        stroke = np.clip(size / 45, 0.8 * self.unit, 1.8 * self.unit)
        draw_person(
            self.picture,
            fixed_point(points),
            shown,
            np.zeros_like(shown),
            self.style.skeleton,
            self.colors[person],
            stroke * self.style.line_width,
            1.4 * stroke * self.style.radius,
        )
        if self.style.show_types:
            for kind in np.flatnonzero(shown):
                self.labels.write(self.picture, str(kind), points[kind], 2 * stroke)

    def draw_centers(self) -> None:
        """A diamond and the person's number."""
        found = self.poses.explanation
        for person, (x, y) in enumerate(found.centers):
            for size, color in (
                (5.5, BLACK),
                (4.5, WHITE),
                (3.2, self.colors[person]),
            ):
                r = size * self.radius
                corners = np.array([(x - r, y), (x, y - r), (x + r, y), (x, y + r)])
                places = np.array(fixed_point(corners), np.int32)
                cv2.fillConvexPoly(self.picture, places, color, cv2.LINE_AA, 4)
        for number, center in zip(self.numbers, found.centers, strict=True):
            distance = 4 * self.radius + 2
            self.labels.write(self.picture, str(number), center, distance)

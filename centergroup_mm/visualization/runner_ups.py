# SPDX-License-Identifier: Apache-2.0
"""Where a person's keypoints might have been, and who has them instead."""

from typing import NamedTuple

import numpy as np

from .layer import BLACK, WHITE, Layer
from .painter import Painter

# The least attention of a runner-up, and how many are drawn.
MIN_RUNNER_UP, MAX_RUNNER_UPS = 0.05, 3


class Choice(NamedTuple):
    """A candidate that a keypoint has attention for.

    Attributes:
        kind (int): Type of the keypoint.
        candidate (int): Index among the candidates.
        chosen (int): Index of the one that was chosen, maybe the same.
        weight (float): Attention.
    """

    kind: int
    candidate: int
    chosen: int
    weight: float


def find_choices(attention: np.ndarray, shown: np.ndarray) -> list[Choice]:
    """What a person's keypoints were chosen from, the least attended first.

    Args:
        attention (np.ndarray): (K, N), 0 for candidates that are not valid.
        shown (np.ndarray): bool (K,), the keypoints that count.

    Returns:
        list[Choice]: For each keypoint the chosen candidate and up to three others.
    """
    choices = []
    for kind in np.flatnonzero(shown):
        row = attention[kind]
        best, *others = np.argsort(-row, kind='stable')[: MAX_RUNNER_UPS + 1].tolist()
        indices = [best, *(i for i in others if row[i] >= MIN_RUNNER_UP)]
        choices += [Choice(int(kind), i, best, float(row[i])) for i in indices]
    return sorted(choices, key=lambda choice: choice.weight)


def find_owners(attention: np.ndarray, shown: np.ndarray) -> dict[int, int]:
    """The person that shows a keypoint at a candidate, the surest of several.

    Args:
        attention (np.ndarray): (n, K, N).
        shown (np.ndarray): bool (n, K).

    Returns:
        dict[int, int]: Candidate to person.
    """
    claims = {}
    for person, kind in np.argwhere(shown):
        candidate = int(attention[person, kind].argmax())
        claim = float(attention[person, kind, candidate]), int(person)
        claims[candidate] = max(claims.get(candidate, claim), claim)
    return {candidate: person for candidate, (_, person) in claims.items()}


def draw_runner_ups(painter: Painter) -> None:
    """Draw those of the style's person, see :func:`.attention.draw_attention`."""
    if painter.style.person not in painter.numbers:
        return
    person = painter.numbers.index(painter.style.person)
    found = painter.poses.explanation
    attention = found.attention * found.valid
    choices = find_choices(attention[person], painter.shown[person])
    _draw_lines(painter, choices, person)
    _draw_discs(painter, choices, find_owners(attention, painter.shown))
    for center in found.centers:
        painter.labels.keep_free(center, 4 * painter.radius)
    names = painter.style.keypoint_names
    for choice in reversed(choices):
        if choice.candidate != choice.chosen:
            name = str(choice.kind) if names is None else names[choice.kind]
            text = f'{name.replace("_", " ")} {choice.weight:.0%}'
            point = found.coords[choice.candidate]
            painter.labels.write(painter.picture, text, point, 3 * painter.radius + 2)


def _draw_lines(painter: Painter, choices: list[Choice], person: int) -> None:
    """From the center to what was chosen, and from there to the runner-ups."""
    found = painter.poses.explanation
    layer, width = Layer(painter.picture.shape), painter.width
    for choice in choices:
        chosen, end = found.coords[choice.chosen], found.coords[choice.candidate]
        if choice.candidate == choice.chosen:
            start, color = found.centers[person], painter.colors[person]
            layer.line(start, end, [(color, 1.6 * width)], min(1.0, choice.weight))
        else:
            # The label says how much; the line only which.
            layer.line(chosen, end, [(BLACK, 3 * width), (WHITE, width)])
    painter.picture = layer.onto(painter.picture)


def _draw_discs(
    painter: Painter, choices: list[Choice], owners: dict[int, int]
) -> None:
    """Candidates in the color of the person who got them."""
    layer, radius = Layer(painter.picture.shape), painter.radius
    for candidate in {choice.candidate: None for choice in choices}:
        point = painter.poses.explanation.coords[candidate]
        owner = owners.get(candidate)
        color = WHITE if owner is None else painter.colors[owner]
        bands = (BLACK, 3.6 * radius), (WHITE, 3 * radius), (color, 2.3 * radius)
        layer.disc(point, bands)
        painter.labels.keep_free(point, 3 * radius)
    painter.picture = layer.onto(painter.picture)

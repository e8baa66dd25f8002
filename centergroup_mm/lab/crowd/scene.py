# SPDX-License-Identifier: Apache-2.0
"""Who stands where: numbers, sizes, overlap, clothes and drawing order."""

from dataclasses import dataclass

import numpy as np

from .backdrop import draw_backdrop, draw_shadow
from .body import sample_body
from .figure import Figure
from .outfit import sample_outfit, sample_palette
from .render import (
    SUPERSAMPLING,
    cloth,
    develop,
    draw_figure,
    draw_silhouette,
    sample_light,
    weave,
)

MIN_PEOPLE, MAX_PEOPLE = 3, 12

# Smaller groups are more frequent.
_COUNTS = np.arange(MIN_PEOPLE, MAX_PEOPLE + 1)
_COUNT_WEIGHTS = 1.0 / (_COUNTS - 1.5) ** 2

# What an instance map holds where a crowd region's people are seen.
CROWD_ID = 255


@dataclass
class Person:
    """One drawn person.

    Attributes:
        figure (Figure): Its shapes.
        annotated (bool): Whether its keypoints are to be annotated.
        silhouette (np.ndarray): (2S, 2S) uint8, not 0 on its whole body, hidden parts
            included.
    """

    figure: Figure
    annotated: bool
    silhouette: np.ndarray


@dataclass
class Scene:
    """A drawn scene.

    Attributes:
        image (np.ndarray): (S, S, 3) uint8, BGR.
        people (list[Person]): From the farthest to the nearest, which is the drawing
            order.
        instances (np.ndarray): (2S, 2S) uint8: 0 background, i + 1 where person i is
            seen, `CROWD_ID` where people of the crowd region are seen.
    """

    image: np.ndarray
    people: list[Person]
    instances: np.ndarray


def sample_scene(rng: np.random.Generator, size: int, crowding: float) -> Scene:
    """Draw a scene of 3 to 12 people.

    Args:
        rng (np.random.Generator): Source of all randomness.
        size (int): Side of the image, px.
        crowding (float): 0 (people keep apart as far as they can) to 1 (everyone stands
            in front of, behind or beside somebody).
    """
    light = sample_light(rng, size)
    palette = sample_palette(rng)
    outfits = [sample_outfit(rng, palette) for _ in range(rng.integers(1, 4))]
    side = SUPERSAMPLING * size
    textures = [cloth(rng, side, outfit.pattern) for outfit in outfits]
    pitch = rng.uniform(0, 18)
    places, horizon = sample_places(rng, size, crowding)
    canvas = draw_backdrop(rng, size, horizon, light, palette.cloths + palette.skins)
    instances = np.zeros((side, side), np.uint8)

    def draw(foot, stature) -> Figure:
        which = rng.integers(len(outfits))
        body = sample_body(rng, pitch)
        figure = Figure(body, outfits[which], foot, stature)
        draw_figure(canvas, figure, light)
        silhouette = draw_silhouette(size, figure)
        weave(canvas, silhouette, textures[which])
        return figure, silhouette

    if rng.random() < 0.25:
        for foot, stature in _sample_far_group(rng, size, horizon):
            instances[draw(foot, stature)[1] > 0] = CROWD_ID
    for foot, stature in places:
        draw_shadow(canvas, foot, stature)
    people = []
    for foot, stature in places:
        figure, silhouette = draw(foot, stature)
        people.append(Person(figure, bool(rng.random() >= 0.06), silhouette))
        instances[silhouette > 0] = len(people)
    return Scene(develop(canvas, light, rng), people, instances)


def sample_places(rng: np.random.Generator, size: int, crowding: float):
    """Return places [(foot (2,) px, stature px)], farthest first, and the horizon.

    A person's size follows its distance, and so does the height of its feet in
    the image.
    """
    count = int(rng.choice(_COUNTS, p=_COUNT_WEIGHTS / _COUNT_WEIGHTS.sum()))
    stature = size * rng.uniform(0.6, 0.82) * (1 - 0.04 * max(count - 4, 0))
    camera = rng.uniform(0.55, 1.3)  # height of the camera in statures
    horizon = size * rng.uniform(0.86, 1.02) - stature * camera
    spots = []  # (x, nearness)
    for _ in range(count):
        if spots and rng.random() < crowding:
            x, near = spots[rng.integers(len(spots))]
            step = rng.uniform(0.06, 0.14) * stature * rng.choice((-1, 1))
            spot = x + step, near * rng.uniform(0.95, 1.06)
        else:
            spot = _farthest(rng, spots, size)
        x = float(np.clip(spot[0], 0.1 * size, 0.9 * size))
        spots.append((x, float(np.clip(spot[1], 0.72, 1.2))))
    spots.sort(key=lambda spot: spot[1])
    places = [
        (np.array([x, horizon + near * stature * camera]), near * stature)
        for x, near in spots
    ]
    return places, horizon


def _farthest(rng, spots, size):
    """Return the one of a few random spots that keeps most clear of the others."""
    tries = [
        (rng.uniform(0.12, 0.88) * size, rng.uniform(0.75, 1.15)) for _ in range(6)
    ]
    if not spots:
        return tries[0]
    return max(tries, key=lambda t: min(abs(t[0] - x) for x, _ in spots))


def _sample_far_group(rng, size, horizon):
    """Return the places of a tight group of small people, farthest first."""
    stature = size * rng.uniform(0.15, 0.24)
    middle, width = rng.uniform(0.15, 0.85) * size, rng.uniform(0.6, 1.6) * stature
    ground = horizon + 0.4 * stature
    places = [
        (
            np.array([middle + width * rng.uniform(-1, 1), ground + rng.uniform(0, 5)]),
            stature * rng.uniform(0.9, 1.1),
        )
        for _ in range(rng.integers(4, 8))
    ]
    return sorted(places, key=lambda place: place[0][1])

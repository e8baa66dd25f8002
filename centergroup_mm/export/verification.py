# SPDX-License-Identifier: Apache-2.0
"""Whether an exported graph finds the poses that the model finds.

Poses are compared as a set: candidates that score nearly the same may come in another
order. And where the two highest pixels of a peak differ by no more than rounding does,
which no rule of choice can help, two runtimes take another one, all else being right.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np

# Poses that score less than this share of their image's best are not looked for: they
# are chance, and the first to come and go with the last bits of a heatmap.
SCORE_SHARE = 0.5


class Limits(NamedTuple):
    """What may differ.

    Attributes:
        pixels (float): How far a keypoint may be from the model's own ...
        elsewhere (float): ... but for this share of keypoints.
        score (float): Difference of the scores of keypoints and poses, the keypoints
            that are elsewhere left out.
    """

    pixels: float
    elsewhere: float
    score: float


SINGLE = Limits(pixels=0.05, elsewhere=0.01, score=1e-3)
# In half precision peaks move to the next pixel, and candidates are other ones.
HALF = Limits(pixels=2.0, elsewhere=0.1, score=5e-2)
# On photographs and drawings pixels tie more often than on noise. A weak candidate is
# then another one, and as all candidates attend to each other, scores move a little.
PICTURES_SCORE = 1e-2


@dataclass(frozen=True)
class Comparison:
    """One batch.

    Attributes:
        batch, height, width (int): Of the input.
        poses (int): Those of the model that were looked for.
        missing (int): Those that were not found.
        pixels (float): Largest distance of a keypoint that is not elsewhere.
        elsewhere (int): Keypoints that are farther from the model's than is allowed.
        keypoints (int): Of the poses that were looked for.
        score (float): Largest difference of a score.
    """

    batch: int
    height: int
    width: int
    poses: int
    missing: int
    pixels: float
    elsewhere: int
    keypoints: int
    score: float


class VerificationError(RuntimeError):
    """The exported graph finds other poses than the model."""


def example(
    batch: int, height: int, width: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures at random that have areas and detail, with padding on two sides.

    Returns:
        tuple[np.ndarray, np.ndarray]: uint8 (B, 3, h, w) and bool (B, 1, h, w).
    """
    random = np.random.default_rng(seed)
    images = np.zeros((batch, height, width, 3), np.uint8)
    inside = np.zeros((batch, 1, height, width), bool)
    for index in range(batch):
        # Noise in every pixel: areas of one color would give equal pixels in heatmaps.
        picture = random.uniform(-16, 16, (height, width, 3)).astype(np.float32)
        for pixels in (4, 16, 64):
            coarse = random.random((-(-height // pixels), -(-width // pixels), 3))
            coarse = cv2.resize(coarse.astype(np.float32), (width, height))
            picture += 80 * coarse
        picture = np.clip(picture, 0, 255)
        left = int(random.integers(0, width // 8))
        part = slice(left, width - int(random.integers(0, width // 8)))
        images[index, :, part] = picture[:, part]
        inside[index, 0, :, part] = True
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), inside


def from_pictures(
    pictures: Sequence[np.ndarray], batch: int, height: int, width: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`example`, of pictures (H, W, 3), uint8, RGB, as large as they fit."""
    images = np.zeros((batch, height, width, 3), np.uint8)
    inside = np.zeros((batch, 1, height, width), bool)
    for index in range(batch):
        picture = pictures[(seed + index) % len(pictures)]
        scale = min(height / picture.shape[0], width / picture.shape[1])
        size = [max(1, int(side * scale)) for side in picture.shape[1::-1]]
        part = np.s_[index, : size[1], : size[0]]
        images[part] = cv2.resize(picture, size)
        inside[:, 0][part] = True
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), inside


def cases(smallest: int, factor: int, side: int) -> Iterator[tuple[int, int, int]]:
    """Batch, height and width of what is compared; none is the example's."""
    yield 1, smallest, smallest + factor
    yield 3, smallest + factor, smallest
    yield 2, smallest + 2 * factor, smallest + 3 * factor
    yield 1, side, side + factor


def compare(
    expected: Sequence[np.ndarray], found: Sequence[np.ndarray], limits: Limits
) -> dict[str, Any]:
    """Compare the poses of a batch, whatever their order.

    Args:
        expected, found (Sequence[np.ndarray]): keypoints (B, P, K, 2), keypoint scores
            (B, P, K), scores (B, P) and valid (B, P).
        limits (Limits): What may differ.

    Returns:
        dict: The counts and differences of :class:`Comparison`.
    """
    poses = missing = elsewhere = total = 0
    pixels = score = 0.0
    for own, other in zip(
        zip(*expected, strict=True), zip(*found, strict=True), strict=True
    ):
        own, other = ([a[set_[3]] for a in set_[:3]] for set_ in (own, other))
        best = own[2].max(initial=0)
        for keypoints, keypoint_scores, value in zip(*own, strict=True):
            if value < SCORE_SHARE * best:
                continue
            poses += 1
            total += len(keypoints)
            distances = np.linalg.norm(other[0] - keypoints, axis=-1)
            if not len(distances):
                missing += 1
                continue
            far = (distances > limits.pixels).sum(1)
            # The pose that has most keypoints where they belong. Several centers may
            # choose the same keypoints: of their poses the one that scores alike.
            twin = np.lexsort((np.abs(other[2] - value), far))[0]
            near = distances[twin] <= limits.pixels
            if near.sum() < len(near) / 2:
                missing += 1
                continue
            elsewhere += int((~near).sum())
            pixels = max(pixels, float(distances[twin][near].max(initial=0)))
            difference = np.abs(other[1][twin] - keypoint_scores)[near].max(initial=0)
            if near.all():
                difference = max(difference, abs(other[2][twin] - value))
            score = max(score, float(difference))
    return dict(
        poses=poses,
        missing=missing,
        pixels=round(pixels, 6),
        elsewhere=elsewhere,
        keypoints=total,
        score=round(score, 9),
    )


def verify(
    model: Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]],
    exported: Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]],
    sizes: Sequence[tuple[int, int, int]],
    limits: Limits,
    draw: Callable[[int, int, int, int], tuple[np.ndarray, np.ndarray]] = example,
) -> list[Comparison]:
    """Run both on several batches.

    Args:
        model, exported (Callable): Take images uint8 (B, 3, h, w) and masks bool
            (B, 1, h, w) and return what :class:`PosesFromPixels` does, as arrays.
        sizes (Sequence[tuple[int, int, int]]): Batch, height and width of each.
        limits (Limits): What may differ.
        draw (Callable): Makes images and masks of a batch, height, width and seed.

    Raises:
        VerificationError: If more differs.
    """
    done = []
    for seed, (batch, height, width) in enumerate(sizes, 1):
        inputs = draw(batch, height, width, seed)
        result = compare(model(*inputs), exported(*inputs), limits)
        done.append(Comparison(batch, height, width, **result))
    poses = sum(one.poses for one in done)
    keypoints = sum(one.keypoints for one in done)
    wrong = []
    missing = sum(one.missing for one in done)
    if missing > limits.elsewhere * poses:
        wrong.append(f'{missing} of {poses} poses were not found')
    elsewhere = sum(one.elsewhere for one in done)
    if elsewhere > limits.elsewhere * keypoints:
        wrong.append(f'{elsewhere} of {keypoints} keypoints are elsewhere')
    score = max(one.score for one in done)
    if score > limits.score:
        wrong.append(f'scores differ by up to {score:.2g}')
    if not poses:
        wrong.append('the model found nothing to compare')
    if wrong:
        raise VerificationError(
            f'The exported graph does not find the poses of the model: '
            f'{"; ".join(wrong)} (allowed: {limits.elsewhere:.0%}, {limits.pixels} px, '
            f'{limits.score:g}). Nothing was written. Where a trained model sees '
            'nobody poses are chance: compare on images of what it knows (--images).'
        )
    return done


def as_rows(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Plain values for a report."""
    return [asdict(comparison) for comparison in comparisons]

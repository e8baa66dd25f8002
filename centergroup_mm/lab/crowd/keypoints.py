# SPDX-License-Identifier: Apache-2.0
"""The keypoint types that a synthetic crowd can be annotated with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class KeypointSet:
    """Names of the keypoint types in order, and the links between them."""

    names: tuple[str, ...]
    links: tuple[tuple[str, str], ...]

    @property
    def skeleton(self) -> list[list[int]]:
        """Links as pairs of 1-based indices, as COCO writes them."""
        index = {name: i + 1 for i, name in enumerate(self.names)}
        return [[index[a], index[b]] for a, b in self.links]


def _both(*parts: str) -> tuple[str, ...]:
    return tuple(f'{side}_{part}' for part in parts for side in ('left', 'right'))


_LIMBS = _both('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')

_LIMB_LINKS = (
    ('left_ankle', 'left_knee'),
    ('left_knee', 'left_hip'),
    ('right_ankle', 'right_knee'),
    ('right_knee', 'right_hip'),
    ('left_hip', 'right_hip'),
    ('left_shoulder', 'left_hip'),
    ('right_shoulder', 'right_hip'),
    ('left_shoulder', 'right_shoulder'),
    ('left_shoulder', 'left_elbow'),
    ('right_shoulder', 'right_elbow'),
    ('left_elbow', 'left_wrist'),
    ('right_elbow', 'right_wrist'),
)

_FACE_LINKS = (
    ('left_eye', 'right_eye'),
    ('nose', 'left_eye'),
    ('nose', 'right_eye'),
    ('left_eye', 'left_ear'),
    ('right_eye', 'right_ear'),
    ('left_ear', 'left_shoulder'),
    ('right_ear', 'right_shoulder'),
)

_HEAD_LINKS = (
    ('top_head', 'neck'),
    ('right_shoulder', 'neck'),
    ('left_shoulder', 'neck'),
)

KEYPOINT_SETS = {
    'coco': KeypointSet(
        ('nose', *_both('eye', 'ear'), *_LIMBS), _LIMB_LINKS + _FACE_LINKS
    ),
    'crowdpose': KeypointSet((*_LIMBS, 'top_head', 'neck'), _LIMB_LINKS + _HEAD_LINKS),
}

# Every point a body can be annotated with, and what hangs together on it: a
# hidden point can be placed when a neighbor of it is seen.
ANATOMY = ('nose', *_both('eye', 'ear'), *_LIMBS, 'top_head', 'neck')
ANATOMY_LINKS = (
    _LIMB_LINKS
    + _FACE_LINKS
    + _HEAD_LINKS
    + (('top_head', 'left_eye'), ('top_head', 'right_eye'))
)

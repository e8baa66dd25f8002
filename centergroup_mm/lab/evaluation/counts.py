# SPDX-License-Identifier: Apache-2.0
"""Counts of errors, which add up over images, and their rates."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from .errors import ImageErrors, KeypointState
from .matching import PoseFate


@dataclass(frozen=True)
class ErrorCounts:
    """Numbers of persons, poses and keypoints; ``sum(counts, ErrorCounts())`` adds.

    Attributes:
        persons (int): Annotated persons: found + poor + missed.
        found (int): Matched with an OKS of at least the threshold.
        poor (int): Matched with less.
        missed (int): Not matched.
        duplicates (int): Further poses of a matched person.
        background (int): Poses of nobody.
        ignored (int): Poses in ignore regions; no errors.
        labeled (int): Labeled keypoints of matched persons: good + jitter + swap +
            swap_inversion + inversion + miss, see :class:`KeypointState`.
        lost (int): Labeled keypoints of missed persons.
        unlabeled (int): Keypoints of matched persons that are not labeled.
        hallucinated (int): Those of them that are reported.
    """

    persons: int = 0
    found: int = 0
    poor: int = 0
    missed: int = 0
    duplicates: int = 0
    background: int = 0
    ignored: int = 0
    labeled: int = 0
    good: int = 0
    jitter: int = 0
    swap: int = 0
    swap_inversion: int = 0
    inversion: int = 0
    miss: int = 0
    lost: int = 0
    unlabeled: int = 0
    hallucinated: int = 0

    def __add__(self, other: 'ErrorCounts') -> 'ErrorCounts':
        if not isinstance(other, ErrorCounts):
            return NotImplemented
        return ErrorCounts(
            *(getattr(self, f.name) + getattr(other, f.name) for f in fields(self))
        )

    @property
    def swapped(self) -> int:
        """Keypoints given to the wrong person, of either side."""
        return self.swap + self.swap_inversion

    def rates(self) -> dict[str, float]:
        """Errors as shares.

        ``found``, ``poor``, ``missed``, ``duplicates`` and ``background`` are per
        person; ``good``, ``jitter``, ``swapped``, ``inversion`` and ``miss`` per
        labeled keypoint of matched persons; ``hallucinated`` per unlabeled keypoint
        of these. NaN where there is none.
        """
        of = dict.fromkeys(
            ('found', 'poor', 'missed', 'duplicates', 'background'), self.persons
        )
        of |= dict.fromkeys(
            ('good', 'jitter', 'swapped', 'inversion', 'miss'), self.labeled
        )
        of['hallucinated'] = self.unlabeled
        return {
            name: getattr(self, name) / total if total else float('nan')
            for name, total in of.items()
        }

    def as_dict(self) -> dict[str, int]:
        """The numbers by name, for JSON."""
        return asdict(self)


def count_errors(
    errors: ImageErrors, threshold: float = 0.5, persons: np.ndarray | None = None
) -> ErrorCounts:
    """Count the errors of one image, of all persons or of some.

    Args:
        errors (ImageErrors): Of :func:`find_errors`.
        threshold (float): OKS from which a person is found. Defaults to 0.5.
        persons (np.ndarray | None): (G,), True for persons to count. Background and
            ignored poses are nobody's and counted only without it. Defaults to None.

    Returns:
        ErrorCounts: The numbers.
    """
    everyone = np.ones(len(errors.image), dtype=bool)
    chosen = everyone if persons is None else np.asarray(persons, dtype=bool)
    matched = (errors.matches.pose_of_person >= 0) & chosen
    found = matched & (errors.matches.oks >= threshold)
    labeled = errors.image.labeled
    states = errors.states[matched]
    by_state = {
        state.name.lower(): int((states == state).sum())
        for state in KeypointState
        if state != KeypointState.NONE
    }
    fates = errors.matches.fates if persons is None else np.array([])
    return ErrorCounts(
        persons=int(chosen.sum()),
        found=int(found.sum()),
        poor=int((matched & ~found).sum()),
        missed=int((chosen & ~matched).sum()),
        duplicates=int(errors.duplicates_of_person[chosen].sum()),
        background=int((fates == PoseFate.BACKGROUND).sum()),
        ignored=int((fates == PoseFate.IGNORED).sum()),
        labeled=int(labeled[matched].sum()),
        lost=int(labeled[chosen & ~matched].sum()),
        unlabeled=int((~labeled[matched]).sum()),
        hallucinated=int(errors.hallucinated[chosen].sum()),
        **by_state,
    )

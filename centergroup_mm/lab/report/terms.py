# SPDX-License-Identifier: Apache-2.0
"""Kinds of errors as people call them, and a color for each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A kind of error.

    Attributes:
        name (str): In words.
        meaning (str): What is counted.
        fix (str): How it is fixed, by the annotations.
        color (str): In pictures and tables, ``#rrggbb``; '' where it is not drawn.
    """

    name: str
    meaning: str
    fix: str
    color: str = ''


# By the names of evaluation's ``FIXES``.
TERMS = {
    'missed': Term(
        'missed people',
        'annotated persons with whom no pose has an OKS of 0.1',
        'get their annotated pose, scored like the median matched pose',
        '#e5484d',
    ),
    'duplicates': Term(
        'duplicate people',
        'further poses of a person who has one, with an OKS of 0.5',
        'are removed',
        '#f08c2e',
    ),
    'background': Term(
        'poses of nobody',
        'poses that fit no person and no ignore region',
        'are removed',
        '#98a2ae',
    ),
    'swapped': Term(
        'swapped keypoints',
        'lie on the same keypoint, or its left-right counterpart, of another person',
        'are put where they are annotated',
        '#c060d8',
    ),
    'inversion': Term(
        'inverted keypoints',
        "lie on the person's own left-right counterpart",
        'are put where they are annotated',
        '#3d8bf0',
    ),
    'miss': Term(
        'missed keypoints',
        'lie near none of these',
        'are put where they are annotated',
        '#12a594',
    ),
    'jitter': Term(
        'jitter',
        'keypoints near their place, but not on it: a similarity of 0.5 to 0.85',
        'are put where they are annotated',
        '#d9b01c',
    ),
    'hallucinated': Term(
        'hallucinated keypoints',
        'reported, but not annotated, of persons with a pose',
        'are no longer reported; COCO does not look at them, so AP stays',
    ),
    'ranking': Term(
        'ranking',
        'wrong poses that score higher than right ones',
        'poses are ranked by their true OKS',
    ),
    'all': Term(
        'all together',
        'everything above',
        'is fixed; what is left to 100 are keypoints that count as good without being '
        'exact, and people beyond COCO’s 20 poses per image',
    ),
}

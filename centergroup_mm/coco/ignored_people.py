# SPDX-License-Identifier: Apache-2.0
"""Who of a file's annotated people does not count, in training and in evaluation.

The two differ: training needs a box to know a person's size, the evaluation does not;
CrowdPose's evaluation goes by the number of visible keypoints in the file.
"""

from collections.abc import Callable, Iterable

CROWD = 'marked as a crowd'
UNLABELLED = 'without a labeled keypoint'
TINY_BOX = 'with a box of less than 1 px^2'
NOT_COUNTED = 'with a num_keypoints of 0'


def ignored_in_training(annotation: dict) -> str | None:
    """Why an annotation is no training target but an ignore region, if it is one."""
    reason = ignored_in_evaluation(annotation)
    _, _, width, height = annotation['bbox']
    if reason is None and width * height < 1:
        return TINY_BOX
    return reason


def ignored_in_evaluation(annotation: dict, by_count: bool = False) -> str | None:
    """Why the evaluation ignores an annotation, if it does.

    Args:
        annotation (dict): Checked, as in the file.
        by_count (bool): Whether a ``num_keypoints`` of 0 counts, as for CrowdPose,
            where it is the number of visible keypoints. Defaults to False.
    """
    if annotation.get('iscrowd'):
        return CROWD
    if not any(v > 0 for v in (annotation.get('keypoints') or [])[2::3]):
        return UNLABELLED
    if by_count and annotation.get('num_keypoints', 1) == 0:
        return NOT_COUNTED
    return None


def describe_ignored(
    annotations: Iterable[dict], reason_of: Callable[[dict], str | None]
) -> str:
    """Count the people who are left out, by reason, each with the first of them.

    Returns:
        str: Like "2 of 9 people: 1 marked as a crowd (the first is annotation 7), ...",
        empty if there is none.
    """
    first: dict[str, int] = {}
    counts: dict[str, int] = {}
    total = 0
    for annotation in annotations:
        total += 1
        reason = reason_of(annotation)
        if reason:
            first.setdefault(reason, annotation['id'])
            counts[reason] = counts.get(reason, 0) + 1
    if not counts:
        return ''
    reasons = ', '.join(
        f'{count} {reason} (the first is annotation {first[reason]})'
        for reason, count in counts.items()
    )
    return f'{sum(counts.values())} of {total} people: {reasons}'

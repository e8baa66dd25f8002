# SPDX-License-Identifier: Apache-2.0
"""What COCO's evaluation needs of annotations, and what makes its numbers empty."""

from collections.abc import Iterable, Sequence

from .annotation_checks import AnnotationChecker
from .ignored_people import ignored_in_evaluation


def check_evaluation(
    path: str,
    images: Sequence[dict],
    annotations: Sequence[dict],
    category: int,
    num_keypoints: int,
    num_sigmas: int,
    use_area: bool = True,
    iou_type: str = 'keypoints',
) -> list[str]:
    """Check that CocoMetric can evaluate, and that its numbers mean something.

    Args:
        path (str): Name of the annotation file, for the messages.
        images (Sequence[dict]): All images that are evaluated.
        annotations (Sequence[dict]): All annotations of these, of any category.
        category (int): The category that predictions have.
        num_keypoints (int): Keypoint types of the predictions.
        num_sigmas (int): Numbers in the metainfo's ``sigmas``.
        use_area (bool): As in CocoMetric. Defaults to True.
        iou_type (str): As in CocoMetric. Defaults to 'keypoints'.

    Returns:
        list[str]: Sentences on what makes the numbers worse than the poses.

    Raises:
        ValueError: If something is missing that the evaluation reads, or if nobody
            can be matched.
    """
    if num_sigmas != num_keypoints:
        raise ValueError(
            f'The metainfo has {num_sigmas} sigmas for {num_keypoints} keypoints; '
            'expected one for each, by which the COCO evaluation judges distances. '
            'Add them to the metainfo, or evaluate by another metric.'
        )
    checker = AnnotationChecker(path, num_keypoints, category, True, use_area)
    checker.check(images, annotations)
    by_crowd = iou_type == 'keypoints_crowd'
    if by_crowd:
        _check_crowdpose(path, images, annotations)
    persons = [a for a in annotations if not ignored_in_evaluation(a, by_crowd)]
    if not persons:
        raise ValueError(
            f'{path}: none of its {len(annotations)} annotated people on '
            f'{len(images)} images counts in the evaluation; expected one at least, '
            'no crowd, with a labeled keypoint. AP would be -1.'
        )
    return check_sizes(path, persons, use_area)


def check_sizes(path: str, persons: Iterable[dict], use_area: bool) -> list[str]:
    """Check that people have a size, by which the evaluation divides distances.

    Args:
        path (str): Name of the annotation file, for the messages.
        persons (Iterable[dict]): Checked annotations that count in the evaluation.
        use_area (bool): Whether sizes are annotated areas, otherwise those of boxes.

    Returns:
        list[str]: A sentence on those without, if there are any.

    Raises:
        ValueError: If nobody has one.
    """
    persons = list(persons)
    flat = [person['id'] for person in persons if _size(person, use_area) < 1]
    if not flat:
        return []
    what = 'an area' if use_area else 'a box'
    why = (
        'The COCO evaluation judges distances by it, so that a pose is right if it is '
        'exact, and wrong however near it is.'
    )
    if len(flat) < len(persons):
        return [
            f'{path}: {len(flat)} of {len(persons)} people have {what} of less than 1 '
            f'px^2, the first is annotation {flat[0]}. {why}'
        ]
    advice = 'Annotate boxes around the people, in pixels'
    if use_area:
        advice = (
            'Annotate areas in px^2, or take them from the boxes by use_area=False of '
            'both the dataset and CocoMetric (tools/analyze_grouping.py: --no-area)'
        )
    raise ValueError(
        f'{path}: all {len(persons)} people have {what} of less than 1 px^2. {why} '
        f'{advice}.'
    )


def _size(annotation: dict, use_area: bool) -> float:
    """Area in px^2, annotated or of the box."""
    if use_area:
        return annotation['area']
    return annotation['bbox'][2] * annotation['bbox'][3]


def _check_crowdpose(
    path: str, images: Iterable[dict], annotations: Iterable[dict]
) -> None:
    for image in images:
        if 'crowdIndex' not in image:
            raise ValueError(
                f'{path}: image {image["id"]} has no "crowdIndex"; '
                "CocoMetric(iou_type='keypoints_crowd') sorts images by it. For other "
                "data than CrowdPose give iou_type='keypoints'."
            )
    for annotation in annotations:
        if 'num_keypoints' not in annotation:
            raise ValueError(
                f'{path}: annotation {annotation["id"]} has no "num_keypoints"; '
                "CocoMetric(iou_type='keypoints_crowd') ignores people by it. For "
                "other data than CrowdPose give iou_type='keypoints'."
            )

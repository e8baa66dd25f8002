# SPDX-License-Identifier: Apache-2.0
"""The sections of an error report."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from ...coco import CROWD_BORDERS, SIZE_BORDERS
from ..evaluation import ImageErrors
from .numbers import ErrorReport
from .page import Picture, Section
from .pictures import draw_errors, draw_poses, encode
from .terms import TERMS

# Rates of a group, in the order of the table. What they are shares of stands in TERMS.
PER_PERSON = ('missed', 'duplicates', 'background')
PER_KEYPOINT = ('swapped', 'inversion', 'miss', 'jitter', 'hallucinated')


def error_sections(
    report: ErrorReport,
    image_folder: str | Path | None,
    skeleton: Sequence[tuple[int, int]],
) -> list[Section]:
    """Say what costs AP, for whom, and where.

    Args:
        report (ErrorReport): The numbers.
        image_folder (str | Path | None): Where the images lie, for pictures of the
            worst. Without it, or where an image cannot be read, there are numbers only.
        skeleton (Sequence[tuple[int, int]]): Pairs of keypoint types to connect.

    Returns:
        list[Section]: For :func:`page`.
    """
    numbers = report.numbers
    sections = [_summary(numbers), _costs(numbers), _groups(numbers)]
    if report.worst:
        sections.append(_worst(report, image_folder, skeleton))
    return sections


def _summary(numbers: dict) -> Section:
    names = dict(ap='AP', ap50='AP50', ap75='AP75', ar='AR')
    values = [(points(numbers['ap'][key]), name) for key, name in names.items()]
    amounts = ((numbers['images'], 'images'), (numbers['persons'], 'people'))
    values += [(f'{value:,}', name) for value, name in amounts]
    threshold = numbers['pose_threshold']
    shown = (
        'No pose is right, so every pose is counted.'
        if threshold is None
        else f'Errors below are those of the poses that score at least {threshold:.3g}.'
    )
    return Section(
        'Average precision',
        'tiles.html',
        dict(tiles=values),
        f'COCO’s measures times 100, on all {numbers["poses"]:,} poses. {shown}',
    )


def _costs(numbers: dict) -> Section:
    fixes = numbers['fixes']
    # All together would dwarf the rest, and has no bar.
    gains = {kind: fix['gain'] or 0 for kind, fix in fixes.items() if kind != 'all'}
    most = max(gains.values())
    rows = [
        dict(
            term=TERMS[kind],
            count='' if fix['count'] is None else f'{fix["count"]:,}',
            ap=points(fix['ap']),
            gain='–' if fix['gain'] is None else signed(fix['gain']),
            share=gains.get(kind, 0) / most if most > 0 else 0,
        )
        for kind, fix in fixes.items()
    ]
    return Section(
        'What costs AP',
        'costs.html',
        dict(ap=points(numbers['ap']['ap']), rows=rows),
        'One kind of error at a time is fixed in the poses, and AP is measured again. '
        'Gains do not add up.',
    )


def _groups(numbers: dict) -> Section:
    everyone = dict(
        ap=numbers['ap']['ap'], counts=numbers['counts'], rates=numbers['rates']
    )
    small, large = (round(border**0.5) for border in SIZE_BORDERS)
    easy, hard = CROWD_BORDERS
    by_size = _group_table(
        'By the size of people',
        dict(all=everyone) | numbers['sizes'],
        f'Small: below {small}² px² of body area; large: from {large}². COCO has no AP '
        'of small people. Poses of nobody have no size.',
        without_size=('background',),
    )
    by_crowding = _group_table(
        'By crowding',
        dict(all=everyone) | numbers['crowding'],
        f'CrowdPose’s crowd index of the image. Easy: below {easy}; hard: from {hard}.',
    )
    return Section(
        'By size and crowding',
        'groups.html',
        dict(tables=[by_size, by_crowding]),
        'Errors with people per 100 people, errors with keypoints per 100 annotated '
        'keypoints of people with a pose; hallucinated keypoints per 100 that are not '
        'annotated.',
    )


def _group_table(
    caption: str, groups: dict, note: str, without_size: Sequence[str] = ()
) -> dict:
    amounts = {
        'people': [f'{g["counts"]["persons"]:,}' for g in groups.values()],
        'AP': [points(group['ap']) for group in groups.values()],
    }
    rows = []
    for kind in PER_PERSON + PER_KEYPOINT:
        cells = [
            '–'
            if kind in without_size and name != 'all'
            else points(group['rates'][kind])
            for name, group in groups.items()
        ]
        rows.append(dict(term=TERMS[kind], cells=cells))
    return dict(
        caption=caption, header=list(groups), amounts=amounts, rows=rows, note=note
    )


def _worst(
    report: ErrorReport,
    image_folder: str | Path | None,
    skeleton: Sequence[tuple[int, int]],
) -> Section:
    figures = []
    for errors, entry in zip(report.worst, report.numbers['worst'], strict=True):
        pictures = _pictures(
            errors, image_folder, skeleton, report.analysis.keypoint_threshold
        )
        figures.append((pictures, _caption(errors, entry, bool(pictures))))
    legend = [term for term in TERMS.values() if term.color]
    return Section(
        'Worst images',
        'pictures.html',
        dict(layout='figures two', figures=figures, legend=legend),
        'First the poses, then the annotated people in white with the errors: a line '
        'leads from a wrong keypoint (ring) to its place (dot), missed people stand in '
        'a box. An image costs what its people’s OKS lack to 1, and 1 for every pose '
        'too many.',
    )


def _pictures(
    errors: ImageErrors,
    image_folder: str | Path | None,
    skeleton: Sequence[tuple[int, int]],
    keypoint_threshold: float,
) -> list[Picture]:
    """Two pictures, or none where the image cannot be read."""
    name = errors.image.file_name
    path = None if image_folder is None else Path(image_folder, name)
    # OpenCV complains aloud about files that are not there.
    image = cv2.imread(str(path)) if path and path.is_file() else None
    if image is None:
        return []
    return [
        Picture(
            encode(draw_poses(image, errors, skeleton, keypoint_threshold)),
            f'{name} with the poses that were found',
        ),
        Picture(
            encode(draw_errors(image, errors, skeleton)),
            f'{name} with the annotated people and the errors',
        ),
    ]


def _caption(errors: ImageErrors, entry: dict, has_pictures: bool) -> str:
    counts = entry['counts'] | {
        'swapped': entry['counts']['swap'] + entry['counts']['swap_inversion']
    }
    kinds = PER_PERSON + PER_KEYPOINT[:-1]
    found = [f'{TERMS[kind].name} {counts[kind]}' for kind in kinds if counts[kind]]
    caption = f'{errors.image.file_name}, cost {entry["cost"]:.1f}: ' + ', '.join(
        [f'people {counts["persons"]}', *found]
    )
    return caption if has_pictures else f'{caption} (the image was not found)'


def signed(gain: float) -> str:
    """A gain times 100 with its sign, and none where it rounds to nothing."""
    rounded = f'{100 * gain:+.1f}'
    return rounded if float(rounded) else '0.0'


def points(value: float | None) -> str:
    """A share as 0 to 100, or a dash where there is none."""
    return '–' if value is None else f'{100 * value:.1f}'

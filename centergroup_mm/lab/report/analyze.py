# SPDX-License-Identifier: Apache-2.0
"""From a model, or the results of one, to the page of its errors."""

from collections.abc import Sequence
from pathlib import Path

from ..configs import load_config, read_options
from ..mim import run_mim, shown
from .data import TestData, data_of_config, data_of_file, write_report
from .error_sections import error_sections, points


def analyze_config(
    config: Path,
    out: Path,
    checkpoint: Path | None = None,
    results: Path | None = None,
    images: Path | None = None,
    options: Sequence[str] = (),
    pose_threshold: float | None = None,
    worst: int = 6,
) -> None:
    """Report on a config's test data; exactly one of checkpoint and results is given.

    Args:
        config (Path): Of the model.
        out (Path): Folder of the report.
        checkpoint (Path, optional): To be tested first, by ``mim test``.
        results (Path, optional): A results file of the model.
        images (Path, optional): Folder of the images. Defaults to the config's.
        options (Sequence[str]): Changes of the config, each ``key=value``.
        pose_threshold (float, optional): See :func:`report_errors`.
        worst (int): Images to show. Defaults to 6.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If the files do not fit together.
        CommandFailed: If the test fails.
    """
    data = data_of_config(load_config(config, read_options(options)), images)
    name = checkpoint or results
    if checkpoint is not None:
        results = test_model(config, checkpoint, out, options)
    _report(data, results, name, out, pose_threshold, worst)


def analyze_results(
    results: Path,
    ann_file: Path,
    out: Path,
    metainfo: str = 'coco',
    images: Path | None = None,
    iou_type: str = 'keypoints',
    use_area: bool = True,
    merge_categories: bool = False,
    pose_threshold: float | None = None,
    worst: int = 6,
) -> None:
    """Report on a results file of any model.

    Args:
        results (Path): The results file.
        ann_file (Path): The annotations, in COCO's format.
        out (Path): Folder of the report.
        metainfo (str): A metainfo file, or the name of one of MMPose's datasets.
        images (Path, optional): Folder of the images.
        iou_type (str): As in CocoMetric.
        use_area (bool): As in CocoMetric.
        merge_categories (bool): As in the dataset.
        pose_threshold (float, optional): See :func:`report_errors`.
        worst (int): Images to show. Defaults to 6.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If the files do not fit together.
    """
    data = data_of_file(
        ann_file, metainfo, images, iou_type, use_area, merge_categories
    )
    _report(data, results, results, out, pose_threshold, worst)


def test_model(
    config: Path, checkpoint: Path, folder: Path, options: Sequence[str]
) -> Path:
    """Test by ``mim test``; returns the results file.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        CommandFailed: If the test fails.
    """
    if not checkpoint.is_file():
        raise FileNotFoundError(f'checkpoint {checkpoint} does not exist')
    prefix = folder / 'results'
    run_mim(
        ['test', 'mmpose', shown(config), '--checkpoint', checkpoint]
        + ['--work-dir', folder, '--cfg-options', *options]
        + [f'test_evaluator.outfile_prefix={prefix}']
    )
    return Path(f'{prefix}.keypoints.json')


def _report(
    data: TestData,
    results: Path,
    name: Path,
    out: Path,
    pose_threshold: float | None,
    worst: int,
) -> None:
    report = data.report(results, pose_threshold, worst)
    written = write_report(
        out,
        'What costs AP',
        f'{name}, tested on {data.truth.ann_file}.',
        error_sections(report, data.image_folder, data.skeleton),
        report.numbers,
    )
    print(f'AP {points(report.numbers["ap"]["ap"])}')
    print(*written, sep='\n')

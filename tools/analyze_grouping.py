# SPDX-License-Identifier: Apache-2.0
"""Say what costs a model its AP: one page to look at, and the numbers.

    analyze_grouping.py CONFIG CHECKPOINT        tests the model first
    analyze_grouping.py CONFIG --results FILE    its results on the config's test data
    analyze_grouping.py --results FILE --ann-file FILE    those of any model

A results file is what MMPose's CocoMetric writes with `outfile_prefix`. The page,
report.html, needs nothing beside it; report.json holds its numbers.

Exit codes: 0 done; 1 a step failed; 2 wrong arguments; 130 or 143 interrupted.
"""

import argparse
import math
import sys
from pathlib import Path

from command_line import key_value, run_tool
from error_report import TestData, data_of_config, data_of_file, write_report
from mim_command import run_mim
from mmengine.config import Config, DictAction
from training import shown

from centergroup_mm.lab.report import error_sections, points


def test_model(
    config: Path, checkpoint: Path, folder: Path, overrides: list[str]
) -> Path:
    """Test by ``mim test``; returns the results file."""
    if not checkpoint.is_file():
        raise FileNotFoundError(f'checkpoint {checkpoint} does not exist')
    prefix = folder / 'results'
    run_mim(
        ['test', 'mmpose', shown(config), '--checkpoint', checkpoint]
        + ['--work-dir', folder, '--cfg-options', *overrides]
        + [f'test_evaluator.outfile_prefix={prefix}']
    )
    return Path(f'{prefix}.keypoints.json')


def find_data(args: argparse.Namespace) -> TestData:
    """The data that the arguments name."""
    if args.config is None:
        return data_of_file(
            args.ann_file,
            args.metainfo,
            args.images,
            args.iou_type,
            not args.no_area,
            args.merge_categories,
        )
    config = Config.fromfile(args.config)
    # As the host reads them; mim gets them as they were typed.
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='+', action=DictAction, default={})
    typed = ['--options', *args.cfg_options] if args.cfg_options else []
    config.merge_from_dict(parser.parse_args(typed).options)
    return data_of_config(config, args.images)


def analyze(args: argparse.Namespace) -> None:
    data = find_data(args)
    results = args.results
    if results is None:
        results = test_model(args.config, args.checkpoint, args.out, args.cfg_options)
    report = data.report(results, args.pose_thr, args.worst)
    name = args.checkpoint or results
    written = write_report(
        args.out,
        'What costs AP',
        f'{name}, tested on {data.truth.ann_file}.',
        error_sections(report, data.image_folder, data.skeleton),
        report.numbers,
    )
    print(f'AP {points(report.numbers["ap"]["ap"])}')
    print(*written, sep='\n')


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path, nargs='?', help='of the model')
    parser.add_argument('checkpoint', type=Path, nargs='?', help='to be tested')
    parser.add_argument('--results', type=Path, help='<prefix>.keypoints.json')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs', 'analyze_grouping'),
        help='folder of the report; default: %(default)s',
    )
    parser.add_argument(
        '--images', type=Path, help="folder of the images; default: the config's"
    )
    parser.add_argument(
        '--pose-thr',
        type=float,
        help='errors are those of poses scoring at least this; default: the score of '
        'the highest F-measure. AP is measured on all',
    )
    parser.add_argument(
        '--worst', type=int, default=6, help='images to show; default: %(default)s'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        type=key_value,
        default=[],
        help='key=value pairs that replace values of the config',
    )
    alone = parser.add_argument_group('without a config')
    alone.add_argument('--ann-file', type=Path, help="annotations in COCO's format")
    alone.add_argument(
        '--metainfo',
        default='coco',
        help="a dataset's metainfo file, or the name of one of MMPose's; default: "
        '%(default)s',
    )
    alone.add_argument(
        '--iou-type',
        choices=('keypoints', 'keypoints_crowd'),
        default='keypoints',
        help='the second for CrowdPose',
    )
    alone.add_argument(
        '--no-area', action='store_true', help='sizes from boxes, for CrowdPose'
    )
    alone.add_argument(
        '--merge-categories',
        action='store_true',
        help='take several categories with the same keypoints as one',
    )
    args = parser.parse_args(argv)
    if args.worst < 0:
        parser.error(f'--worst is {args.worst}, less than 0')
    if args.pose_thr is not None and math.isnan(args.pose_thr):
        parser.error('--pose-thr is no number')
    if args.images is not None and not args.images.is_dir():
        parser.error(f'--images {args.images} is no folder')
    if args.config is None and (args.results is None or args.ann_file is None):
        parser.error('give CONFIG CHECKPOINT, or --results with CONFIG or --ann-file')
    if args.config is not None and (args.checkpoint is None) == (args.results is None):
        parser.error('with CONFIG give either CHECKPOINT or --results')
    if args.config is not None and args.ann_file is not None:
        parser.error('--ann-file goes without CONFIG, which names its own')
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    return run_tool('analyze_grouping', lambda: analyze(args))


if __name__ == '__main__':
    sys.exit(main())

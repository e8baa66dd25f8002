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
        action='extend',
        default=[],
        help='key=value pairs that replace values of the config',
    )
    add_arguments_without_config(parser)
    args = parser.parse_args(argv)
    if args.worst < 0:
        parser.error(f'--worst is {args.worst}, less than 0')
    if args.pose_thr is not None and math.isnan(args.pose_thr):
        parser.error('--pose-thr is no number')
    if args.images is not None and not args.images.is_dir():
        parser.error(f'--images {args.images} is no folder')
    for option in args.cfg_options:
        if '=' not in option:
            parser.error(f'--cfg-options: {option!r} is not of the form key=value')
    if args.config is None and (args.results is None or args.ann_file is None):
        parser.error('give CONFIG CHECKPOINT, or --results with CONFIG or --ann-file')
    if args.config is not None and (args.checkpoint is None) == (args.results is None):
        parser.error('with CONFIG give either CHECKPOINT or --results')
    if args.config is not None and args.ann_file is not None:
        parser.error('--ann-file goes without CONFIG, which names its own')
    return args


def add_arguments_without_config(parser: argparse.ArgumentParser) -> None:
    """What a config says otherwise."""
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


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)

    from centergroup_mm.lab.command_line import run_tool
    from centergroup_mm.lab.report.analyze import analyze_config, analyze_results

    def work() -> None:
        common = dict(
            images=args.images, pose_threshold=args.pose_thr, worst=args.worst
        )
        if args.config is not None:
            analyze_config(
                args.config,
                args.out,
                args.checkpoint,
                args.results,
                options=args.cfg_options,
                **common,
            )
        else:
            analyze_results(
                args.results,
                args.ann_file,
                args.out,
                args.metainfo,
                iou_type=args.iou_type,
                use_area=not args.no_area,
                merge_categories=args.merge_categories,
                **common,
            )

    return run_tool('analyze_grouping', work)


if __name__ == '__main__':
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Convert a released checkpoint into weights and a config of this package."""

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'source',
        help="path or URL of a released CenterGroup, or of mmpose 0.x's HigherHRNet",
    )
    parser.add_argument(
        'target', help='weights to write, NAME.pth; the config NAME.py stands beside'
    )
    parser.add_argument(
        '--input-size',
        type=int,
        help='side of the input in pixels (default: 640 for HRNet-W48, else 512)',
    )
    parser.add_argument(
        '--num-keypoints',
        type=int,
        help='keypoint types of a detector that is neither for COCO nor CrowdPose',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace NAME.pth and NAME.py if they are there',
    )
    args = parser.parse_args(argv)

    from centergroup_mm.conversion import convert_checkpoint
    from centergroup_mm.lab.command_line import run_tool

    def work() -> None:
        done = convert_checkpoint(
            args.source,
            args.target,
            args.input_size,
            args.num_keypoints,
            overwrite=args.overwrite,
        )
        print(f'{done.kind}, {done.num_keypoints} keypoint types: {done.weights}')
        print(f'Config for an input of {done.input_size} px: {done.config}')

    return run_tool('convert_checkpoint', work)


if __name__ == '__main__':
    sys.exit(main())

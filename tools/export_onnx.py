# SPDX-License-Identifier: Apache-2.0
"""Write a model as one ONNX file, from pixels to poses, and check it."""

import argparse
import sys
from functools import partial


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of CenterGroup or CenterNet')
    parser.add_argument('checkpoint', help='all weights of that model, path or URL')
    parser.add_argument(
        '--out',
        required=True,
        help='NAME.onnx to write; NAME.report.json, what was checked, stands beside',
    )
    parser.add_argument(
        '--flip-test',
        action='store_true',
        help='average with the mirrored image: twice the work',
    )
    parser.add_argument(
        '--half',
        action='store_true',
        help='convolutions in half precision, for GPUs: half the size',
    )
    parser.add_argument(
        '--layout',
        choices=('poses', 'rtmo'),
        default='poses',
        help='rtmo: inputs and outputs as of RTMO, for rtmlib (default: %(default)s)',
    )
    parser.add_argument(
        '--license', help='of the weights, a short name or URL; goes into the file'
    )
    parser.add_argument(
        '--images',
        nargs='+',
        default=(),
        help='images, or folders of them, to compare poses on: of what the model knows '
        '(default: pictures at random, where a trained model may see nobody)',
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='replace files that are there'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)

    from centergroup_mm.lab.command_line import run_tool

    def work() -> None:
        from centergroup_mm.export import export_onnx

        done = export_onnx(
            args.config,
            args.checkpoint,
            args.out,
            flip_test=args.flip_test,
            half=args.half,
            layout=args.layout,
            license_of_weights=args.license,
            overwrite=args.overwrite,
            pictures=args.images,
            tell=partial(print, flush=True),
        )
        for row in done.content['verified']:
            print(
                '{batch} x {height} x {width}: {poses} poses, {missing} missing, '
                'keypoints {pixels:.3f} px apart, {elsewhere} of {keypoints} '
                'elsewhere, scores {score:.1e} apart'.format(**row)
            )
        print(f'{done.model} ({done.content["megabytes"]} MB), {done.report}')

    return run_tool('export_onnx', work)


if __name__ == '__main__':
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Draw poses, and why each keypoint went to its person, on images and videos.

Every --model has columns of its own in the picture, one for each --show:

  python tools/visualize.py image.jpg --out picture.png \\
      --model CenterGroup configs/centergroup_w32.py centergroup.pth \\
      --model HigherHRNet configs/higherhrnet_w32.py higherhrnet.pth \\
      --show poses --show candidates pairs centers --show attention centers

A method without attention has only the columns with poses or heatmaps. A person has
the same color and number in all columns. What can be shown:

  poses       skeletons
  centers     where the model found people, with a number for each
  candidates  all keypoint candidates, faint where unlikely
  pairs       centers and all candidates, as opaque as the attention
  attention   the same where the attention is over 0.5 and the keypoint visible
  runner-ups  of one person (--person), what else its keypoints might have been, and
              whose that is
  heatmaps    the highest of all keypoint heatmaps

Exit codes: 0 done; 1 failed; 2 wrong arguments; 130 or 143 interrupted.
"""

import argparse
import sys
from pathlib import Path

SHOWN = ('poses', 'centers', 'candidates', 'pairs', 'attention', 'runner-ups')
SHOWN += ('heatmaps',)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'inputs', nargs='+', type=Path, help='images, videos, folders of these'
    )
    parser.add_argument(
        '--model',
        nargs=3,
        action='append',
        required=True,
        metavar=('TITLE', 'CONFIG', 'CHECKPOINT'),
        help='a method, with the title of its columns (ASCII, may be ""); may be '
        'repeated',
    )
    parser.add_argument(
        '--out',
        type=Path,
        required=True,
        help='a folder, or the file (.png, .jpg, .mp4) of a single input',
    )
    add_look(parser)
    parser.add_argument('--device', help='default: cuda:0 if there is one, else cpu')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action='extend',
        default=[],
        help='key=value pairs that replace values of every config',
    )
    args = parser.parse_args(argv)
    for title, *_ in args.model:
        if not title.isascii():
            parser.error(f'title {title!r}: only ASCII can be written into pictures')
    for option in args.cfg_options:
        if '=' not in option:
            parser.error(f'--cfg-options: {option!r} is not of the form key=value')
    if not 0 <= args.fade <= 1:
        parser.error(f'--fade is {args.fade}, not from 0 to 1')
    return args


def add_look(parser: argparse.ArgumentParser) -> None:
    """Arguments on what the pictures show."""
    parser.add_argument(
        '--show',
        nargs='+',
        action='append',
        choices=SHOWN,
        help='what one column shows; may be repeated; default: --show poses, and where '
        'there is attention also --show candidates attention centers',
    )
    parser.add_argument(
        '--person',
        type=int,
        default=0,
        help='number of the person for runner-ups, as centers shows it; default: 0',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.3,
        help='poses that score less are left out; default: %(default)s',
    )
    parser.add_argument(
        '--keypoint-thr',
        type=float,
        default=0.3,
        help='keypoints that score less are left out; default: %(default)s',
    )
    parser.add_argument(
        '--fade',
        type=float,
        default=0.5,
        help='share of white in the image under connections and candidates, 0 to 1; '
        'default: %(default)s',
    )


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)

    from centergroup_mm.lab.command_line import run_tool
    from centergroup_mm.lab.configs import read_options
    from centergroup_mm.lab.pictures import Look, illustrate

    look = Look(
        show=args.show,
        person=args.person,
        score_thr=args.score_thr,
        keypoint_thr=args.keypoint_thr,
        fade=args.fade,
        device=args.device,
    )
    options = read_options(args.cfg_options)
    return run_tool(
        'visualize',
        lambda: illustrate(args.inputs, args.out, args.model, look, options),
    )


if __name__ == '__main__':
    sys.exit(main())

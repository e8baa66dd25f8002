# SPDX-License-Identifier: Apache-2.0
"""Measure where bottom-up models spend time and memory, part by part.

People are placed into the heatmaps of every model, so that grouping has its load
whatever the weights. Models whose decoder takes no such maps are measured up to the end
of their network and marked "network only". Runs of all models take turns.

    python tools/benchmark.py configs/centergroup_w32.py configs/higherhrnet_w32.py
    python tools/benchmark.py \\
        mmpose::body_2d_keypoint/rtmo/coco/rtmo-s_8xb32-600e_coco-640x640.py

Exit codes: 0 done; 1 a model could not be built or run; 2 wrong arguments; 130 or 143
interrupted.
"""

import argparse
import logging
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from command_line import key_value, run_tool
from mmengine.config import DictAction
from rich.console import Console
from rich.progress import track

from centergroup_mm.lab.benchmark import (
    DTYPES,
    Method,
    Settings,
    dense_features,
    load_config,
    measure_loading,
    measure_training,
    peak_bytes,
    time_methods,
)
from centergroup_mm.lab.benchmark.report import (
    describe_machine,
    to_markdown,
    write_json,
    write_plot,
)

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
DEFAULT = ('centergroup_w32.py', 'higherhrnet_w32.py', 'centernet_w32.py')
QUICK = ('centergroup_tiny.py', 'higherhrnet_tiny.py', 'centernet_tiny.py')
MEASURES = ('time', 'memory', 'training', 'loading')
FORMATS = ('contiguous', 'channels_last')


class Benchmark:
    """Everything that was asked for, and its result."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.settings = Settings(
            size=args.size,
            batch=args.batch,
            device=args.device,
            dtype=args.dtype,
            flip=not args.no_flip,
            compile=args.compile,
            image=args.image,
        )
        self.overrides = args.cfg_options

    def run(self) -> dict:
        args = self.args
        if 'training' in args.measure:
            # As in trainings by the configs. Threads inherit it from the one that
            # starts them, so it comes before all work.
            torch.set_flush_denormal(True)
        result = dict(
            machine=describe_machine(args.device),
            command=shlex.join(['python', *sys.argv]),
            settings=self.settings.as_dict()
            | dict(
                runs=args.runs, network_runs=args.network_runs, warm_up=args.warm_up
            ),
        )
        if {'time', 'memory'} & set(args.measure):
            methods = self.build()
            if 'time' in args.measure:
                result |= self.time(methods)
            if 'memory' in args.measure:
                result['memory'] = list(self.memory(methods))
        if 'training' in args.measure:
            result['training'] = list(self.training())
        if 'loading' in args.measure:
            result['loading'] = list(self.loading())
        return result

    def build(self) -> list[Method]:
        return [
            method
            for config in self.args.configs
            for name in self.args.memory_format
            for method in self.build_one(config, name == 'channels_last')
        ]

    def build_one(self, config: str, channels_last: bool) -> Iterator[Method]:
        """A method and, as asked for, its dense version; a peer that fails is left."""
        settings = replace(self.settings, channels_last=channels_last)
        try:
            method = Method(config, settings, self.overrides)
            if '::' in config:
                # Where mmcv has no operators, a model that needs one says so late.
                method.show(1)
                method.predict()
        except (ImportError, KeyError, RuntimeError) as error:
            if '::' not in config:
                raise ValueError(f'{config} cannot be built: {error}') from error
            print(f'benchmark: {config} is left out: {error}', file=sys.stderr)
            return
        yield method
        if self.args.dense and hasattr(method.model.head, 'tokenizer'):
            dense = self.overrides | {'model.head.tokenizer.patches': False}
            method = Method(config, settings, dense)
            method.name += ', dense CNN'
            yield method

    def time(self, methods: list[Method]) -> dict:
        args = self.args
        whole = time_methods(
            methods, args.people, args.network_runs, args.warm_up, bar('Whole model')
        )
        after = time_methods(
            methods,
            args.people,
            args.runs,
            args.warm_up,
            bar('Behind the network'),
            from_features=True,
        )
        return dict(times=whole, times_after_network=after)

    def memory(self, methods: list[Method]) -> Iterator[dict]:
        device = self.settings.device
        for method in bar('Memory')(methods, len(methods)):
            for count in (self.args.people[0], self.args.people[-1]):
                method.show(count)
                peak = peak_bytes(method.predict, device)
                yield dict(method=method.name, people=count, bytes=peak)
            if hasattr(method.model.head, 'tokenizer'):
                with dense_features(method.model):
                    peak = peak_bytes(method.predict, device)
                name = f'{method.name}, D-channel maps enlarged'
                yield dict(method=name, people=count, bytes=peak)

    def training(self) -> Iterator[dict]:
        settings = replace(self.settings, size=(self.args.train_side,) * 2)
        for config in self.args.configs:
            method = Method(config, settings, self.overrides)
            if hasattr(method.model.head, 'grouping'):
                yield measure_training(
                    method,
                    self.args.people[-1],
                    self.args.network_runs,
                    self.args.warm_up,
                    bar(f'Training steps of {method.name}'),
                )

    def loading(self) -> Iterator[dict]:
        for config in self.args.configs:
            settings = load_config(config)
            if settings.get('train_pipeline'):
                name = Path(config).stem
                show = bar(f'Loading of {name}')
                row = measure_loading(settings, 3 * self.args.runs, show)
                yield dict(method=name, **row)


def bar(title: str):
    """A progress bar on standard error, for the table goes to standard output."""

    def show(items: Iterable, total: int) -> Iterator:
        return track(items, title, total=total, console=Console(stderr=True))

    return show


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('configs', nargs='*', help='configs, or mmpose::...; default: three of W32')
    add('--device', default='cpu', help='cpu, cuda or cuda:N; default: %(default)s')
    add('--dtype', default='float32', choices=DTYPES, help='others under autocast')
    add('--batch', type=int, default=1, help='images at once; default: %(default)s')
    add('--size', type=_size, default=None, help='WxH of the input; default: 768x512')
    add('--train-side', type=int, default=None, help='of training crops; default: 512')
    add('--people', type=int, nargs='+', default=None, help='default: 1 5 10 20 30')
    add('--runs', type=int, default=None, help='behind the network; default: 30')
    add('--network-runs', type=int, default=None, help='whole models; default: 5')
    add('--warm-up', type=int, default=2, help='runs before; default: %(default)s')
    add('--memory-format', nargs='+', choices=FORMATS, default=['contiguous'])
    add('--no-flip', action='store_true', help='one view instead of two')
    add('--compile', action='store_true', help='compile the grouping')
    add('--dense', action='store_true', help='beside it CenterGroup with a dense CNN')
    add('--image', help='photograph to look at; default: a drawn crowd')
    add('--measure', nargs='+', choices=MEASURES, help='default: time memory')
    add(
        '--cfg-options',
        nargs='+',
        default={},
        action=DictAction,
        type=key_value,
        metavar='KEY=VALUE',
        help='config values of all models',
    )
    add('--json', type=Path, metavar='FILE', help='write the result there')
    add('--plot', type=Path, metavar='FILE', help='draw the times against people')
    add('--quick', action='store_true', help='tiny models, few runs: within a minute')
    args = parser.parse_args(argv)
    _fill_in(args)
    _check(parser, args)
    return args


def _fill_in(args: argparse.Namespace) -> None:
    """Defaults, which --quick lowers."""
    quick = args.quick
    values = dict(
        configs=[str(CONFIGS / name) for name in (QUICK if quick else DEFAULT)],
        size=(192, 192) if quick else (768, 512),
        train_side=192 if quick else 512,
        people=[1, 30] if quick else [1, 5, 10, 20, 30],
        runs=5 if quick else 30,
        network_runs=3 if quick else 5,
        measure=list(MEASURES) if quick else ['time', 'memory'],
    )
    for name, value in values.items():
        if not getattr(args, name):
            setattr(args, name, value)


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    for name in ('batch', 'runs', 'network_runs', 'train_side'):
        if getattr(args, name) < 1:
            value = getattr(args, name)
            parser.error(f'--{name.replace("_", "-")} is {value}, not at least 1')
    if args.warm_up < 0:
        parser.error(f'--warm-up is {args.warm_up}, not at least 0')
    if min(args.people) < 1:
        parser.error(
            f'--people has {min(args.people)}: nothing is timed without people'
        )
    args.people = sorted(set(args.people))
    for name, sides in (('size', args.size), ('train-side', [args.train_side])):
        if any(side < 64 or side % 32 for side in sides):
            parser.error(f'--{name} must be multiples of 32 from 64 on, not {sides}')
    if args.image and not Path(args.image).is_file():
        parser.error(f'--image {args.image} is no file')
    for config in args.configs:
        if '::' not in config and not Path(config).is_file():
            parser.error(f'there is no config {config}')
    try:
        device = torch.device(args.device)
    except RuntimeError as error:
        parser.error(f'--device {args.device}: {error}')
    if device.type == 'cuda' and not torch.cuda.is_available():
        parser.error(f'--device {args.device}, but torch sees no GPU here')


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in text.lower().split('x'))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no size; expected WIDTHxHEIGHT, as 768x512'
        ) from None
    return width, height


def report(args: argparse.Namespace) -> None:
    """Measure, and write what is wanted."""
    result = Benchmark(args).run()
    print(to_markdown(result), end='')
    if args.json:
        write_json(args.json, result)
    rows = result.get('times_after_network') or result.get('times')
    if args.plot and rows:
        write_plot(args.plot, rows)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    # Quiet while it measures; whoever calls this from Python has their messages back.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return run_tool('benchmark', lambda: report(args))
    finally:
        logging.disable(before)


if __name__ == '__main__':
    sys.exit(main())

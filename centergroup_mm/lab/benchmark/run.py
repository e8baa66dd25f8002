# SPDX-License-Identifier: Apache-2.0
"""All measurements of a benchmark, one after the other."""

import logging
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from ..command_line import progress_bar
from ..configs import load_config
from .loading import measure_loading
from .memory import dense_features, peak_bytes
from .methods import Method
from .report import describe_machine, to_markdown, write_json, write_plot
from .settings import Settings
from .timing import time_methods
from .training import measure_training


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        configs (list[str]): Paths of configs, or ``mmpose::...``.
        measure (list[str]): Of 'time', 'memory', 'training' and 'loading'.
        people (list[int]): Numbers of people in an image, rising.
        runs (int): Behind the network.
        network_runs (int): Of whole models.
        warm_up (int): Runs before.
        train_side (int): Side of training crops, px.
        memory_formats (list[str]): Of 'contiguous' and 'channels_last'.
        dense (bool): Whether CenterGroup is measured with a dense CNN too.
        overrides (dict): Config values of all models by dotted name.
    """

    configs: list[str]
    measure: list[str]
    people: list[int]
    runs: int
    network_runs: int
    warm_up: int
    train_side: int
    memory_formats: list[str]
    dense: bool = False
    overrides: dict = field(default_factory=dict)


class Benchmark:
    """Everything that was asked for, and its result.

    Args:
        plan (Plan): What is measured.
        settings (Settings): How every method is run.
    """

    def __init__(self, plan: Plan, settings: Settings) -> None:
        self.plan, self.settings = plan, settings

    def run(self) -> dict:
        """Measure; returns what :mod:`.report` writes.

        Raises:
            ValueError: If a model of this package cannot be built.
        """
        plan = self.plan
        if 'training' in plan.measure:
            # As in trainings by the configs. Threads inherit it when they start, so it
            # comes before all work.
            torch.set_flush_denormal(True)
        result = dict(
            machine=describe_machine(self.settings.device),
            command=shlex.join(['python', *sys.argv]),
            settings=self.settings.as_dict()
            | dict(
                runs=plan.runs, network_runs=plan.network_runs, warm_up=plan.warm_up
            ),
        )
        if {'time', 'memory'} & set(plan.measure):
            methods = self.build()
            if 'time' in plan.measure:
                result |= self.time(methods)
            if 'memory' in plan.measure:
                result['memory'] = list(self.memory(methods))
        if 'training' in plan.measure:
            result['training'] = list(self.training())
        if 'loading' in plan.measure:
            result['loading'] = list(self.loading())
        return result

    def build(self) -> list[Method]:
        return [
            method
            for config in self.plan.configs
            for name in self.plan.memory_formats
            for method in self.build_one(config, name == 'channels_last')
        ]

    def build_one(self, config: str, channels_last: bool) -> Iterator[Method]:
        """A method and, if asked for, its dense version; skips a host's that fails."""
        plan = self.plan
        settings = replace(self.settings, channels_last=channels_last)
        try:
            method = Method(config, settings, plan.overrides)
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
        if plan.dense and hasattr(method.model.head, 'tokenizer'):
            dense = plan.overrides | {'model.head.tokenizer.patches': False}
            method = Method(config, settings, dense)
            method.name += ', dense CNN'
            yield method

    def time(self, methods: list[Method]) -> dict:
        plan = self.plan
        whole = time_methods(
            methods,
            plan.people,
            plan.network_runs,
            plan.warm_up,
            progress_bar('Whole model'),
        )
        after = time_methods(
            methods,
            plan.people,
            plan.runs,
            plan.warm_up,
            progress_bar('Behind the network'),
            from_features=True,
        )
        return dict(times=whole, times_after_network=after)

    def memory(self, methods: list[Method]) -> Iterator[dict]:
        device = self.settings.device
        for method in progress_bar('Memory')(methods, len(methods)):
            for count in (self.plan.people[0], self.plan.people[-1]):
                method.show(count)
                peak = peak_bytes(method.predict, device)
                yield dict(method=method.name, people=count, bytes=peak)
            if hasattr(method.model.head, 'tokenizer'):
                with dense_features(method.model):
                    peak = peak_bytes(method.predict, device)
                name = f'{method.name}, D-channel maps enlarged'
                yield dict(method=name, people=count, bytes=peak)

    def training(self) -> Iterator[dict]:
        plan = self.plan
        settings = replace(self.settings, size=(plan.train_side,) * 2)
        for config in plan.configs:
            method = Method(config, settings, plan.overrides)
            if hasattr(method.model.head, 'grouping'):
                yield measure_training(
                    method,
                    plan.people[-1],
                    plan.network_runs,
                    plan.warm_up,
                    progress_bar(f'Training steps of {method.name}'),
                )

    def loading(self) -> Iterator[dict]:
        for config in self.plan.configs:
            settings = load_config(config)
            if settings.get('train_pipeline'):
                name = Path(config).stem
                show = progress_bar(f'Loading of {name}')
                row = measure_loading(settings, 3 * self.plan.runs, show)
                yield dict(method=name, **row)


def run_benchmark(
    plan: Plan,
    settings: Settings,
    json_file: Path | None = None,
    plot_file: Path | None = None,
) -> None:
    """Measure, print tables, and write what is wanted.

    Args:
        plan (Plan): What is measured.
        settings (Settings): How every method is run.
        json_file (Path, optional): Where to write the result.
        plot_file (Path, optional): Where to draw the times against people.

    Raises:
        ValueError: If a model of this package cannot be built.
    """
    with _quiet():
        result = Benchmark(plan, settings).run()
    print(to_markdown(result), end='')
    if json_file:
        write_json(json_file, result)
    rows = result.get('times_after_network') or result.get('times')
    if plot_file and rows:
        write_plot(plot_file, rows)


def check_device(name: str) -> None:
    """See to it that a device can be used here.

    Raises:
        ValueError: If it is a GPU, and torch sees none.
    """
    if torch.device(name).type == 'cuda' and not torch.cuda.is_available():
        raise ValueError(f'--device {name}, but torch sees no GPU here')


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the host while it is measured; afterwards it speaks as before."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)

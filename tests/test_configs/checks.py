# SPDX-License-Identifier: Apache-2.0
"""Compares configs with what the sources state."""

from collections.abc import Callable

from .reading import Built
from .sources import PARAMETERS, SCHEDULES, VALUES, Parameters, Schedule, Value

# A check tells what is wrong, or ''.
Check = Callable[[Built], str]
# Of the batch: 33 images on each of 4 GPUs stand for 130.
BATCH_TOLERANCE = 0.02
RATE_TOLERANCE = 1e-3


def checks_of(name: str) -> dict[str, Check]:
    """What is to be checked of a config, by a name for reports."""
    checks: dict[str, Check] = {}
    for row in VALUES:
        if name in row.configs:
            checks[row.path] = lambda built, row=row: check_value(built, row)
    for row in PARAMETERS:
        if name in row.configs:
            label = f'parameters of {row.part or "the whole"}'
            checks[label] = lambda built, row=row: check_parameters(built, row)
    for row in SCHEDULES:
        if name in row.configs:
            for label, check in SCHEDULE_CHECKS.items():
                checks[label] = lambda built, row=row, check=check: check(built, row)
    return checks


def check_value(built: Built, row: Value) -> str:
    found = built.look_up(row.path)
    if found and all(value == row.value for value in found):
        return ''
    return f'{row.path} is {found}, expected {row.value!r} ({row.source})'


def check_parameters(built: Built, row: Parameters) -> str:
    found = sum(
        parameter.numel()
        for key, parameter in built.model.named_parameters()
        if key.startswith(row.part)
    )
    if found == row.count:
        return ''
    return f'{row.part} has {found:,} parameters, expected {row.count:,} ({row.source})'


def check_batch(built: Built, row: Schedule) -> str:
    batch = row.gpus * built.config.train_dataloader.batch_size
    if abs(batch - row.batch) <= BATCH_TOLERANCE * row.batch:
        return ''
    return f'{batch} images on {row.gpus} GPUs, expected {row.batch} ({row.source})'


def check_length(built: Built, row: Schedule) -> str:
    length = built.config.train_cfg.max_iters
    batch = row.gpus * built.config.train_dataloader.batch_size
    epochs = length * batch / row.images
    whole = row.length is None or length == row.length
    if whole and abs(epochs - row.epochs) <= row.epochs_tolerance:
        return ''
    return (
        f'{length} iterations of {batch} are {epochs:.0f} epochs of {row.images:,} '
        f'images, expected {row.length or ""} {row.epochs:g} epochs ({row.source})'
    )


def check_rates(built: Built, row: Schedule) -> str:
    """The full rate of every parameter that is trained."""
    trained = {n for n, p in built.model.named_parameters() if p.requires_grad}
    if set(built.rates) != trained:
        return f'not in the optimizer: {sorted(trained - set(built.rates))[:3]}'
    for name, rate in built.rates.items():
        part = next(part for part in row.rates if name.startswith(part))
        if abs(rate - row.rates[part]) > RATE_TOLERANCE * row.rates[part]:
            expected = row.rates[part]
            return f'{name} learns at {rate:g}, expected {expected:g} ({row.source})'
    return ''


def check_warm_up(built: Built, row: Schedule) -> str:
    """In proportion to the iteration up to the full rate, and then at that."""
    expected = {
        iteration: min(iteration / row.warm_up, 1)
        for iteration in (0, row.warm_up // 2, row.warm_up, 2 * row.warm_up)
    }
    # The host begins above nothing and ends one iteration early.
    return _compare_factors(built.factors(), expected, row, 2 / row.warm_up)


def check_steps(built: Built, row: Schedule) -> str:
    """A tenth behind the first step, a hundredth behind the second, to the end."""
    first, second = row.steps
    margin = row.step_tolerance
    expected = {
        int(first - margin) - 1: 1,
        int(first + margin): 0.1,
        int(second - margin) - 1: 0.1,
        int(second + margin): 0.01,
        built.config.train_cfg.max_iters - 1: 0.01,
    }
    return _compare_factors(built.factors(), expected, row, RATE_TOLERANCE)


def _compare_factors(
    factors: list[float], expected: dict[int, float], row: Schedule, tolerance: float
) -> str:
    for iteration, factor in expected.items():
        if iteration >= len(factors):
            return f'no iteration {iteration}: training ends at {len(factors)}'
        if abs(factors[iteration] - factor) > tolerance:
            return (
                f'{factors[iteration]:g} of the full rate at iteration {iteration}, '
                f'expected {factor:g} ({row.source})'
            )
    return ''


SCHEDULE_CHECKS = {
    'batch': check_batch,
    'length in epochs': check_length,
    'rate of every parameter': check_rates,
    'warm-up': check_warm_up,
    'steps': check_steps,
}

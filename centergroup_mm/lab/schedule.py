# SPDX-License-Identifier: Apache-2.0
"""A config's schedule for other GPUs: as many images are seen."""

from pathlib import Path

from mmengine.config import Config

# Batches that differ by less keep their rate: 132 stand for the paper's 130.
TOLERANCE = 0.05


def schedule_options(
    config: Config, gpus: int, images: int, accumulate: int
) -> dict[str, object]:
    """The options of ``--cfg-options``.

    Args:
        config (Config): Of a CenterGroup or a baseline.
        gpus (int): Processes.
        images (int): Images of each process and iteration.
        accumulate (int): Iterations to a step.

    Returns:
        dict[str, object]: Values by the name of the option.

    Raises:
        ValueError: If the config does not say for which batch it is meant.
    """
    base = config.get('auto_scale_lr', {}).get('base_batch_size')
    base = base or config.get('total_batch')
    if not base:
        raise ValueError(
            f'{config.filename} says nowhere for which batch its rate is meant; '
            'expected total_batch or auto_scale_lr.base_batch_size.'
        )
    ratio = gpus * images * accumulate / base
    if abs(ratio - 1) <= TOLERANCE:
        ratio = 1
    options = {
        'train_dataloader.batch_size': images,
        'optim_wrapper.accumulative_counts': accumulate,
    }
    if ratio != 1:
        options['optim_wrapper.optimizer.lr'] = (
            config.optim_wrapper.optimizer.lr * ratio
        )
        keys = config.optim_wrapper.get('paramwise_cfg', {}).get('custom_keys', {})
        for name, values in keys.items():
            option = f'optim_wrapper.paramwise_cfg.custom_keys.{name}.lr_mult'
            options[option] = values.lr_mult / ratio

    def iterations(given: int) -> int:
        return round(given * accumulate / ratio)

    options['train_cfg.max_iters'] = iterations(config.train_cfg.max_iters)
    for index, scheduler in enumerate(config.param_scheduler):
        name = f'param_scheduler.{index}'
        for key in ('begin', 'end', 'T_max'):
            if scheduler.get(key):
                options[f'{name}.{key}'] = iterations(scheduler[key])
        if milestones := scheduler.get('milestones'):
            options[f'{name}.milestones'] = [iterations(m) for m in milestones]
    return options


def describe(options: dict[str, object]) -> list[str]:
    """``name=value`` as a shell takes them."""
    texts = []
    for name, value in options.items():
        if isinstance(value, list):
            texts.append(f'{name}="[{",".join(map(str, value))}]"')
        else:
            text = f'{value:.6g}' if isinstance(value, float) else value
            texts.append(f'{name}={text}')
    return texts


def print_schedule(path: Path, gpus: int, images: int, accumulate: int) -> None:
    """Print the options that fit a config file's schedule, as a shell takes them.

    Args:
        path (Path): The config file.
        gpus (int): Processes.
        images (int): Images of each process and iteration.
        accumulate (int): Iterations to a step.

    Raises:
        ValueError: If the config does not say for which batch it is meant.
    """
    config = Config.fromfile(path, import_custom_modules=False)
    options = schedule_options(config, gpus, images, accumulate)
    print(' \\\n    '.join(['--cfg-options', *describe(options)]))

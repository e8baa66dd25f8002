# SPDX-License-Identifier: Apache-2.0
"""Configs that go with converted weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

# Where a base is found from any folder, in a checkout and in an installed package. The
# host's `package::name` works for the packages on its own list only.
CONFIG_FOLDER = '.mim/configs'
BASE_LINES = """_base_ = [
    __import__('centergroup_mm').__path__[0]
    + '/{folder}/{name}'
]"""
# The weights lie beside the config. The host's `{{ fileDirname }}` is put into the text
# as it is, quotes and all, with its backslashes turned into slashes.
LOAD_LINES = """load_from = __import__('os').path.join(
    __import__('os').path.dirname(__import__('sys')._getframe().f_code.co_filename),
    {weights},
)"""
LINE_LENGTH = 88


def base_name(method: str, num_keypoints: int, in_channels: int, variant: str) -> str:
    """The config of this package that is nearest to a model.

    Args:
        method (str): ``centergroup`` or ``higherhrnet``.
        num_keypoints (int): K; CrowdPose has 14 types, all else is taken as COCO.
        in_channels (int): C, 48 for HRNet-W48.
        variant (str): End of the name, such as ``_released``.
    """
    if num_keypoints == 14:
        name = 'w48_crowdpose'
    else:
        name = 'w48' if in_channels == 48 else 'w32'
    return f'{method}_{name}{variant}.py'


def load_base(name: str) -> Config:
    """Load a config of this package."""
    folder = Path(__file__).resolve().parents[1] / CONFIG_FOLDER
    return Config.fromfile(folder / name, import_custom_modules=False)


class _Named(list):
    """A list that the config has under a name, by which it is written."""

    def __init__(self, name: str, entries: Sequence) -> None:
        super().__init__(entries)
        self.name = name


def config_changes(base: Config, model: dict, input_size: int) -> dict:
    """What must be changed of a config for a model.

    Args:
        base (Config): The config.
        model (dict): Wanted values of its ``model``.
        input_size (int): Wanted side of the input in pixels.

    Returns:
        dict: Top-level values of a config that inherits from ``base``.
    """
    side = (input_size, input_size)
    if tuple(base.model.head.decoder.input_size) == side:
        model = _difference(model, base.model)
        return dict(model=model) if model else {}
    decoder = {
        key: side
        for key in ('input_size', 'heatmap_size')
        if key in base.model.head.decoder
    }
    decoder = {**model['head'].get('decoder', {}), **decoder}
    model = {**model, 'head': {**model['head'], 'decoder': decoder}}
    train = _with_input_size(base.train_dataloader.dataset.pipeline, side)
    test = _with_input_size(base.test_dataloader.dataset.pipeline, side)
    return dict(
        input_size=side,
        codec=dict(input_size=side),
        model=_difference(model, base.model),
        train_pipeline=train,
        val_pipeline=test,
        train_dataloader=dict(dataset=dict(pipeline=_Named('train_pipeline', train))),
        val_dataloader=dict(dataset=dict(pipeline=_Named('val_pipeline', test))),
        test_dataloader=dict(dataset=dict(pipeline=_Named('val_pipeline', test))),
    )


def config_text(comment: Sequence[str], base: str, changes: dict, weights: str) -> str:
    """Text of a config file.

    Args:
        comment (Sequence[str]): Lines that say what it is.
        base (str): Name of the config of this package that it inherits from.
        changes (dict): As from :func:`config_changes`.
        weights (str): Name of the checkpoint beside the config.
    """
    lines = [f'# {line}' for line in comment]
    lines.append(BASE_LINES.format(folder=CONFIG_FOLDER, name=base))
    lines.append(LOAD_LINES.format(weights=literal(weights)))
    lines += [f'{key} = {_render(value)}' for key, value in changes.items()]
    return '\n'.join(lines) + '\n'


def literal(text: str) -> str:
    """A text as Python writes it, without the braces that the host would replace."""
    return repr(text).replace('{', r'\x7b')


def _render(value: Any, indent: int = 0) -> str:
    """A value as it is written in a config, on one line where it fits."""
    if isinstance(value, dict):
        opening, closing = 'dict(', ')'
        entries = [(f'{key}=', entry) for key, entry in value.items()]
    elif isinstance(value, _Named):
        return value.name
    elif isinstance(value, list):
        opening, closing = '[', ']'
        entries = [('', entry) for entry in value]
    else:
        return repr(value)
    line = ', '.join(name + _render(entry) for name, entry in entries)
    if indent + len(line) < LINE_LENGTH - 24 and '\n' not in line:
        return opening + line + closing
    inner = indent + 4
    rows = [f'{" " * inner}{name}{_render(entry, inner)},' for name, entry in entries]
    return '\n'.join([opening, *rows, ' ' * indent + closing])


def _with_input_size(pipeline: list[dict], side: tuple[int, int]) -> list[dict]:
    """A pipeline for another input size."""

    def resized(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: side if key == 'input_size' else resized(entry)
                for key, entry in value.items()
            }
        return value

    return [resized(step) for step in pipeline]


def _difference(wanted: dict, base: dict) -> dict:
    """The entries of nested dictionaries that differ from ``base``."""
    different = {}
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            value = _difference(value, base[key])
            if value:
                different[key] = value
        elif key not in base or _plain(value) != _plain(base[key]):
            different[key] = value
    return different


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

# SPDX-License-Identifier: Apache-2.0
"""Configs by path or name, and the options that change them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.hub import get_config

# Of this package: a checkout's own folder, by its link.
CONFIGS = (Path(__file__).resolve().parents[1] / '.mim' / 'configs').resolve()


def load_config(name: str | Path, options: dict | None = None) -> Config:
    """Read a config, and change it.

    Args:
        name (str | Path): A file, the name of one of this package's configs, or one
            of the host's by ``mmpose::``.
        options (dict, optional): Values by dotted name.

    Raises:
        FileNotFoundError: If there is none of that name.
    """
    if '::' in str(name):
        config = get_config(str(name))
    else:
        places = Path(name), CONFIGS / name, CONFIGS / f'{name}.py'
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise FileNotFoundError(
                f'There is no config {name}. Expected a file, a name in {CONFIGS}, or '
                "one of MMPose's configs, mmpose::body_2d_keypoint/....py."
            )
        config = Config.fromfile(path)
    config.merge_from_dict(options or {})
    return config


def read_options(pairs: Sequence[str]) -> dict[str, object]:
    """The values of ``--cfg-options``, read as the host reads them.

    Args:
        pairs (Sequence[str]): Each ``key=value``.

    Returns:
        dict[str, object]: Values by dotted name.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument('--options', nargs='+', action=DictAction, default={})
    return parser.parse_args(['--options', *pairs] if pairs else []).options

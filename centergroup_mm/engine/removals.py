# SPDX-License-Identifier: Apache-2.0
"""Which files a training may remove, whatever the checkpoint that it resumes says."""

import os
import re
from pathlib import Path
from typing import Any

# What the host calls a best checkpoint, whatever the metric and the template.
_BEST_NAME = re.compile(r'best_[^/\\]*\d[^/\\]*')
_LARGEST_STEP = 2**48


def own_files(info: dict[str, Any], file: str) -> dict[str, Any]:
    """Keep the host from removing files of others when it resumes.

    mmengine removes the file or folder that ``best_ckpt`` names when it finds a better
    one, and the checkpoints of the steps in ``keep_ckpt_ids``.

    Args:
        info (dict): ``runtime_info`` of a checkpoint.
        file (str): The checkpoint, a path or an address.

    Returns:
        dict: Best checkpoints are named in the folder of ``file``, where they were
        saved, or also moved to, with it; anything else is left out. So is
        ``last_ckpt``, which the host only writes.
    """
    kept = {}
    for key, value in info.items():
        if str(key).startswith('best_ckpt'):
            if path := _beside(value, file):
                kept[key] = path
        elif key == 'keep_ckpt_ids':
            if isinstance(value, list) and all(map(_is_step, value)):
                kept[key] = value
        elif key != 'last_ckpt':
            kept[key] = value
    return kept


def _beside(best: Any, file: str) -> str | None:
    if not isinstance(best, str) or '://' in file:
        return None
    name = os.path.basename(best)
    if not (name.isprintable() and _BEST_NAME.fullmatch(name)):
        return None
    return os.path.join(os.path.dirname(os.path.expanduser(file)), name)


def _is_step(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST_STEP


def is_within(path: str | Path, folder: str | Path) -> bool:
    """Tell whether an entry is in a folder or beneath, links on the way followed.

    The entry itself may be a link: to remove it leaves its target alone.
    """
    parent, name = os.path.split(path)
    if name in ('', os.curdir, os.pardir):
        return False
    return Path(os.path.realpath(parent)).is_relative_to(os.path.realpath(folder))

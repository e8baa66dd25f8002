# SPDX-License-Identifier: Apache-2.0
"""Metainfo from files and configs, checked before the host parses it."""

from pathlib import Path

import mmpose
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmpose.datasets.datasets.utils import parse_pose_metainfo

from .metainfo import check_metainfo


def load_metainfo(metainfo: dict) -> dict:
    """Read, check and parse metainfo; what was put in order is logged.

    Args:
        metainfo (dict): ``dict(from_file=...)``, a path or the name of one of MMPose's
            files in ``configs/_base_/datasets``, or the content of such a file.

    Returns:
        dict: As in the host's :func:`parse_pose_metainfo`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it breaks a rule of :func:`check_metainfo`.
    """
    content, source = read_metainfo(metainfo)
    checked, remarks = check_metainfo(content, source)
    for remark in remarks:
        MMLogger.get_current_instance().warning(remark)
    return parse_pose_metainfo(checked)


def read_metainfo(metainfo: dict) -> tuple[dict, str]:
    """The raw content, and a name of where it comes from, for messages."""
    if 'from_file' not in metainfo:
        return metainfo, f'metainfo {metainfo.get("dataset_name", "")!r} of the config'
    path = Path(metainfo['from_file'])
    if not path.is_file():
        own = Path(mmpose.__file__).parent / '.mim/configs/_base_/datasets' / path.name
        if not own.is_file():
            raise FileNotFoundError(
                f'Metainfo file {path} does not exist. Give metainfo=dict(from_file=...'
                ') the path from the folder you are in, or the name of one of MMPose, '
                "as 'coco.py'."
            )
        path = own
    content = Config.fromfile(path).to_dict()
    if 'dataset_info' not in content:
        raise ValueError(
            f'{path} has no dataset_info: expected a metainfo file, as those in '
            "MMPose's configs/_base_/datasets."
        )
    return content['dataset_info'], str(path)

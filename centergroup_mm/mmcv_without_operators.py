# SPDX-License-Identifier: Apache-2.0
"""Stands in for mmcv's compiled operators where mmcv was installed without them.

mmcv looks all its operators up by name in ``mmcv._ext`` when ``mmcv.ops`` is imported,
and mmdet and mmpose import that. Copied to ``mmcv/_ext.py``, this module lets them: it
has every name, and what is called raises an error that says what is missing.
CenterGroup itself calls none of them. Where a compiled ``_ext`` lies beside the copy,
Python takes the compiled one.
"""

from collections.abc import Callable
from typing import NoReturn

ADVICE = (
    'mmcv was installed without its compiled operators (mmcv-lite). CenterGroup needs '
    'none, but what was called here does. To have them, run `make env OPS=1` in a '
    'checkout of centergroup_mm, or elsewhere `pip uninstall mmcv mmcv-lite` and then '
    '`MMCV_WITH_OPS=1 pip install --no-build-isolation mmcv==VERSION`.'
)


def __getattr__(name: str) -> Callable[..., NoReturn]:
    """Give out an operator that cannot be called.

    Args:
        name (str): Of the operator, as ``nms``.

    Raises:
        AttributeError: For names such as ``__path__``, by which Python asks a module
            what it is.
    """
    if name.startswith('__'):
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

    def operator(*args, **kwargs) -> NoReturn:
        raise RuntimeError(f'The operator {name} is missing: {ADVICE}')

    return operator

# SPDX-License-Identifier: Apache-2.0
"""Reading checkpoints without running what is pickled in them.

From torch 2.6 on, ``torch.load`` builds only types on an allow-list, and mmengine's
own checkpoints hold types that are not on it: numpy arrays and scalars, and log
histories. The list here is the narrowest one that reads them. The way out that is
often advised, ``weights_only=False``, runs any code that a file contains.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.dist import barrier, get_dist_info
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from packaging.version import Version

# The statistics that every HistoryBuffer refers to from within its pickle.
HISTORY_STATISTICS = ('min', 'max', 'current', 'mean')


def get_history_statistic(owner: Any, name: str) -> Callable:
    """Stand in for the ``getattr`` that pickles of a ``HistoryBuffer`` call.

    The real ``getattr`` would let a file walk from any allowed object to any
    function of the interpreter; this one serves four methods of one class.

    Args:
        owner: Must be the class ``HistoryBuffer``.
        name: One of ``HISTORY_STATISTICS``.

    Raises:
        ValueError: For anything else.
    """
    if owner is not HistoryBuffer or name not in HISTORY_STATISTICS:
        raise ValueError(
            f'A checkpoint asks for attribute {name!r} of {owner!r}. Only '
            f'HistoryBuffer and {HISTORY_STATISTICS} are served: the file was not '
            'written by mmengine, or was tampered with. Do not load it.'
        )
    return getattr(HistoryBuffer, name)


def safe_globals() -> list[tuple[Any, str]]:
    """Return what mmengine's checkpoints need, as (object, name in the pickle).

    numpy's internals are listed under their names in numpy 1 (``numpy.core``) and
    numpy 2 (``numpy._core``), so that either version reads files of both.
    """
    reconstruct, scalar = (
        np.array(0).__reduce__()[0],
        np.float64(0).__reduce__()[0],
    )
    allowed: list[tuple[Any, str]] = [
        (HistoryBuffer, 'mmengine.logging.history_buffer.HistoryBuffer'),
        (get_history_statistic, 'builtins.getattr'),
        (np.ndarray, 'numpy.ndarray'),
        (np.dtype, 'numpy.dtype'),
    ]
    for core in ('numpy.core', 'numpy._core'):
        allowed.append((reconstruct, f'{core}.multiarray._reconstruct'))
        allowed.append((scalar, f'{core}.multiarray.scalar'))
    # A dtype is rebuilt as an instance of its own class, Float64DType and so on.
    dtype_classes = {type(np.dtype(code)) for code in np.typecodes['All']}
    allowed.extend((cls, f'numpy.dtypes.{cls.__name__}') for cls in dtype_classes)
    return allowed


def load_from_http(filename: str, map_location: Any = None) -> Any:
    """Download a checkpoint and read it by the rules that hold for local files.

    The host's loader for URLs passes through ``torch.hub``, whose default is still
    to run what the file contains: the one kind of file that comes from elsewhere
    would be the only one read without care.

    Args:
        filename: URL, ``http://`` or ``https://``; cached as torch.hub does.
        map_location: As in ``torch.load``.

    Returns:
        The content of the checkpoint.

    Raises:
        pickle.UnpicklingError: If the file holds types that are not allowed.
    """

    def load() -> Any:
        return torch.hub.load_state_dict_from_url(
            filename, map_location=map_location, weights_only=True
        )

    rank, _ = get_dist_info()
    # Rank 0 downloads; the others then find the file in the cache.
    checkpoint = load() if rank == 0 else None
    barrier()
    return load() if rank > 0 else checkpoint


def allow_own_checkpoints() -> None:
    """Make safe loading work for mmengine's checkpoints, from files and URLs.

    Uses the extension points of torch (``add_safe_globals``) and mmengine
    (``CheckpointLoader.register_scheme``). Named zoos (``torchvision://`` and the
    like) keep the host's loaders. Before torch 2.6 nothing is changed: ``torch.load``
    has no such default there.
    """
    if Version(torch.__version__) < Version('2.6'):
        return
    torch.serialization.add_safe_globals(safe_globals())
    CheckpointLoader.register_scheme(
        prefixes=('http://', 'https://'), loader=load_from_http, force=True
    )

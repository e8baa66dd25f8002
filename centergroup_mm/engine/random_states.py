# SPDX-License-Identifier: Apache-2.0
"""The states of all random generators of this process, as plain data."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def get_random_states() -> dict[str, Any]:
    """Return the states of Python's, numpy's and torch's generators.

    Returns:
        dict: Tensors and numbers only, which any reader of checkpoints accepts. Of
        several GPUs only the current one, the one of this rank.
    """
    version, python, python_gauss = random.getstate()
    numpy = np.random.get_state(legacy=False)
    states = dict(
        python=torch.tensor(python),
        python_version=version,
        python_gauss=python_gauss,
        numpy=torch.from_numpy(numpy['state']['key'].astype(np.int64)),
        numpy_position=int(numpy['state']['pos']),
        numpy_has_gauss=int(numpy['has_gauss']),
        numpy_gauss=float(numpy['gauss']),
        torch=torch.get_rng_state(),
    )
    if torch.cuda.is_available():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict[str, Any]) -> None:
    """Set all generators to what :func:`get_random_states` has returned.

    Args:
        states (dict): The states; the tensors may be on any device.
    """
    random.setstate(
        (
            states['python_version'],
            tuple(states['python'].tolist()),
            states['python_gauss'],
        )
    )
    key = states['numpy'].cpu().numpy().astype(np.uint32)
    np.random.set_state(
        (
            'MT19937',
            key,
            states['numpy_position'],
            states['numpy_has_gauss'],
            states['numpy_gauss'],
        )
    )
    torch.set_rng_state(states['torch'].cpu())
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())


@contextmanager
def kept_random_states() -> Iterator[None]:
    """Draw within the block without a trace after it."""
    states = get_random_states()
    try:
        yield
    finally:
        set_random_states(states)

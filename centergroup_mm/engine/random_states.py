# SPDX-License-Identifier: Apache-2.0
"""The states of all random generators of this process, as plain data."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

# Length of the state of a Mersenne Twister, which Python and numpy draw with.
_N = 624
# Of torch's generators, in bytes: more than any has.
_LONGEST_STATE = 10_000
_NUMBERS = {
    'python_version': (int,),
    'python_gauss': (float, type(None)),
    'numpy_position': (int,),
    'numpy_has_gauss': (int,),
    'numpy_gauss': (float,),
}


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
    random.setstate(_python_state(states))
    np.random.set_state(_numpy_state(states))
    torch.set_rng_state(states['torch'].cpu())
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'].cpu())


def check_random_states(states: Any) -> None:
    """Check what a file says that :func:`get_random_states` has returned.

    numpy reads its memory wherever a state tells it to.

    Raises:
        ValueError: If a generator cannot be set to it.
    """
    if not isinstance(states, dict):
        raise ValueError(f'type {type(states).__name__} instead of a dictionary')
    for name, kinds in _NUMBERS.items():
        if type(states.get(name)) not in kinds:
            raise ValueError(f'no number {name!r}')
    for name, length in dict(python=_N + 1, numpy=_N).items():
        _check_tensor(states, name, torch.int64, length, length)
        numbers = states[name]
        if numbers.min() < 0 or numbers.max() >= 2**32:
            raise ValueError(f'numbers beyond 32 bits in {name!r}')
    if not 0 <= states['numpy_position'] <= _N:
        raise ValueError(f"'numpy_position' outside of 0 to {_N}")
    devices = {'torch': 'cpu', **({'cuda': 'cuda'} if 'cuda' in states else {})}
    for name in devices:
        _check_tensor(states, name, torch.uint8, 1, _LONGEST_STATE)
    try:
        random.Random().setstate(_python_state(states))
        np.random.RandomState().set_state(_numpy_state(states))
        for name, device in devices.items():
            if device == 'cpu' or torch.cuda.is_available():
                torch.Generator(device).set_state(states[name].cpu())
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(str(error).partition('\n')[0]) from error


def _check_tensor(
    states: dict, name: str, dtype: torch.dtype, shortest: int, longest: int
) -> None:
    tensor = states.get(name)
    if not (
        isinstance(tensor, torch.Tensor)
        and tensor.dtype == dtype
        and tensor.ndim == 1
        and shortest <= len(tensor) <= longest
    ):
        raise ValueError(f'no proper tensor {name!r}')


def _python_state(states: dict[str, Any]) -> tuple:
    numbers = tuple(states['python'].tolist())
    return states['python_version'], numbers, states['python_gauss']


def _numpy_state(states: dict[str, Any]) -> tuple:
    key = states['numpy'].cpu().numpy().astype(np.uint32)
    rest = ('numpy_position', 'numpy_has_gauss', 'numpy_gauss')
    return 'MT19937', key, *(states[name] for name in rest)


@contextmanager
def kept_random_states() -> Iterator[None]:
    """Draw within the block without a trace after it."""
    states = get_random_states()
    try:
        yield
    finally:
        set_random_states(states)

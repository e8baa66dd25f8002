# SPDX-License-Identifier: Apache-2.0
"""What checkpoints may name: tensors, numpy arrays, mmengine's logs, plain containers.

Each name stands for a function of this module. It checks what it is given, for a file
may give anything: torch's and numpy's own functions take pointers, sizes and offsets on
trust.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from .errors import RefusedError
from .objects import Function, Pending, StandIn, checked_key
from .storages import (
    BYTES,
    DTYPES,
    STORAGE_TYPES,
    rebuild_tensor,
    rebuild_typed_tensor,
)

# Kinds of numpy's types that hold no pointers, and the one that does.
_PLAIN_KINDS, _OBJECT_KIND = 'biufcSU', 'O'
_TYPE_CODE = re.compile(r'[|<>=]?[biufcSUO?]\d{0,9}')
_MAX_DIMS = 32
# The statistics that every HistoryBuffer refers to from within its pickle.
_STATISTICS = ('min', 'max', 'current', 'mean')
_LATIN_1 = ('latin1', 'latin-1')

_ARRAY_CLASS = Function(lambda *_: _refuse('an array without a type'))


def _refuse(what: str) -> None:
    raise RefusedError(
        f'holds {what}, which no checkpoint needs. It is damaged, or made to do harm: '
        'do not use it.'
    )


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        _refuse(otherwise)


def _ordered_dict(pairs: list | tuple = ()) -> OrderedDict:
    _demand(type(pairs) in (list, tuple), 'an odd dictionary')
    return OrderedDict((checked_key(key), value) for key, value in pairs)


def _counter(counts: dict | None = None) -> Counter:
    _demand(counts is None or type(counts) is dict, 'an odd counter')
    return Counter(counts)


def _set(kind: type) -> Callable:
    def make(items: list | tuple = ()) -> set | frozenset:
        _demand(type(items) in (list, tuple), 'an odd set')
        return kind(map(checked_key, items))

    return make


def _encode(text: str, encoding: str) -> bytes:
    """Bytes, as pickles of torch's protocol spell them."""
    _demand(type(text) is str and encoding in _LATIN_1, 'odd bytes')
    return text.encode('latin1')


def _bytes() -> bytes:
    """Empty bytes, which are spelled in another way than others."""
    return b''


def _bytearray(content: str | bytes = b'', encoding: str = 'latin-1') -> bytearray:
    _demand(type(content) in (str, bytes) and encoding in _LATIN_1, 'odd bytes')
    return bytearray(content.encode('latin1') if isinstance(content, str) else content)


def _complex(real: float, imaginary: float) -> complex:
    _demand(type(real) is float and type(imaginary) is float, 'an odd number')
    return complex(real, imaginary)


def _size(sizes: tuple) -> torch.Size:
    _demand(
        type(sizes) is tuple and all(type(size) is int for size in sizes), 'an odd size'
    )
    return torch.Size(sizes)


def _device(kind: str, index: int | None = None) -> torch.device:
    _demand(kind in ('cpu', 'cuda', 'mps', 'xpu', 'meta'), 'an odd device')
    return torch.device(kind) if index is None else torch.device(kind, index)


def _parameter(data: torch.Tensor, *_: Any) -> torch.Tensor:
    """The tensor of a parameter, which is all that loading looks at."""
    _demand(type(data) is torch.Tensor, 'a parameter that is no tensor')
    return data


def _from_type(function: Function, _kind: Any, arguments: tuple, _state: Any) -> Any:
    """A tensor with attributes, without them."""
    served = type(function) is Function and type(arguments) is tuple
    _demand(served, 'a tensor of an odd type')
    return function.call(*arguments)


def _dtype(code: str, *_: Any) -> Pending:
    """A numpy type, whose byte order follows."""
    _demand(type(code) is str and bool(_TYPE_CODE.fullmatch(code)), 'an odd type')
    dtype = np.dtype(code)

    def build(state: tuple) -> np.dtype:
        plain = type(state) is tuple and len(state) >= 5 and state[0] == 3
        _demand(plain and state[2:5] == (None,) * 3, 'a compound type')
        _demand(state[1] in ('<', '>', '|', '='), 'an odd byte order')
        return dtype if state[1] == '|' else dtype.newbyteorder(state[1])

    return Pending(build)


def _array(_class: Any, _shape: Any = None, _code: Any = None) -> Pending:
    """An empty array, whose content follows."""
    _demand(_class is _ARRAY_CLASS, 'an array of an odd class')
    return Pending(_array_of_state)


def _array_of_state(state: tuple) -> np.ndarray:
    _demand(type(state) is tuple and len(state) == 5, 'an array without content')
    _, shape, dtype, in_fortran_order, content = state
    _demand(
        type(shape) is tuple
        and len(shape) <= _MAX_DIMS
        and all(type(size) is int and 0 <= size < 2**40 for size in shape),
        'an array of an odd shape',
    )
    _demand(isinstance(dtype, np.dtype), 'an array of an odd type')
    count = 1
    for size in shape:
        count *= size
    if dtype.kind == _OBJECT_KIND:
        _demand(type(content) is list and len(content) == count, 'an odd array')
        array = np.empty(count, dtype=object)
        for index, entry in enumerate(content):
            array[index] = entry
    else:
        array = _plain_array(dtype, count, content)
    return array.reshape(shape, order='F' if in_fortran_order else 'C')


def _from_buffer(
    content: bytes, dtype: np.dtype, shape: tuple, order: str
) -> np.ndarray:
    """An array, as pickles of the fifth protocol have it."""
    return _array_of_state((1, shape, dtype, order == 'F', content))


def _plain_array(dtype: np.dtype, count: int, content: bytes) -> np.ndarray:
    """An array of its own memory.

    Raises:
        RefusedError: If the type may hold pointers or the content has another length.
    """
    _demand(dtype.kind in _PLAIN_KINDS, 'an array of an odd type')
    _demand(
        type(content) in (bytes, bytearray)
        and len(content) == count * dtype.itemsize
        and (dtype.itemsize > 0 or count == 0),
        'an array with more or fewer numbers than its shape says',
    )
    if count == 0:
        return np.empty(0, dtype=dtype)
    return np.frombuffer(content, dtype=dtype).copy()


def _scalar(dtype: np.dtype, content: bytes) -> np.generic:
    _demand(isinstance(dtype, np.dtype), 'a number of an odd type')
    return _plain_array(dtype, 1, content)[0]


def _history() -> Pending:
    """One of mmengine's logs, without what a file wants to add to the class."""
    return Pending(_history_of_state)


_HISTORY_CLASS = Function(_history)


def _history_of_state(state: dict) -> HistoryBuffer:
    _demand(type(state) is dict, 'an odd log')
    history = HistoryBuffer()
    for name in ('_log_history', '_count_history'):
        numbers = state.get(name)
        plain = type(numbers) is np.ndarray and numbers.ndim == 1
        _demand(plain and numbers.dtype.kind in 'biuf', 'a log without numbers')
        setattr(history, name, numbers)
    _demand(len(history._log_history) == len(history._count_history), 'an odd log')
    length = state.get('max_length')
    _demand(type(length) is int and length > 0, 'a log without a length')
    history.max_length = length
    return history


def _get_attribute(owner: Any, name: str) -> str | StandIn:
    """Stand in for the ``getattr`` by which a log names its statistics.

    The real one would let a file walk from any object to any function of the
    interpreter. A log's own statistics need not be named, so that nothing is looked up.
    """
    if type(owner) is StandIn:
        return owner
    _demand(owner is _HISTORY_CLASS and name in _STATISTICS, 'an odd attribute')
    return name


def _served() -> dict[str, Any]:
    functions = {
        'collections.OrderedDict': _ordered_dict,
        'collections.Counter': _counter,
        'builtins.set': _set(set),
        'builtins.frozenset': _set(frozenset),
        'builtins.bytes': _bytes,
        'builtins.bytearray': _bytearray,
        'builtins.complex': _complex,
        'builtins.getattr': _get_attribute,
        '_codecs.encode': _encode,
        'torch.Size': _size,
        'torch.device': _device,
        'torch._utils._rebuild_tensor': rebuild_tensor,
        'torch._utils._rebuild_tensor_v2': rebuild_tensor,
        'torch._utils._rebuild_tensor_v3': rebuild_typed_tensor,
        'torch._utils._rebuild_parameter': _parameter,
        'torch._utils._rebuild_parameter_with_state': _parameter,
        'torch._tensor._rebuild_from_type_v2': _from_type,
        'torch._tensor.Tensor': _parameter,
        'torch.Tensor': _parameter,
        'torch.nn.parameter.Parameter': _parameter,
        'numpy.dtype': _dtype,
    }
    for core in ('numpy.core', 'numpy._core'):
        functions[f'{core}.multiarray._reconstruct'] = _array
        functions[f'{core}.multiarray.scalar'] = _scalar
        functions[f'{core}.numeric._frombuffer'] = _from_buffer
    served: dict[str, Any] = {
        name: Function(function) for name, function in functions.items()
    }
    served['numpy.ndarray'] = _ARRAY_CLASS
    history = 'mmengine.logging.history_buffer.HistoryBuffer'
    served[history] = _HISTORY_CLASS
    # Later protocols name the statistics without getattr.
    served.update((f'{history}.{name}', name) for name in _STATISTICS)
    served.update((f'torch.{name}', kind) for name, kind in DTYPES.items())
    for name, kind in STORAGE_TYPES.items():
        served[f'torch.{name}'] = served[f'torch.cuda.{name}'] = kind
    served['torch.storage.UntypedStorage'] = BYTES
    return served


SERVED = _served()

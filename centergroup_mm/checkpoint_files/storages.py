# SPDX-License-Identifier: Apache-2.0
"""The data of tensors: storages, and tensors as views of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .errors import RefusedError

MapLocation = str | torch.device | dict | Callable | None

_DTYPE_NAMES = (
    *('float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8'),
    *('uint8', 'uint16', 'uint32', 'uint64', 'bool', 'complex64', 'complex128'),
    *('float8_e4m3fn', 'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz'),
)
DTYPES = {name: getattr(torch, name) for name in _DTYPE_NAMES if hasattr(torch, name)}


class StorageType(NamedTuple):
    """What a file calls the class of a storage."""

    dtype: torch.dtype


BYTES = StorageType(torch.uint8)
STORAGE_TYPES = {
    'DoubleStorage': StorageType(torch.float64),
    'FloatStorage': StorageType(torch.float32),
    'HalfStorage': StorageType(torch.float16),
    'BFloat16Storage': StorageType(torch.bfloat16),
    'LongStorage': StorageType(torch.int64),
    'IntStorage': StorageType(torch.int32),
    'ShortStorage': StorageType(torch.int16),
    'CharStorage': StorageType(torch.int8),
    'ByteStorage': BYTES,
    'BoolStorage': StorageType(torch.bool),
    'ComplexFloatStorage': StorageType(torch.complex64),
    'ComplexDoubleStorage': StorageType(torch.complex128),
}


class Storage(NamedTuple):
    """Memory and how its file reads it.

    Attributes:
        memory (torch.UntypedStorage): On the device where the tensors shall be.
        dtype (torch.dtype): Type of its elements.
    """

    memory: torch.UntypedStorage
    dtype: torch.dtype


class Identity(NamedTuple):
    """How a file refers to a storage.

    Attributes:
        key (str): Its name in the file.
        dtype (torch.dtype): Type of its elements.
        num_bytes (int): Its size.
        location (str): The device that it was saved from.
    """

    key: str
    dtype: torch.dtype
    num_bytes: int
    location: str


def read_identity(parts: tuple) -> Identity:
    """Check what a file says of a storage.

    Raises:
        RefusedError: If it is not as torch writes it.
    """
    # Files of torch's first format end with a view, which has long been None.
    if len(parts) == 6 and parts[5] is None:
        parts = parts[:5]
    if len(parts) == 5:
        kind, storage_type, key, location, count = parts
        if (
            kind == 'storage'
            and type(storage_type) is StorageType
            and type(key) is str
            and type(location) is str
            and type(count) is int
            and 0 <= count < 2**48
        ):
            dtype = storage_type.dtype
            return Identity(key, dtype, count * dtype.itemsize, location)
    raise RefusedError('refers to its data in an unknown way. Do not use it.')


def place(
    memory: torch.UntypedStorage, location: str, map_location: MapLocation
) -> torch.UntypedStorage:
    """Move a storage to where it is wanted.

    Args:
        memory (torch.UntypedStorage): On the CPU.
        location (str): The device that it was saved from.
        map_location (MapLocation): As in ``torch.load``; by default the CPU, whatever
            device a file names.
    """
    if callable(map_location):
        placed = map_location(memory, location)
        return memory if placed is None else placed
    if isinstance(map_location, dict):
        map_location = map_location.get(location)
    if map_location is None:
        return memory
    return torch.serialization.default_restore_location(memory, str(map_location))


def move(tensor: Tensor, map_location: MapLocation) -> Tensor:
    """:func:`place` for a tensor with a storage of its own."""
    memory = tensor.untyped_storage()
    placed = place(memory, 'cpu', map_location)
    return tensor if placed is memory else _view(Storage(placed, tensor.dtype), tensor)


def _view(storage: Storage, like: Tensor) -> Tensor:
    return rebuild_tensor(storage, 0, tuple(like.shape), like.stride())


def rebuild_tensor(
    storage: Storage, offset: int, size: tuple, stride: tuple, *rest: Any
) -> Tensor:
    """A tensor, without the gradient and the hooks that a file may give it.

    Args:
        storage (Storage): Its data.
        offset (int): Of its first element.
        size (tuple): Its shape.
        stride (tuple): Elements between neighbors along each dimension.
        *rest (Any): Whether it needs a gradient, its hooks and its flags.

    Raises:
        RefusedError: If it reaches beyond its storage.
    """
    if type(storage) is not Storage or (len(rest) > 2 and rest[2]):
        raise RefusedError('has a tensor of an unknown kind. Do not use it.')
    if not (isinstance(size, tuple) and isinstance(stride, tuple)):
        raise RefusedError('has a tensor without a shape. Do not use it.')
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(
        type(number) is int and 0 <= number < 2**48 for number in numbers
    ):
        raise RefusedError('has a tensor of an impossible shape. Do not use it.')
    end = offset + 1
    for length, step in zip(size, stride, strict=True):
        end += (length - 1) * step
    available = storage.memory.nbytes() // storage.dtype.itemsize
    if end > available and 0 not in size:
        raise RefusedError('has a tensor that reaches beyond its data. Do not use it.')
    if 0 in size:
        return torch.empty(size, dtype=storage.dtype, device=storage.memory.device)
    tensor = torch.empty(0, dtype=storage.dtype, device=storage.memory.device)
    return tensor.set_(storage.memory, offset, size, stride)


def rebuild_typed_tensor(
    storage: Storage,
    offset: int,
    size: tuple,
    stride: tuple,
    requires_grad: bool,
    hooks: Any,
    dtype: torch.dtype,
    *rest: Any,
) -> Tensor:
    """:func:`rebuild_tensor` for a type that storages have no class for."""
    if type(storage) is not Storage or not isinstance(dtype, torch.dtype):
        raise RefusedError('has a tensor of an unknown kind. Do not use it.')
    typed = Storage(storage.memory, dtype)
    return rebuild_tensor(typed, offset, size, stride, requires_grad, hooks, *rest)

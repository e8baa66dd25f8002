# SPDX-License-Identifier: Apache-2.0
"""Reading the weights of a foreign checkpoint, and nothing else in it.

A checkpoint is a pickle, and a pickle is a program: it names functions and calls them.
The reader here knows dictionaries and tensors. Whatever else a file names (released
checkpoints hold configuration objects of a library that need not be installed) becomes
an inert stand-in, which is made, called and filled without effect.
"""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

URL_PREFIXES = ('http://', 'https://', 'file://')


class CheckpointFileError(ValueError):
    """The file is no checkpoint that can be read, or not of a known layout."""


class _StandIn:
    """Takes the place of a class, a function or what they return; does nothing.

    The methods are those by which unpickling makes and fills objects. They accept any
    arguments because they are called on the class as well as on its instances.
    """

    def __new__(cls, *_args, **_kwargs):
        return super().__new__(cls)

    def __init__(self, *_args, **_kwargs) -> None:
        pass

    def __call__(self, *_args, **_kwargs) -> '_StandIn':
        return _StandIn()

    def _accept(self, *_args) -> None:
        pass

    __setstate__ = __setitem__ = append = extend = add = _accept


class _Mapping(dict):
    """A dictionary whose attributes a file cannot set."""

    def __setstate__(self, _state: Any) -> None:
        """Ignore the attributes, such as the versions in a state dict."""


def _tensor(storage: Any, offset: int, size: tuple, stride: tuple, *_rest) -> Tensor:
    """Rebuild a tensor, without the gradient and the hooks that a file may give it."""
    return torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, {})


class _Function:
    """A function that a file can call, but not alter."""

    __slots__ = ('_function',)

    def __init__(self, function: Callable) -> None:
        self._function = function

    def __call__(self, *args) -> Any:
        return self._function(*args)

    def __setstate__(self, _state: Any) -> None:
        pass


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows dictionaries and tensors; torch adds the types of storages."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ('collections', 'OrderedDict'):
            return _Function(_Mapping)
        if module == 'torch._utils':
            if name in ('_rebuild_tensor', '_rebuild_tensor_v2'):
                return _Function(_tensor)
            if name == '_rebuild_parameter':
                return _Function(lambda data, *_rest: data)
        return type('_StandIn', (_StandIn,), {})


_RESTRICTED_PICKLE = SimpleNamespace(
    __name__='restricted_pickle',
    Unpickler=_RestrictedUnpickler,
    load=lambda file, **kwargs: _RestrictedUnpickler(file, **kwargs).load(),
)


def read_checkpoint(source: str | Path) -> dict[str, Tensor]:
    """Read the weights of a checkpoint without running what is pickled in it.

    Args:
        source (str | Path): A file in either of torch's formats, or its URL. The
            weights are its ``state_dict``, or the whole of it.

    Returns:
        dict[str, Tensor]: Weights by name, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointFileError: If it cannot be downloaded or read, or holds no weights.
    """
    if str(source).startswith(URL_PREFIXES):
        with TemporaryDirectory() as folder:
            return _read_file(_download(str(source), Path(folder)), str(source))
    return _read_file(Path(source), str(source))


def _download(url: str, folder: Path) -> Path:
    path = folder / 'checkpoint'
    try:
        torch.hub.download_url_to_file(url, str(path))
    except OSError as error:
        raise CheckpointFileError(
            f'{url} cannot be downloaded: {error}. Check the address, or download the '
            'file by other means and give its path.'
        ) from error
    return path


def _read_file(path: Path, name: str) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f'Checkpoint {name} does not exist or is no file.')
    content = path.read_bytes()
    _refuse_other_formats(content, name)
    try:
        # From memory: torch would unpack files that are tar archives.
        loaded = torch.load(
            io.BytesIO(content),
            map_location='cpu',
            pickle_module=_RESTRICTED_PICKLE,
            weights_only=False,
        )
    except Exception as error:  # bytes at random can fail in any way
        raise CheckpointFileError(
            f'{name} ({len(content):,} bytes) cannot be read as a checkpoint: '
            f'{type(error).__name__}: {error}. Expected a file written by torch.save; '
            'it may be truncated, so compare its size with the original and download '
            'it again.'
        ) from error
    return _weights(loaded, name)


def _refuse_other_formats(content: bytes, name: str) -> None:
    """Name the usual mistakes; torch's own messages would not."""
    if content.lstrip()[:1] == b'<':
        raise CheckpointFileError(
            f'{name} is a web page and no checkpoint. Open the address in a browser, '
            'download the file and give its path.'
        )
    stream = io.BytesIO(content)
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            members = archive.namelist()
        if any(member.endswith('constants.pkl') for member in members):
            raise CheckpointFileError(
                f'{name} is a TorchScript program; expected a checkpoint of weights.'
            )


def _weights(loaded: Any, name: str) -> dict[str, Tensor]:
    """The weights within what was read, in memory of their own."""
    weights = loaded.get('state_dict', loaded) if isinstance(loaded, dict) else None
    if not weights or not isinstance(weights, dict):
        raise CheckpointFileError(
            f'{name} holds no weights: expected a dictionary of tensors, or one under '
            '"state_dict".'
        )
    wrong = [
        str(key)
        for key, weight in weights.items()
        if not (isinstance(key, str) and type(weight) is Tensor)
    ]
    if wrong:
        raise CheckpointFileError(
            f'{name} holds entries among its weights that are no tensors: '
            f'{", ".join(wrong[:5])}.'
        )
    return {key: weight.clone() for key, weight in weights.items()}

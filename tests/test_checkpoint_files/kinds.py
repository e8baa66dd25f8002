# SPDX-License-Identifier: Apache-2.0
"""Kinds of files that people, accidents and attackers hand to a reader of checkpoints.

Every kind has a writer and, for each route that a file may take, what must come of it:
``OK``, or a pattern that the one line of the error matches. Code in a file, if it ran,
would create the canary.
"""

import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.torch
import torch
from mmengine.logging import HistoryBuffer

from centergroup_mm.conversion.key_mapping import Layout, released_name

OK = ''
ROUTES = (
    *('reader', 'load_from', 'resume', 'checkpoint', 'inferencer'),
    *('convert', 'publish', 'train_once'),
)
# Where the host loads weights into a model.
LOADING = ('load_from', 'resume', 'checkpoint', 'inferencer')


class Kind(NamedTuple):
    """One kind of file.

    Attributes:
        write (Callable): Called with the content of a good checkpoint, the path and
            the canary.
        expected (dict[str, str]): By route.
    """

    write: Callable[[dict, Path, Path], None]
    expected: dict[str, str]


KINDS: dict[str, Kind] = {}

LAYOUT = 'has none of the layouts'
NO_STATE = 'has no .*--resume'


def kind(default: str, **by_route: str) -> Callable:
    """Register a writer under its name.

    Args:
        default (str): What must come of it on every route,
        **by_route (str): but for these; ``loading`` stands for all of ``LOADING``.
    """

    def register(write: Callable) -> Callable:
        loading = by_route.pop('loading', default)
        expected = {route: loading if route in LOADING else default for route in ROUTES}
        KINDS[write.__name__] = Kind(write, {**expected, **by_route})
        return write

    return register


class Calls:
    """Pickles as a call of ``function`` with ``arguments``, then filled."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments, state)

    def __reduce__(self):
        return self.reduced

    def __call__(self):
        """Only things that can be called may be pickled as what is called."""


def saved(content: object, **options) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **options)
    return stream.getvalue()


def zipped(program: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive like torch's around a pickle that was written by hand."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', compression) as archive:
        archive.writestr('archive/data.pkl', program)
        archive.writestr('archive/version', '3')
    return stream.getvalue()


def changed(content: dict, change: Callable[[dict], object]) -> bytes:
    """A good checkpoint with a change; what the change returns takes its place."""
    content = deepcopy(content)
    result = change(content)
    return saved(content if result is None else result)


# Files that are whole.


@kind(OK, convert=LAYOUT)
def good(content, path, _canary):
    path.write_bytes(saved(content))


@kind(OK, convert=LAYOUT)
def good_in_torchs_first_format(content, path, _canary):
    path.write_bytes(saved(content, _use_new_zipfile_serialization=False))


@kind(OK, convert=LAYOUT)
def good_of_a_later_protocol(content, path, _canary):
    path.write_bytes(saved(content, pickle_protocol=4))


@kind(
    OK,
    resume=NO_STATE,
    convert=LAYOUT,
    train_once='another "model"',
)
def good_safetensors(content, path, _canary):
    weights = {k: w.contiguous() for k, w in content['state_dict'].items()}
    path.write_bytes(safetensors.torch.save(weights))


@kind(
    'another "model"', reader=OK, loading='missing in the checkpoint', convert=OK,
    publish=r"another model \(unknown: 'bu_model",
)  # fmt: skip
def released(content, path, _canary):
    path.write_bytes(saved({'state_dict': released_weights(content)}))


def released_weights(content: dict) -> dict:
    return {
        released_name(key, Layout.CENTERGROUP): weight
        for key, weight in content['state_dict'].items()
        if not key.startswith('data_preprocessor.')
    }


# Files that are damaged, or something else.


@kind(r'is empty \(0 bytes\)')
def empty(_content, path, _canary):
    path.write_bytes(b'')


@kind('does not exist')
def missing(_content, path, _canary):
    path.unlink(missing_ok=True)


@kind('is a folder')
def folder(_content, path, _canary):
    path.mkdir()


@kind(r"cannot be read as a checkpoint: it starts with b'weights:'")
def text(_content, path, _canary):
    path.write_text('weights: 1')


@kind('is a web page')
def web_page(_content, path, _canary):
    path.write_text('<!DOCTYPE html><html>Sign in</html>')


@kind('without its end.*truncated')
def truncated(content, path, _canary):
    path.write_bytes(saved(content)[:-30_000])


@kind('without its end')
def cut_by_a_byte(content, path, _canary):
    path.write_bytes(saved(content)[:-1])


@kind('with something behind it')
def with_a_byte_behind(content, path, _canary):
    path.write_bytes(saved(content) + b'\n')


@kind('truncated or damaged')
def truncated_first_format(content, path, _canary):
    whole = saved(content, _use_new_zipfile_serialization=False)
    path.write_bytes(whole[:-30_000])


@kind('BadZipFile.*Bad CRC-32')
def flipped_bit(content, path, _canary):
    whole = bytearray(saved(content))
    whole[len(whole) // 2] ^= 0x40
    path.write_bytes(whole)


@kind('goes on behind its end')
def first_format_with_a_byte_behind(content, path, _canary):
    path.write_bytes(saved(content, _use_new_zipfile_serialization=False) + b'\n')


@kind('cannot be read as a checkpoint')
def truncated_safetensors(content, path, _canary):
    weights = {k: w.contiguous() for k, w in content['state_dict'].items()}
    path.write_bytes(safetensors.torch.save(weights)[:-1000])


@kind('cannot be read as a checkpoint: it starts with')
def pickle_of_a_dictionary(_content, path, _canary):
    path.write_bytes(pickle.dumps({'state_dict': {}}))


@kind('not one of torch.save')
def zip_of_something_else(_content, path, _canary):
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('readme.txt', 'x')


@kind('cannot be read as a checkpoint')
def tar(content, path, _canary):
    with tarfile.open(path, 'w') as archive:
        for name in ('storages', 'tensors', 'pickle'):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b''))


# Files that would run code.


def _commands(canary: Path) -> dict:
    return {
        'state_dict': {'weight': torch.ones(1)},
        'meta': Calls(os.system, f'touch {canary}'),
    }


@kind("names 'posix.system'", convert=LAYOUT)
def command(_content, path, canary):
    path.write_bytes(saved(_commands(canary)))


@kind("names 'posix.system'", convert=LAYOUT)
def command_in_torchs_first_format(_content, path, canary):
    path.write_bytes(saved(_commands(canary), _use_new_zipfile_serialization=False))


@kind('cannot be read as a checkpoint: it starts with')
def command_in_a_bare_pickle(_content, path, canary):
    path.write_bytes(pickle.dumps(_commands(canary)['meta'], protocol=2))


@kind('an odd attribute')
def attribute_of_a_log(_content, path, canary):
    touch = Calls(getattr, HistoryBuffer, '__init__')
    content = {'state_dict': {'weight': torch.ones(1)}, 'meta': touch}
    path.write_bytes(saved(content))


class Program(torch.nn.Module):
    """As a TorchScript program it writes to a file when it is loaded."""

    def __init__(self, canary: str) -> None:
        super().__init__()
        self.canary = canary

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.canary, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.canary = state[0]
        self.training = state[1]
        torch.from_file(state[0], True, 4)


def program(canary: Path) -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(Program(str(canary))), stream)
    return stream.getvalue()


@kind('is a TorchScript program')
def torchscript(_content, path, canary):
    path.write_bytes(program(canary))


@kind('without its end, or with something behind it')
def torchscript_disguised(_content, path, canary):
    """torch finds the end of this archive, Python's zipfile does not."""
    path.write_bytes(program(canary) + b'PK\x05\x06abcd')


def _config_code(canary: Path) -> str:
    return f'x = __import__("pathlib").Path({str(canary)!r}).touch()'


@kind(OK, convert=LAYOUT, train_once='holds settings that no training has written')
def code_in_meta_cfg(content, path, canary):
    path.write_bytes(changed(content, lambda c: c['meta'].update(cfg=_code(c, canary))))


def _code(content: dict, canary: Path) -> str:
    return content['meta']['cfg'] + '\n' + _config_code(canary)


@kind(OK, convert=LAYOUT)
def code_in_meta_config(content, path, canary):
    path.write_bytes(
        changed(content, lambda c: c['meta'].update(config=_config_code(canary)))
    )


@kind(OK, convert=LAYOUT)
def code_in_the_logs(content, path, canary):
    def change(c):
        c['message_hub']['runtime_info']['cfg'] = _config_code(canary)

    path.write_bytes(changed(content, change))


# Files that would break into memory, or use it up.


@kind('holds an odd type')
def type_with_a_wild_offset(_content, path, _canary):
    fields = {'a': (np.dtype('O'), 10**9)}
    state = (3, '|', None, ('a',), fields, 8, 1, 16)
    wild = Calls(np.dtype, 'V8', False, True, state=state)
    path.write_bytes(saved({'state_dict': {'weight': torch.ones(1)}, 'meta': wild}))


@kind('holds an array without a type')
def array_at_an_address(_content, path, _canary):
    array = Calls(np.ndarray, (1,), 'O', b'AAAAAAAA')
    path.write_bytes(saved({'state_dict': {'weight': torch.ones(1)}, 'meta': array}))


@kind('holds an odd array')
def array_of_pointers(_content, path, _canary):
    reconstruct, arguments, state = np.array([1.0]).__reduce__()
    state = (1, (1,), np.dtype('O'), False, b'AAAAAAAA')
    array = Calls(reconstruct, *arguments, state=state)
    path.write_bytes(saved({'state_dict': {'weight': torch.ones(1)}, 'meta': array}))


@kind(OK, convert=LAYOUT)
def log_that_alters_its_class(content, path, _canary):
    state = {
        **dict(_log_history=np.ones(1), _count_history=np.ones(1), max_length=9),
        'statistics_methods': {'mean': HistoryBuffer.max},
    }
    log = Calls(HistoryBuffer, state=state)
    path.write_bytes(
        changed(content, lambda c: c['message_hub']['log_scalars'].update(x=log))
    )


@kind('a tensor that reaches beyond its data')
def tensor_beyond_its_data(_content, path, _canary):
    wild = Calls(
        torch._utils._rebuild_tensor_v2,
        torch.zeros(3)._typed_storage(),
        *(0, (10**6,), (1,), False, OrderedDict()),
    )
    path.write_bytes(saved({'state_dict': {'weight': wild}}))


@kind('is a compressed archive')
def zip_bomb(_content, path, _canary):
    path.write_bytes(zipped(bytes(300_000_000), zipfile.ZIP_DEFLATED))


@kind('does not add up')
def zip_of_overlapping_records(_content, path, _canary):
    """A thousand names for one record."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        archive.writestr('archive/data.pkl', b'\x80\x02}.')
        archive.writestr('archive/data/0', bytes(1_000_000))
        (record,) = (r for r in archive.filelist if r.filename.endswith('/0'))
        for number in range(1, 1000):
            twin = deepcopy(record)
            twin.filename = f'archive/data/{number}'
            archive.filelist.append(twin)
    path.write_bytes(stream.getvalue())


@kind('two records of one name')
def zip_with_a_name_twice(_content, path, _canary):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        for program in (b'\x80\x02}.', b'\x80\x02].'):
            archive.writestr('archive/data.pkl', program)
    path.write_bytes(stream.getvalue())


@kind(
    'holds no weights', reader=OK, publish='has no "state_dict"',
    train_once='another "model"',
)  # fmt: skip
def memo_of_a_great_number(_content, path, _canary):
    path.write_bytes(zipped(b'\x80\x02}r' + struct.pack('<I', 2**28) + b'.'))


@kind('is made to exhaust')
def copies_of_a_text(_content, path, _canary):
    spell = b'c_codecs\nencode\nq\x00X' + struct.pack('<I', 2**20) + b'a' * 2**20
    spell += b'q\x01X\x06\x00\x00\x00latin1\x86q\x02R'
    path.write_bytes(zipped(b'\x80\x02](' + spell + b'h\x00h\x02R' * 5000 + b'e.'))


@kind('is made to exhaust')
def a_million_sets(_content, path, _canary):
    path.write_bytes(zipped(b'\x80\x04](' + b'\x8f' * 1_000_000 + b'e.'))


@kind('has a key that is an object of type tuple')
def key_that_takes_for_ever(_content, path, _canary):
    path.write_bytes(zipped(b'\x80\x02})' + b'q\x00h\x00\x86' * 60 + b'Ns.'))


@kind('nests its entries without end')
def tree_that_takes_for_ever(_content, path, _canary):
    path.write_bytes(zipped(b'\x80\x02)' + b'q\x00h\x00\x86' * 60 + b'.'))


@kind('nests its entries without end')
def hundred_thousand_levels(_content, path, _canary):
    path.write_bytes(zipped(b'\x80\x02' + b']' * 100_000 + b'a' * 99_999 + b'.'))


@kind('nests its entries without end')
def list_within_itself(_content, path, _canary):
    path.write_bytes(zipped(b'\x80\x02]q\x00h\x00a.'))


@kind('has less data than its tensors')
def first_format_with_a_great_number(_content, path, _canary):
    whole = saved({'w': torch.zeros(3)}, _use_new_zipfile_serialization=False)
    path.write_bytes(whole.replace(b'K\x03Nt', b'J\xff\xff\xff\x7fNt'))


@kind(
    OK, loading='of another shape', convert=LAYOUT, publish='repeat a few numbers'
)  # fmt: skip
def giant_of_one_number(content, path, _canary):
    giant = torch.zeros(1).expand(2_000_000_000)
    path.write_bytes(
        changed(content, lambda c: c['state_dict'].update({A_WEIGHT: giant}))
    )


# Files that hold something else than their weights should be.

A_WEIGHT = 'head.detector.final_layers.0.bias'


@kind(OK, loading='not finite', convert='not finite', publish='not finite')
def nan(content, path, _canary):
    def change(c):
        c['state_dict'][A_WEIGHT][0] = float('nan')

    path.write_bytes(changed(content, change))


@kind(OK, convert=LAYOUT)
def half_precision(content, path, _canary):
    def change(c):
        c['state_dict'] = {
            key: weight.half() if weight.is_floating_point() else weight
            for key, weight in c['state_dict'].items()
        }

    path.write_bytes(changed(content, change))


@kind(OK, convert=LAYOUT)
def of_several_devices(content, path, _canary):
    def change(c):
        c['state_dict'] = {f'module.{k}': w for k, w in c['state_dict'].items()}

    path.write_bytes(changed(content, change))


@kind(
    OK, loading='has no "state_dict"', convert='no tensors',
    publish='has no "state_dict"',
)  # fmt: skip
def averaged_weights_only(content, path, _canary):
    def change(c):
        c['ema_state_dict'] = c.pop('state_dict')

    path.write_bytes(changed(content, change))


@kind(OK, loading='of another shape', convert=LAYOUT)
def of_other_keypoints(content, path, _canary):
    def change(c):
        weights = c['state_dict']
        weights[A_WEIGHT] = torch.zeros(len(weights[A_WEIGHT]) - 6)

    path.write_bytes(changed(content, change))


@kind(
    'another "model"', reader=OK, loading='missing in the checkpoint', convert=LAYOUT,
    publish='another model',
)  # fmt: skip
def of_another_model(_content, path, _canary):
    weights = torch.nn.Sequential(torch.nn.Linear(2, 2)).state_dict()
    path.write_bytes(saved({'state_dict': weights, 'meta': {'epoch': 1, 'iter': 1}}))


@kind(
    'holds no weights|has no "state_dict"', reader=OK, loading='type list',
    train_once='another "model"',
)  # fmt: skip
def a_list(_content, path, _canary):
    path.write_bytes(saved([torch.ones(1)]))


@kind(OK, loading="no tensors: '", convert='no tensors', publish='no tensors')
def text_as_a_weight(content, path, _canary):
    path.write_bytes(
        changed(content, lambda c: c['state_dict'].update({A_WEIGHT: 'x'}))
    )


@kind(
    OK, loading="type list as 'state_dict'", convert='holds no weights',
    publish='has no "state_dict" with weights',
)  # fmt: skip
def weights_in_a_list(content, path, _canary):
    path.write_bytes(changed(content, lambda c: c.update(state_dict=[1])))


@kind(OK, resume=NO_STATE, convert=LAYOUT, train_once='another "model"')
def meta_of_none(content, path, _canary):
    path.write_bytes(changed(content, lambda c: c.update(meta=None)))


@kind(
    'another "model"', reader=OK, loading=OK, resume=NO_STATE, convert=LAYOUT,
    publish='has no "state_dict"',
)  # fmt: skip
def weights_alone(content, path, _canary):
    path.write_bytes(changed(content, lambda c: c['state_dict']))


@kind(OK, resume=NO_STATE, convert=LAYOUT)
def without_logs(content, path, _canary):
    path.write_bytes(changed(content, lambda c: c.pop('message_hub') and None))


@kind(OK, loading="type str as 'iter'", convert=LAYOUT)
def iteration_that_is_a_text(content, path, _canary):
    path.write_bytes(changed(content, lambda c: c['meta'].update(iter='x')))


@kind(OK, loading='without proper names', convert='no tensors', publish='no tensors')
def weights_with_numbers_as_names(content, path, _canary):
    def change(c):
        c['state_dict'] = dict(enumerate(c['state_dict'].values()))

    path.write_bytes(changed(content, change))

# SPDX-License-Identifier: Apache-2.0
"""Reading of pickles as data: an interpreter of the few instructions that data needs.

A pickle is a program that names functions and calls them. The standard library tells
its instructions apart (``pickletools``); what they do is decided here. Nothing is
imported, no attribute is looked up, and only what a table serves can be called.
"""

import pickletools
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from .budget import Budget
from .errors import RefusedError, shown
from .objects import Function, Pending, StandIn, checked_key, kind_of, set_versions

# What an instruction may cost in memory: the largest object that one makes is a set.
_INSTRUCTION_COST = 128
_SET_COST = 256
_LONGEST_NAME = 1000

_CONSTANTS = {'NONE': None, 'NEWTRUE': True, 'NEWFALSE': False}
_NUMBERS = {'BININT', 'BININT1', 'BININT2', 'LONG1', 'BINFLOAT'}
_TEXTS = {
    *('BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8', 'SHORT_BINSTRING', 'BINSTRING'),
    *('BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8', 'BYTEARRAY8'),
}
_NEW_CONTAINERS = {'EMPTY_TUPLE': tuple, 'EMPTY_LIST': list, 'EMPTY_DICT': dict}
_TUPLE_SIZES = {'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}
_MAPPINGS = (dict, OrderedDict, Counter)
_COPIED = (str, bytes, bytearray, list, tuple, *_MAPPINGS)


class Interpreter:
    """Reads one pickle.

    Args:
        served (Mapping): By ``module.name``: a :class:`Function`, or a constant.
        budget (Budget): What the objects may cost.
        load_storage (Callable, optional): From the identity of a storage, a tuple, to
            what takes its place.
        stand_ins (bool): Whether names that are not served become stand-ins; by
            default they are an error.
    """

    def __init__(
        self,
        served: Mapping[str, Any],
        budget: Budget,
        load_storage: Callable[[tuple], Any] | None = None,
        stand_ins: bool = False,
    ) -> None:
        self._served = served
        self._budget = budget
        self._load_storage = load_storage
        self._stand_ins = stand_ins
        self._stack: list[Any] = []
        self._outer_stacks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self, stream: BinaryIO) -> Any:
        """Read up to the end of the pickle.

        Args:
            stream (BinaryIO): Left right behind the pickle.

        Raises:
            RefusedError: If the file names what is not served, or misuses what is.
            Exception: Of many kinds, if the file is damaged.
        """
        for opcode, argument, _ in pickletools.genops(stream):
            name = opcode.name
            self._budget.charge(_INSTRUCTION_COST)
            if name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name])
            elif name in _NUMBERS:
                self._stack.append(argument)
            elif name in _TEXTS:
                self._budget.charge(sys.getsizeof(argument))
                self._stack.append(argument)
            elif name in _NEW_CONTAINERS:
                self._stack.append(_NEW_CONTAINERS[name]())
            elif name in _TUPLE_SIZES:
                size = _TUPLE_SIZES[name]
                self._stack[-size:] = [tuple(self._stack[-size:])]
            elif name == 'STOP':
                return self._stack.pop()
            elif step := _STEPS.get(name):
                step(self, argument)
            else:
                raise RefusedError(
                    f'holds the instruction {name}, which no checkpoint has. Do not '
                    'use it.'
                )
        raise AssertionError('pickletools raises an error when STOP is missing')

    def _ignore(self, _argument: Any) -> None:
        """The protocol and the frames change nothing."""

    def _mark(self, _argument: Any) -> None:
        self._outer_stacks.append(self._stack)
        self._stack = []

    def _to_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._outer_stacks.pop()
        return items

    def _pop(self, _argument: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._to_mark()

    def _pop_mark(self, _argument: Any) -> None:
        self._to_mark()

    def _tuple(self, _argument: Any) -> None:
        items = self._to_mark()
        self._stack.append(tuple(items))

    def _empty_set(self, _argument: Any) -> None:
        self._budget.charge(_SET_COST)
        self._stack.append(set())

    def _frozen_set(self, _argument: Any) -> None:
        self._budget.charge(_SET_COST)
        items = self._to_mark()
        self._stack.append(frozenset(map(checked_key, items)))

    def _append(self, _argument: Any) -> None:
        self._extend([self._stack.pop()], list, list.extend)

    def _appends(self, _argument: Any) -> None:
        self._extend(self._to_mark(), list, list.extend)

    def _add_items(self, _argument: Any) -> None:
        self._extend(list(map(checked_key, self._to_mark())), set, set.update)

    def _extend(self, items: list, kind: type, extend: Callable) -> None:
        target = self._stack[-1]
        if type(target) is kind:
            extend(target, items)
        elif type(target) is not StandIn:
            raise RefusedError(f'adds items to {kind_of(target)}. Do not use it.')

    def _set_item(self, _argument: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_pairs([key, value])

    def _set_items(self, _argument: Any) -> None:
        self._set_pairs(self._to_mark())

    def _set_pairs(self, items: list) -> None:
        target = self._stack[-1]
        if type(target) is StandIn:
            return
        if type(target) not in _MAPPINGS:
            raise RefusedError(f'sets entries of {kind_of(target)}. Do not use it.')
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def _get(self, index: int) -> None:
        found = self._memo[index]
        if type(found) is Pending:
            if not found.built:
                raise RefusedError('refers to an unfinished object. Do not use it.')
            found = found.value
        self._stack.append(found)

    def _put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _memoize(self, _argument: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _global(self, argument: str) -> None:
        self._stack.append(self._find(*argument.split(' ', 1)))

    def _stack_global(self, _argument: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(self._find(module, name))

    def _find(self, module: Any, name: Any) -> Any:
        # Before they are shown: other objects may take for ever, long texts much.
        for part in (module, name):
            if type(part) is not str or len(part) > _LONGEST_NAME:
                raise RefusedError(
                    'names something by what is no name. It is damaged, or made to do '
                    'harm: do not use it.'
                )
        # Python 2, and so the protocol that torch writes, has other names for two.
        module = 'builtins' if module == '__builtin__' else module
        if f'{module}.{name}' in self._served:
            return self._served[f'{module}.{name}']
        if self._stand_ins:
            return StandIn()
        raise RefusedError(
            f'names {shown(f"{module}.{name}")}, which is not needed for weights and '
            'might run code. Nothing was run. If you trust the file, save its weights '
            'alone: torch.save({"state_dict": model.state_dict()}, FILE).'
        )

    def _call(self, _argument: Any) -> None:
        arguments = self._stack.pop()
        function = self._stack.pop()
        self._stack.append(self._result(function, arguments))

    def _call_with_names(self, _argument: Any) -> None:
        named = self._stack.pop()
        arguments = self._stack.pop()
        function = self._stack.pop()
        if named and type(function) is not StandIn:
            raise RefusedError('makes an object in an unknown way. Do not use it.')
        self._stack.append(self._result(function, arguments))

    def _result(self, function: Any, arguments: tuple) -> Any:
        if type(function) is StandIn:
            return function
        if type(function) is not Function or type(arguments) is not tuple:
            raise RefusedError(f'calls {kind_of(function)}. Do not use it.')
        self._charge_for_copies(arguments)
        return function.call(*arguments)

    def _charge_for_copies(self, arguments: Any) -> None:
        """What a call is given may be copied, as often as the file says so."""
        for argument in arguments if type(arguments) is tuple else ():
            if type(argument) in _COPIED:
                self._budget.charge(2 * sys.getsizeof(argument))

    def _build(self, _argument: Any) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if type(target) is Pending:
            if not target.built:
                self._charge_for_copies(state)
                target.value = target.build(state)
                target.built = True
            self._stack[-1] = target.value
        elif type(target) is OrderedDict:
            set_versions(target, state)
        elif type(target) is not StandIn:
            raise RefusedError(f'alters {kind_of(target)}. Do not use it.')

    def _persistent(self, _argument: Any) -> None:
        identity = self._stack.pop()
        if self._load_storage is None or type(identity) is not tuple:
            raise RefusedError('refers to storages where none can be. Do not use it.')
        self._stack.append(self._load_storage(identity))


_STEPS = {
    'PROTO': Interpreter._ignore,
    'FRAME': Interpreter._ignore,
    'MARK': Interpreter._mark,
    'POP': Interpreter._pop,
    'POP_MARK': Interpreter._pop_mark,
    'TUPLE': Interpreter._tuple,
    'EMPTY_SET': Interpreter._empty_set,
    'FROZENSET': Interpreter._frozen_set,
    'APPEND': Interpreter._append,
    'APPENDS': Interpreter._appends,
    'ADDITEMS': Interpreter._add_items,
    'SETITEM': Interpreter._set_item,
    'SETITEMS': Interpreter._set_items,
    'BINGET': Interpreter._get,
    'LONG_BINGET': Interpreter._get,
    'BINPUT': Interpreter._put,
    'LONG_BINPUT': Interpreter._put,
    'MEMOIZE': Interpreter._memoize,
    'GLOBAL': Interpreter._global,
    'STACK_GLOBAL': Interpreter._stack_global,
    'REDUCE': Interpreter._call,
    'NEWOBJ': Interpreter._call,
    'NEWOBJ_EX': Interpreter._call_with_names,
    'BUILD': Interpreter._build,
    'BINPERSID': Interpreter._persistent,
}

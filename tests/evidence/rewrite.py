# SPDX-License-Identifier: BSD-2-Clause
"""The verifier's own code with a few words of its source exchanged, in this process and for a while.

A change is told as text, so that one which no longer fits its module is an
error and not a change of nothing. Running functions get the code that the
changed source compiles to, wherever they are referred to; constants of the
module are exchanged in every module that imported them.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Edit:
    """``old`` stands once in the source of ``verifier.MODULE``; ``new`` takes its place."""

    module: str
    old: str
    new: str

    @property
    def path(self) -> Path:
        """The file of the module."""
        stem = ROOT.joinpath("verifier", *self.module.split("."))
        return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def edited(source: str, edits: Iterable[Edit]) -> str:
    """The source with the edits made. Raises LookupError for one whose text is missing or not unique."""
    for edit in edits:
        if source.count(edit.old) != 1:
            raise LookupError(f"verifier.{edit.module}: found {source.count(edit.old)} times: {edit.old!r}")
        source = source.replace(edit.old, edit.new)
    return source


@contextmanager
def rewritten(edits: Iterable[Edit]) -> Iterator[None]:
    """The verifier with these edits, as long as the block runs. Raises LookupError."""
    by_module: dict[str, list[Edit]] = {}
    for edit in edits:
        by_module.setdefault(edit.module, []).append(edit)
    undo: list[tuple[object, str, object]] = []
    try:
        for name, group in by_module.items():
            _rewrite(importlib.import_module(f"verifier.{name}"), group, undo)
        _forget()
        yield
    finally:
        for target, attribute, value in reversed(undo):
            setattr(target, attribute, value)
        _forget()


def _forget() -> None:
    """Empty the verifier's caches: what other code has put there is not for this one."""
    for key, module in list(sys.modules.items()):
        if key.startswith("verifier."):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def _rewrite(module: ModuleType, edits: list[Edit], undo: list[tuple[object, str, object]]) -> None:
    path = edits[0].path
    source = path.read_text(encoding="utf-8")
    old = compile(source, str(path), "exec", dont_inherit=True)
    new = compile(edited(source, edits), str(path), "exec", dont_inherit=True)
    codes = {_identity(before): after for before, after in _pairs(old, new) if _identity(before) != _identity(after)}
    functions = [one for one in gc.get_objects() if type(one) is FunctionType and one.__module__ == module.__name__]
    changed = 0
    for function in functions:
        code = codes.get(_identity(function.__code__))
        if code is not None:
            if len(code.co_freevars) != len(function.__code__.co_freevars):
                raise LookupError(f"{module.__name__}: {code.co_qualname}: the change uses other names around it")
            undo.append((function, "__code__", function.__code__))
            undo.append((function, "__dict__", dict(function.__dict__)))
            function.__code__ = code
            changed += 1
    changed += _constants(module, new, undo)
    if not changed:
        raise LookupError(f"{module.__name__}: the change reaches nothing that runs")


def _identity(code: CodeType) -> tuple[object, ...]:
    """What tells code objects apart, whether they have run or not; place is part of it."""
    inner = tuple(_identity(one) if isinstance(one, CodeType) else (type(one), repr(one)) for one in code.co_consts)
    return code.co_qualname, code.co_firstlineno, code.co_code, inner, code.co_names, tuple(code.co_positions())


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The functions of two versions of a module, one by one.

    Where a function was given other functions inside, only the outer one is: what runs already keeps its inner ones.
    """
    inner = [[one for one in code.co_consts if isinstance(one, CodeType)] for code in (old, new)]
    if [one.co_name for one in inner[0]] != [one.co_name for one in inner[1]]:
        return
    for before, after in zip(*inner, strict=True):
        yield before, after
        yield from _pairs(before, after)


_PLAIN = (int, str, bytes, tuple, frozenset, dict)


def _constants(module: ModuleType, new: CodeType, undo: list[tuple[object, str, object]]) -> int:
    """Exchange the module's plain constants that differ, wherever they were imported; the number of places."""
    fresh = ModuleType(module.__name__)
    fresh.__dict__.update({"__file__": module.__file__, "__package__": module.__package__})
    sys.modules[module.__name__] = fresh  # dataclasses look their module up
    try:
        exec(new, fresh.__dict__)  # noqa: S102 - our own source
    finally:
        sys.modules[module.__name__] = module
    count = 0
    for name, value in vars(fresh).items():
        before = vars(module).get(name)
        if name.startswith("__") or not isinstance(value, _PLAIN) or type(value) is not type(before):
            continue
        if not _data(value) or value == before:
            continue
        for other in [one for key, one in sys.modules.items() if key.startswith("verifier.")]:
            for attribute, held in list(vars(other).items()):
                if held is before and (other is module or not isinstance(before, int) or attribute == name):
                    undo.append((other, attribute, before))
                    setattr(other, attribute, value)
                    count += 1
    return count


def _data(value: object) -> bool:
    """Whether a value is numbers and words only: two evaluations of it are equal."""
    match value:
        case int() | str() | bytes() | None:
            return True
        case tuple() | frozenset():
            return all(map(_data, value))
        case dict():
            return all(_data(one) for pair in value.items() for one in pair)
        case _:
            return False

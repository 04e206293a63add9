# SPDX-License-Identifier: BSD-2-Clause
"""``--shard I/N``: the inputs of one run spread over N calls, perhaps on as many machines.

Input number i, counted from 1, is in shard I if i - I is a multiple of N. That needs no knowledge of the inputs, so
every machine that sees the same list chooses the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import fields
from typing import TypeVar

from verifier.model import Shard
from verifier.options import Options
from verifier.report.words import counted

MOST = 10_000
"""Shards of one run: a number far above it is a mistake."""

_NOT_ABOUT_VERDICTS = frozenset({"listing", "cache", "emit_smt2", "certificate"})
"""Options that say what is written, and where: machines may differ in them."""

_T = TypeVar("_T")


Listed = tuple[str, str, Options]
"""An input: its path, its name in fingerprints, its options."""


def shard(text: str) -> tuple[int, int]:
    """(I, N) from "I/N", 1 <= I <= N <= MOST. Raises argparse.ArgumentTypeError."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text, re.ASCII)
    index, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= of <= MOST:
        raise argparse.ArgumentTypeError(f"I/N with 1 <= I <= N <= {MOST} is needed, as in 2/3, not {text!r}")
    return index, of


def positions(index: int, of: int, inputs: int) -> range:
    """The positions, from 0, that shard ``index`` of ``of`` has of so many inputs; perhaps none."""
    return range(index - 1, inputs, of)


def in_shard(inputs: Sequence[_T], chosen: Shard) -> tuple[_T, ...]:
    """The inputs that a shard has, in their order."""
    return tuple(inputs[one] for one in positions(chosen.index, chosen.of, len(inputs)))


def shard_of(chosen: tuple[int, int], inputs: Sequence[Listed]) -> Shard:
    """The shard (index, of) of a run over ``inputs``, which are all of that run."""
    return Shard(*chosen, len(inputs), selection(inputs))


def selection(inputs: Sequence[Listed]) -> str:
    """SHA-256, in hex, of the list of all inputs with the options that decide verdicts."""
    listed = [[path, key, _plain(options)] for path, key, options in inputs]
    return hashlib.sha256(json.dumps(listed, ensure_ascii=True).encode("ascii")).hexdigest()


def _plain(options: Options) -> list[tuple[str, object]]:
    told = [(field.name, getattr(options, field.name)) for field in fields(Options)]
    return [(name, value) for name, value in told if name not in _NOT_ABOUT_VERDICTS]


def announced(chosen: Shard, verified: int) -> str:
    """What a person is told of the shard, in which so many inputs are verified."""
    text = f"shard {chosen.index} of {chosen.of}: {verified} of {counted(chosen.inputs, 'input')}"
    if verified:
        return text
    return f"{text}; nothing is verified here, so this part alone is no pass"

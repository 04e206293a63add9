# SPDX-License-Identifier: BSD-2-Clause
"""The mutants of the verifier's code are what they say, and the runner tells those that samples notice."""

from __future__ import annotations

import ast

import pytest
from code_mutants import CodeMutant, mutants, mutated
from mutant_ground import TRUSTED, Ground, path_of
from verifier_mutants import checks_for, covering, explained, judged, keys

SOURCE = '''
"""A text."""
LIMIT = 7


def step(state: State, name: str) -> bool:
    """Another text."""
    if name in ("cf", "zf") and state.known:
        state.put(name, 1)
    if state.left < LIMIT:
        raise ValueError("no such flag")
    return not state.ready
'''


def texts(source: str) -> set[str]:
    """All mutants of a source as OPERATOR: TEXT."""
    return {f"{one.operator}: {one.text}" for one in mutants("m", source)}


@pytest.mark.parametrize(
    "text",
    [
        "constant: 7 -> 8",
        "constant: 7 -> 6",
        "comparison: name in ('cf', 'zf') -> name not in ('cf', 'zf')",
        "comparison: state.left < LIMIT -> state.left <= LIMIT",
        "and/or: name in ('cf', 'zf') and state.known -> name in ('cf', 'zf') or state.known",
        "condition dropped: name in ('cf', 'zf') and state.known -> state.known",
        "word: 'cf' -> 'cf?'",
        "arguments swapped: state.put(name, 1) -> state.put(1, name)",
        "statement removed: state.put(name, 1) -> pass",
        "not dropped: not state.ready -> state.ready",
        "result replaced: return not state.ready -> return None",
    ],
)
def test_every_operator_is_used(text: str) -> None:
    """Each kind of change is made where there is a place for it."""
    assert text in texts(SOURCE)


def test_texts_and_errors_are_left_alone() -> None:
    """Docstrings, annotations and what is raised are no code that a verdict depends on."""
    changed = {one for one in texts(SOURCE) if one.startswith(("word", "constant"))}
    assert not any("text" in one or "no such flag" in one or "State" in one for one in changed)


@pytest.mark.parametrize("module", TRUSTED)
def test_mutants_of_trusted_code_compile(module: str) -> None:
    """Each trusted module exists; its first, middle and last mutant differ from it and are programs."""
    source = path_of(module).read_text(encoding="utf-8")
    found = mutants(module, source)
    plain = ast.unparse(ast.parse(source))
    for one in (found[0], found[len(found) // 2], found[-1]) if found else ():
        tree = mutated(source, one.number)
        compile(tree, module, "exec")
        assert ast.unparse(tree) != plain


def change(module: str, text: str) -> CodeMutant:
    """The mutant of a module whose text begins so."""
    source = path_of(module).read_text(encoding="utf-8")
    return next(one for one in mutants(module, source) if f"{one.operator}: {one.text}".startswith(text))


def test_runner_tells_what_a_sample_notices() -> None:
    """A SWAPGS that forgets a base is killed by a proved sample; a prefix that it does not have changes nothing."""
    wrong = change("isa.swapgs", "statement removed: machine.put('gs_base', inactive)")
    harmless = change("isa.swapgs", "constant: 243 -> 244")
    name = "canonical-sign-extend.S"
    lines = {"isa.swapgs": frozenset({wrong.line, harmless.line})}
    known = [Ground(name, 0.1, {}, lines)]
    assert [one.name for one in covering(wrong, known)] == [name]
    assert [one.name for one in covering(harmless, known)] == [name]
    assert not covering(change("isa.msr", "constant: 31 ->"), [Ground(name, 0.1, {}, lines | {"isa.msr": frozenset()})])
    results = {one.mutant: one for one in judged([wrong, harmless], known, jobs=2, quick=True)}
    assert results[wrong].outcome == "killed"
    assert results[wrong].by.startswith(name)
    assert results[harmless].outcome == "survived"


def test_explanations_are_of_mutants_that_exist() -> None:
    """An explanation whose code has changed is out of date; each says something."""
    known = {name for module in TRUSTED for name in keys(module).values()}
    assert set(explained()) <= known
    assert all(explained().values())


def test_modules_have_checks_for_their_own() -> None:
    """What no sample notices in the instructions' models is given to the tests of these models."""
    assert checks_for("isa.swapgs") == checks_for("isa")
    assert all((path_of("terms").parents[1] / name).exists() for module in TRUSTED for name in checks_for(module))

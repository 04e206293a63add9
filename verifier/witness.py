# SPDX-License-Identifier: BSD-2-Clause
"""A least machine for which two versions differ, followed and run on the emulator in both."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.alignment import Alignment, Renamed
from verifier.confirm import confirm, in_conflict
from verifier.counterexample import Setting, concrete_machine, concrete_view, exit_facts, followed
from verifier.ends import End, end_of, outcome_view
from verifier.exploring import Survey
from verifier.model import Config, Input, OutcomeView
from verifier.records import record
from verifier.solver import Model
from verifier.terms import Truth


@record
class Witness:
    """A machine with where it goes in both versions; ``wrong``: HEAD does not give what the frame says."""

    inputs: tuple[Input, ...]
    base: OutcomeView | None
    head: OutcomeView | None
    base_end: str
    head_end: str
    differs: tuple[str, ...]
    wrong: bool


@record
class _Arrived:
    """One side's end of the machine, and the values of what it gives there."""

    end: End
    values: tuple[tuple[str, int], ...]
    outcome: OutcomeView | None
    wrong: bool


def witness(
    setting: Setting, joint: Alignment, base: Survey, head: Survey, config: Config, query: Sequence[Truth]
) -> Witness | str:
    """The least machine for ``query``, which ``setting`` with the symbols of both versions asks; or why there is none.

    What the two sides predict of it is borne out by the emulator, as far as they exit.
    """
    found = concrete_machine(setting, config, query)
    if found is None:
        return "the solver found no least machine for which they differ"
    model, inputs = found
    strange = [one.name for one in inputs if one.name in joint.alone]
    if strange:
        return f"they differ in what depends on {strange[0]}, of which it is not known what it is in the other version"
    mine = base.setting.entry.state.shared.layout.symbols
    # The addresses of HEAD's own globals are those of another image.
    symbols = [
        one
        for one in setting.entry.state.shared.layout.symbols
        if one.place is None or one.place.root is not None or mine.find(one.name) is one
    ]
    if in_conflict(symbols, model):
        return "they differ where two pointers are equal, and what they point to was taken for different memory"
    arrived: list[_Arrived] = []
    for survey, here, side in ((base, model, "BASE"), (head, Renamed(model, joint.concrete), "HEAD")):
        one = _followed(survey, config, here)
        if isinstance(one, str):
            return f"{side}: {one}"
        arrived.append(one)
    left, right = arrived
    there = dict(right.values)
    differs = tuple(name for name, value in left.values if name in there and there[name] != value)
    return Witness(
        inputs, left.outcome, right.outcome, left.end.name, right.end.name, differs, right.wrong,
    )  # fmt: skip


def _followed(survey: Survey, config: Config, model: Model) -> _Arrived | str:
    """Where the machine goes in one version, or why that is not sure."""
    setting = survey.setting
    trace = followed(setting, model)
    if trace.leaf is None:
        return "the lifted semantics do not take one path"
    end = end_of(survey, trace.leaf)
    given = tuple((name, model.value(term)) for name, term in end.fields)
    if end.path is None:
        return _Arrived(end, given, None, False)
    view = concrete_view(end.path.view, model)
    facts = exit_facts(setting, config, trace.leaf.state, end.path.reference, view, model)
    said = confirm(setting.image, setting.entry, trace, model, facts)
    if not said.agrees:
        return said.note
    return _Arrived(end, given, outcome_view(view), model.holds(end.wrong))

# SPDX-License-Identifier: BSD-2-Clause
"""Asks explain-frame about many frames, and runs other machines with the same values on the emulator; docs/evidence.md.

python tests/evidence/frames.py [SAMPLE ...] [--frames N] [--every K] [--jobs J] [--seed S] [--write]

Each question has the words of a frame, all or some of them: boundary values, values that belong together, random ones.
The machines that are run have these values, and random ones in all else that the contract leaves open. Each has to
end in a way that the answer names, with the state that it tells, past the guard that it says decided.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.progress import Progress

from verifier.confirm import as_it_runs, request
from verifier.counterexample import _links, _wishes
from verifier.exploring import Survey
from verifier.fastpath import fast_conditions
from verifier.frameanswer import Answer, Delivered, FastExit, Way
from verifier.frameleft import left
from verifier.framequestion import answers, goes, user_frame
from verifier.frameturns import Known
from verifier.framewords import Told, at_exit, by_name, resolved
from verifier.insights import Condition
from verifier.lift.explore import Leaf
from verifier.lift.symbols import Symbols
from verifier.minimise import place
from verifier.model import GPRS, Config, UserError
from verifier.opening import opened
from verifier.options import Options
from verifier.pipeline import surveyed
from verifier.projection import truth_of
from verifier.prove import config_condition, exactness
from verifier.replay import ReplayResult, replay
from verifier.solver import Model, Solver
from verifier.terms import Truth, as_term, eq
from verifier.trace import follow

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
FULL = (1 << 64) - 1

EDGES = (47, 48, 56, 57, 63)
ADDRESSES = (
    *(0, 1, 0x401000, 0x7FFFFFFFEFFF, 0x7FFFFFFFF000, 0xFFFFFFFFFF600000, FULL),
    *((1 << edge) + near & FULL for edge in EDGES for near in (-1, 0, 1)),
    *(-(1 << edge) + near & FULL for edge in EDGES for near in (-1, 0, 1)),
)
"""Where the halves of the address space begin and end under both pagings, and their neighbours."""

FLAGS = (0x2, 0x202, 0x246, 0x102, 0x302, 0x10202, 0x10302, 0x4202, 0x3202, 0x20202, 0x40202, 0x200, 0xCD5, 1 << 32)


@dataclass(slots=True)
class Tally:
    """What came of some questions: how the answers were, how the machines ended, and what was wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another one as well."""
        self.counts.update(other.counts)
        self.wrong += other.wrong


@dataclass(slots=True)
class Subject:
    """One entry of a sample under one configuration at a time."""

    survey: Survey
    known: Known
    fast: tuple[FastExit, ...]


def frame(survey: Survey, source: random.Random) -> dict[str, int]:
    """Words of a frame, many of them such that a frame passes most of the tests; a tenth of the words is left out."""
    slots = [name for name, _, _ in survey.setting.entry.state.shared.frame_slots]
    contract = survey.contract
    rip, flags = _one(ADDRESSES, source, 64), _one(FLAGS, source, 22)
    drawn = {name: source.choice((source.getrandbits(64), source.getrandbits(12), 0)) for name in slots}
    same = source.random
    drawn |= {"rip": rip, "rflags": flags, "rcx": rip if same() < 0.8 else _one(ADDRESSES, source, 64)}
    drawn |= {
        "rdx": rip if same() < 0.5 else drawn.get("rdx", 0),
        "r11": flags if same() < 0.8 else _one(FLAGS, source, 22),
    }
    drawn["cs"] = source.choice((*[contract.user_cs] * 8, contract.user32_cs or 0x23, contract.user_cs ^ 0x10000, 0x10))
    drawn["ss"] = source.choice((*[contract.user_ss] * 8, contract.user_ss ^ 8, contract.user_ss | 1 << 32))
    drawn["rsp"] = _one(ADDRESSES, source, 64)
    kept = 1.0 if same() < 0.5 else 0.9
    return {name: value for name, value in drawn.items() if name in slots and same() < kept}


def _one(known: Sequence[int], source: random.Random, width: int) -> int:
    return source.choice(known) if source.random() < 0.8 else source.getrandbits(width)


def machine(subject: Subject, config: Config, truths: Sequence[Truth], source: random.Random) -> Model | None:
    """A machine for which the truths hold, with random values in all that is free."""
    survey = subject.survey
    entry = survey.setting.entry
    symbols = entry.state.shared.layout.symbols
    solver = Solver(entry.constraints, survey.task.budget)
    premises = [config_condition(entry, config), *exactness(symbols), *_links(entry), *truths]
    if solver.check(*premises) != "sat":
        return None
    solver.assume(*premises)
    wishes = [eq(term, as_term(value, 64)) for term, value in place(solver, [], _wishes(entry))]
    solver.assume(*wishes)
    free = [one for one in symbols if one.otherwise is None]
    chosen = [
        eq(one.term, as_term(source.choice((0, 1, source.getrandbits(one.width), source.getrandbits(8))), one.width))
        for one in free
        if one.width > 1 or source.random() < 0.7
    ]
    for group in _halves(chosen):
        if solver.check(*group) == "sat":
            solver.assume(*group)
    return solver.model()


def _halves(truths: Sequence[Truth]) -> Iterator[Sequence[Truth]]:
    """All of them, then smaller and smaller parts."""
    size = len(truths)
    while size:
        yield from (truths[start : start + size] for start in range(0, len(truths), size))
        size = size // 4 if size > 4 else size - 1 if size == 1 else 1


def judge(subject: Subject, answer: Answer, config: Config, model: Model, tally: Tally) -> str:
    """What is wrong with an answer for one machine; "" if nothing is."""
    survey = subject.survey
    setting = survey.setting
    entry, contract = setting.entry, setting.contract
    trace = follow(
        setting.image, entry, model, setting.solver, contract.interrupts_after_call.value, setting.bounds,
        setting.follow, contract,
    )  # fmt: skip
    leaf = trace.leaf
    if leaf is None:
        tally.counts["machines that end in two ways"] += 1
        return ""
    way = next((one for one in answer.ways if _takes(one, leaf)), None)
    if way is None:
        return f"{answer.status}: a machine ends in {leaf.kind} {leaf.detail} at {leaf.decoded.address:#x}"
    tally.counts[f"machines: {way.kind}"] += 1
    # What faults is not among what was executed.
    ran_over = {*trace.addresses, leaf.decoded.address}
    text = _conditions(subject, config, leaf, model)
    if way.decided is not None and way.always and way.decided.location.address not in ran_over:
        text = text or f"the guard at line {way.decided.location.line} is not on the way"
    if way.decided is not None and way.always and all(_holds(one, survey, model) for one in way.decided.demands):
        text = text or "the machine has all that the guard demands, and is turned away"
    for guard in way.passed:
        if way.kind == "sysret" and guard.location.address in trace.addresses:
            text = text or ("" if all(_holds(one, survey, model) for one in guard.demands) else "a guard it passes")
    if text or leaf.kind != "exit":
        return text
    asked = request(entry, trace, model)
    rsp = model.value(leaf.state.gprs["rsp"])
    words = tuple((rsp + 8 * index & FULL, 8) for index in range(5))
    ran = replay(as_it_runs(setting.image, entry, model, trace.addresses), replace(asked, read_back=words))
    if not ran.reached:
        tally.counts["machines that the emulator cannot run"] += 1
        return ""
    tally.counts["machines run on the emulator"] += 1
    return _state(way, leaf.detail, ran, model, survey)


def _takes(way: Way, leaf: Leaf) -> bool:
    return goes(leaf, way.kind, way.name, way.location.address)


def _conditions(subject: Subject, config: Config, leaf: Leaf, model: Model) -> str:
    """Whether the conditions of each fast exit hold for the machines that take it, and with "exact" for no others."""
    for one in subject.fast:
        taken = (leaf.kind, leaf.detail, leaf.decoded.address) == ("exit", one.kind, one.location.address)
        said = [found for found in one.conditions if config in found.configs]
        if not said and taken:
            return "an exit is taken that is said never to be"
        for found in said:
            hold = all(_holds(condition, subject.survey, model) for condition in found.conditions)
            if (taken and not hold) or (found.exact and hold and not taken):
                return f"the conditions of the exit at line {one.location.line} say otherwise"
    return ""


def _holds(condition: Condition, survey: Survey, model: Model) -> bool:
    return condition.kind == "other" or model.holds(truth_of(condition, survey.setting.entry))


def _state(way: Way, kind: str, ran: ReplayResult, model: Model, survey: Survey) -> str:
    """What the answer tells of the user's state and is not what the emulated exit gives, worked out on ints."""
    if way.fields is None:
        return ""
    registers = dict(ran.registers)
    words = [word.value for word in ran.memory]
    real = {name: registers[name] for name in GPRS} | {"gs_base": ran.gs_base}
    match kind:
        case "iretq":
            real |= {"rip": words[0], "rsp": words[3], "cs": words[1] & 0xFFFF, "ss": words[4] & 0xFFFF}
            flags = words[2] & 0x3F7FD7 | 2
        case "sysretq" | "sysretl":
            real["rip"] = registers["rcx"] & (FULL if kind == "sysretq" else 0xFFFFFFFF)
            flags = registers["r11"] & 0x3C7FD7 | 2
        case _:
            wide = FULL if kind == "sysexitq" else 0xFFFFFFFF
            real |= {"rip": registers["rdx"] & wide, "rsp": registers["rcx"] & wide}
            flags = ran.rflags
    real["rflags"] = flags
    symbols = survey.setting.entry.state.shared.layout.symbols
    for one in way.fields:
        if one.name not in real:
            continue
        told = _told(one, model, symbols)
        # What IRET does with VM, VIF and VIP is in docs/isa.md; RF counts in neither.
        loose = 0x3B0000 if one.name == "rflags" else 0
        if told is not None and (told ^ real[one.name]) & ~loose:
            return f"{one.name} is said to be {told:#x} and is {real[one.name]:#x} after {kind}"
    return ""


def _told(field_: Delivered, model: Model, symbols: Symbols) -> int | None:
    if field_.value is not None or not field_.copy:
        return field_.value
    symbol = symbols.find(field_.inputs[0]) if field_.inputs else None
    return None if symbol is None else model.value(symbol.term)


def ask(subject: Subject, config: Config, values: Mapping[str, int], source: random.Random, tally: Tally) -> str:
    """One question with the machines that bear the answer out, or do not: what is wrong with it."""
    survey = replace(subject.survey, task=replace(subject.survey.task, configs=(config,)))
    meant = resolved([Told(name, value) for name, value in values.items()], survey).given
    given, late = by_name(meant), at_exit(meant)
    (answer,) = answers(survey, given, subject.known, late)
    tally.counts["questions"] += 1
    tally.counts[f"answers: {answer.status}"] += 1
    if answer.status == "unknown":
        return ""
    symbols = survey.setting.entry.state.shared.layout.symbols
    fixed: list[Truth] = [user_frame(survey, given)]
    fixed += [
        eq(one.term, as_term(given[name], one.width)) for name in given if (one := symbols.find(name)) is not None
    ]
    leaves = [leaf for leaf in survey.found.leaves if leaf.kind not in ("problem", "loop")]
    for leaf in source.sample(leaves, min(2, len(leaves))):
        # Each way is tried, whatever the answer says of it.
        model = machine(subject, config, [*fixed, *leaf.state.path, *left(survey, leaf, late).truths], source)
        wrong = "" if model is None else judge(subject, answer, config, model, tally)
        if wrong:
            return wrong
    if answer.status == "depends" and source.random() < 0.25:
        return _settled(survey, answer, given, late, subject.known, source, tally)
    return ""


def _settled(
    survey: Survey,
    answer: Answer,
    given: Mapping[str, int],
    late: Mapping[str, int],
    known: Known,
    source: random.Random,
    tally: Tally,
) -> str:
    """With the inputs of one way given as well, that way has to be the answer."""
    way = source.choice(answer.ways)
    # Of a frame that a call may change, what the machine of this way has at the entry has to be said as well.
    early = {
        name: late[slot] for name in way.fixed if name not in given and (slot := name.rpartition("frame.")[2]) in late
    }
    (again,) = answers(survey, {**given, **early, **{one.name: one.value for one in way.inputs}}, known, late)
    tally.counts["dependences settled"] += 1
    same = [(one.kind, one.name, one.location) for one in again.ways] == [(way.kind, way.name, way.location)]
    return "" if same else f"with what {way.name} needs the answer is {again.status}"


def examine(name: str, frames: int, seed: int) -> Tally:
    """Frames of one sample."""
    tally = Tally()
    try:
        _, surveys = surveyed(opened(SAMPLES / name, Options()))
    except UserError:
        return tally
    source = random.Random(zlib.crc32(name.encode()) + seed)  # noqa: S311 - a test's frames
    for survey in surveys:
        if not survey.setting.entry.state.shared.frame_slots:
            continue
        exits = [one for one in survey.exits if one.site.kind != "iretq"]
        fast = tuple(
            FastExit(survey.start.name, one.site.kind, one.site.location, fast_conditions(survey, one)) for one in exits
        )
        tally.counts["entries"] += 1
        subject = Subject(survey, {}, fast)
        for _ in range(frames):
            config = source.choice(survey.task.configs)
            values = frame(survey, source)
            try:
                wrong = ask(subject, config, values, source, tally)
            except UserError as error:
                wrong = f"{error.code}: {error.message}"
            if wrong:
                shown = " ".join(f"{one}={value:#x}" for one, value in values.items())
                tally.wrong.append(f"{name}, {' '.join(config)}, {shown}: {wrong}")
    return tally


def _work(task: tuple[str, int, int]) -> Tally:
    return examine(*task)


def samples() -> list[str]:
    """Every sample, without the fragments that are there to be included."""
    return [path.name for path in sorted(SAMPLES.glob("*.S")) if "# FRAGMENT" not in path.read_text("utf-8")[:500]]


def run(names: Sequence[str], frames: int, jobs: int, seed: int) -> Tally:
    """Every sample, with a progress bar on stderr."""
    total = Tally()
    with Progress(transient=True) as bar, multiprocessing.get_context("forkserver").Pool(jobs) as pool:
        for tally in bar.track(pool.imap(_work, [(name, frames, seed) for name in names]), len(names)):
            total.add(tally)
    return total


def table(tally: Tally) -> str:
    """The figures in Markdown."""
    rows = ["| | |", "|---|--:|"]
    first = ("entries", "questions", "answers", "machines", "dependences")
    ordered = sorted(
        tally.counts.items(), key=lambda one: ([one[0].startswith(word) for word in first].index(True), one[0])
    )
    rows += [f"| {text} | {number:,} |".replace(",", " ") for text, number in ordered]
    return "\n".join([*rows, "", f"{len(tally.wrong)} wrong answers."])


def main(arguments: Sequence[str]) -> int:
    """The script; 1 if an answer is wrong."""
    parser = argparse.ArgumentParser(description="Frames, explained and run.")
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help="default: all")
    parser.add_argument("--frames", type=int, default=20, help="questions for each entry (default: 20)")
    parser.add_argument("--every", type=int, default=1, help="every K-th sample only")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/evidence.md")
    told = parser.parse_args(arguments)
    tally = run((told.samples or samples())[:: told.every], told.frames, told.jobs, told.seed)
    for line in tally.wrong:
        print(line)
    figures = table(tally)
    if told.write:
        from figures import write

        write("frames", figures)
    print(figures)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

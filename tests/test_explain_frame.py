# SPDX-License-Identifier: BSD-2-Clause
"""verify-exit explain-frame: hand-worked frames, what is not given, wrong words, and what the emulator says."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hostile_names import NAMES
from hypothesis import given, settings, strategies as st
from test_framedump import GDB_INFO, GDB_PRINT, KERNEL, OLD, QEMU, USER

from verifier.cli import main
from verifier.exploring import Survey
from verifier.fastpath import fast_conditions
from verifier.frameanswer import Answer, FrameReport, Given, Passed, Way
from verifier.frameask import ask as ask_frame
from verifier.framedump import user_registers
from verifier.framequestion import answers
from verifier.frameturns import Known
from verifier.framewords import Told, at_exit, by_name, merged, resolved, told
from verifier.insights import Condition
from verifier.model import ALL_CONFIGS, GPRS, Config, UserError
from verifier.opening import opened
from verifier.options import Options
from verifier.pipeline import surveyed
from verifier.recording import MemoryWord, ReplayRequest
from verifier.replay import replay
from verifier.report import frame_json, frame_text
from verifier.report.words import clean

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SAMPLE = SAMPLES / "linux-2015-opportunistic.S"
INTEL: tuple[Config, ...] = (("intel", "la48"),)
GOOD = {"rip": 0x401000, "rcx": 0x401000, "cs": 0x33, "ss": 0x2B, "rflags": 0x246, "r11": 0x246}
SCHEMA = json.loads((SAMPLES.parent / "specs/schema/verify-exit-frame-1.schema.json").read_text(encoding="utf-8"))
LOWER = ((0, (1 << 47) - 1),)


@cache
def survey(name: str, configs: tuple[Config, ...] = INTEL) -> tuple[Survey, Known]:
    """The one exploration of a sample, and what its guards say."""
    _, found = surveyed(opened(SAMPLES / name, Options(configs=configs)))
    assert len(found) == 1
    return found[0], {}


def ask(values: dict[str, int], name: str = SAMPLE.name, configs: tuple[Config, ...] = INTEL) -> tuple[Answer, ...]:
    """The answers for these values."""
    about, known = survey(name, configs)
    meant = resolved([Told(word, value) for word, value in values.items()], about)
    return answers(about, by_name(meant.given), known)


def only(values: dict[str, int], name: str = SAMPLE.name) -> tuple[Answer, Way]:
    """The one answer with its one way."""
    (answer,) = ask(values, name)
    (way,) = answer.ways
    return answer, way


def state(way: Way) -> dict[str, int | None]:
    """What user space gets, None where it was not given."""
    return {one.name: one.value for one in way.fields or ()}


def decided(way: Way) -> Passed:
    """The guard that turned the machine away."""
    assert way.decided is not None
    return way.decided


def test_a_frame_that_takes_the_fast_exit() -> None:
    """All that the six tests want: SYSRETQ, past these six lines, with the frame's own values behind it."""
    answer, way = only({**GOOD, "rsp": 0x7FFD00001000})
    assert (answer.status, way.name, way.location.line) == ("sysret", "sysretq", 76)
    assert [guard.location.line for guard in way.passed] == [51, 58, 62, 64, 69, 71]
    assert way.decided is None and way.inputs == () and way.events == ()
    found = state(way)
    expected = {**GOOD, "rsp": 0x7FFD00001000}
    assert {name: found[name] for name in expected} == expected


def test_what_was_not_given_is_not_made_up() -> None:
    """A register whose slot nobody gave is shown as that slot, never as the least value that the solver chose."""
    _, way = only(GOOD)
    fields = {one.name: one for one in way.fields or ()}
    assert fields["rsp"].value is None and fields["rsp"].inputs == ("frame.rsp",) and fields["rsp"].copy
    # The contract of this sample keeps RBX in the register itself.
    assert fields["rbx"].value is None and fields["rbx"].inputs == ("rbx",)
    assert fields["gs_base"].inputs == ("kernel_gs_base",)


@pytest.mark.parametrize(
    ("values", "line", "failed"),
    [
        # A frame that a signal handler left behind: RCX is not RIP.
        ({"rcx": 0}, 51, Condition("same", "frame.rip", "frame.rcx")),
        # The vsyscall page, in the upper half.
        (
            {"rip": 0xFFFFFFFFFF600000, "rcx": 0xFFFFFFFFFF600000},
            58,
            Condition("range", "frame.rcx", intervals=LOWER),
        ),
        ({"rip": 1 << 47, "rcx": 1 << 47}, 58, Condition("range", "frame.rcx", intervals=LOWER)),
        ({"cs": 0x23}, 62, Condition("bits", "frame.cs", value=0x33)),
        ({"ss": 0x23}, 64, Condition("bits", "frame.ss", value=0x2B)),
        ({"r11": 0x202}, 69, Condition("same", "frame.rflags", "frame.r11")),
        ({"rflags": 0x10246, "r11": 0x10246}, 71, Condition("bits", "frame.r11", mask=1 << 16, value=0)),
    ],
    ids=["rcx", "vsyscall", "edge", "compat", "ss", "r11", "rf"],
)
def test_the_first_guard_that_turns_a_frame_away(values: dict[str, int], line: int, failed: Condition) -> None:
    """One thing is wrong with the frame: IRET, and the guard is the one that tests it, with what it found."""
    answer, way = only({**GOOD, **values})
    guard = decided(way)
    assert (answer.status, way.name, way.location.line) == ("iret", "iretq", 83)
    assert (guard.location.line, guard.failed, way.always) == (line, (failed,), True)
    given = {**GOOD, **values}
    assert dict(guard.values) == {name: given[name.removeprefix("frame.")] for name, _ in guard.values}


def test_the_trap_flag_fires_too_early() -> None:
    """TF passes the tests of this sample, and SYSRET traps one instruction before IRET would have."""
    answer, way = only({**GOOD, "rflags": 0x302, "r11": 0x302})
    assert answer.status == "sysret"
    assert [(event.text, event.certain) for event in way.events] == [("#DB before the first user instruction", True)]
    _, slow = only({**GOOD, "rflags": 0x302, "r11": 0x302, "rcx": 1})
    assert [(event.text, event.certain) for event in slow.events] == [("#DB after the first user instruction", True)]


def test_a_fault_that_depends_on_paging() -> None:
    """2**47 is not canonical with 48 bits and is with 57: two answers, of which one has IRET fault."""
    found = ask({**GOOD, "rip": 1 << 47, "rcx": 1 << 47}, configs=ALL_CONFIGS)
    shown = {one.configs: [event.text for event in one.ways[0].events] for one in found}
    assert shown == {
        (("intel", "la48"), ("amd", "la48")): ["#GP(0) at CPL0 on the kernel's stack"],
        (("intel", "la57"), ("amd", "la57")): [],
    }


def test_a_frame_of_kernel_mode() -> None:
    """CS with RPL 0: IRETQ, but not to user mode, so no state of user mode is claimed."""
    answer, way = only({**GOOD, "cs": 0x10})
    assert (answer.status, way.fields) == ("iret", None)
    assert [event.text.startswith("CS has not RPL 3") for event in way.events if event.certain] == [True]


def test_it_depends_on_what_is_not_given() -> None:
    """Without CS both exits are possible, and CS alone decides; the least machine each way says how."""
    (answer,) = ask({name: value for name, value in GOOD.items() if name != "cs"})
    assert (answer.status, answer.depends) == ("depends", ("frame.cs",))
    assert [(way.kind, [(one.name, one.value) for one in way.inputs]) for way in answer.ways] == [
        ("sysret", [("frame.cs", 0x33)]),
        # The least CS with RPL 3, which the contract promises.
        ("iret", [("frame.cs", 3)]),
    ]


def test_a_bad_address_alone_decides() -> None:
    """RIP and RCX in the upper half: IRET for every frame, whatever else it holds, decided at the shift."""
    answer, way = only({"rip": 0xFFFFFFFFFF600000, "rcx": 0xFFFFFFFFFF600000})
    assert (answer.status, decided(way).location.line, way.always) == ("iret", 58, True)
    # With RIP alone RCX may differ, and then an earlier line decides.
    answer, way = only({"rip": 0xFFFFFFFFFF600000})
    assert (answer.status, decided(way).location.line, way.always) == ("iret", 51, False)


def test_a_flag_in_per_cpu_memory() -> None:
    """A per-CPU word is an input like any other: it decides here whether the address is tested."""
    values = {**GOOD, "rip": 1 << 63, "rcx": 1 << 63}
    (answer,) = ask(values, "memory-per-cpu-load.S")
    assert (answer.status, answer.depends) == ("depends", ("gs:[0x40]",))
    assert [way.kind for way in answer.ways] == ["sysret", "iret"]
    answer, way = only({**values, "gs:[0x40]": 1}, "memory-per-cpu-load.S")
    assert answer.status == "sysret"
    assert [event.text for event in way.events] == ["#GP(0) at CPL0 with the user's RSP loaded"]
    assert way.fields is None
    answer, way = only({**values, "gs:[0x40]": 0}, "memory-per-cpu-load.S")
    # IRETQ refuses such an address as well, so nothing of the frame comes to user space.
    assert (answer.status, way.fields) == ("iret", None)
    assert [event.text for event in way.events] == ["#GP(0) at CPL0 on the kernel's stack"]


def test_a_way_out_that_is_no_exit() -> None:
    """A jump to code that is not in the file is told as that, with no state of user mode."""
    answer, way = only({**GOOD, "cs": 0x23}, "form-slow-elsewhere.S")
    assert (answer.status, way.name, way.location.line) == ("elsewhere", "a jump to slow_exit_elsewhere", 16)
    assert way.fields is None and decided(way).location.line == 16


def test_a_trap_in_the_kernel_is_named() -> None:
    """POPFQ sets TF, and the debug exception comes behind the load of RSP that follows: TF decides that."""
    flags = {"rflags": 0x102, "r11": 0x102}
    answer, way = only({**GOOD, **flags}, "hazard-popfq-tf.S")
    assert (answer.status, way.name) == ("elsewhere", "#DB: TF is set at CPL0")
    assert (decided(way).location.line, decided(way).failed) == (
        24,
        (Condition("bits", "frame.rflags", mask=1 << 8, value=0),),
    )


def test_values_that_no_machine_has() -> None:
    """A GS base that the CPU refuses: the contract admits no such machine, and that is the answer."""
    (answer,) = ask({**GOOD, "kernel_gs_base": 1 << 63})
    assert (answer.status, answer.ways) == ("impossible", ())


def test_what_is_not_followed_is_not_guessed() -> None:
    """A frame that comes to a construct which is not modelled: unknown, with the reason; others are answered."""
    found = {one.status for values in (GOOD, {**GOOD, "cs": 0x23}) for one in ask(values, "inconclusive-unsupported.S")}
    assert found == {"unknown"}


def test_when_the_fast_exit_is_taken() -> None:
    """The conditions of this sample are its six tests, no more and no less, on every configuration."""
    about, _ = survey(SAMPLE.name, ALL_CONFIGS)
    (found,) = fast_conditions(about, about.exits[0])
    assert found.exact and found.configs == ALL_CONFIGS and found.others == ()
    assert set(found.conditions) == {
        Condition("range", "frame.rip", intervals=LOWER),
        Condition("same", "frame.rip", "frame.rcx"),
        Condition("bits", "frame.cs", value=0x33),
        Condition("bits", "frame.ss", value=0x2B),
        Condition("same", "frame.rflags", "frame.r11"),
        Condition("bits", "frame.rflags", mask=1 << 16, value=0),
    }


def late(values: dict[str, int], name: str) -> Answer:
    """The one answer where a call may change the frame."""
    about, known = survey(name)
    meant = resolved([Told(word, value) for word, value in values.items()], about).given
    (answer,) = answers(about, by_name(meant), known, at_exit(meant))
    return answer


def test_a_frame_is_what_the_last_call_leaves() -> None:
    """The tests are in front of the call: a frame that gets a wrong CS there leaves by SYSRET all the same."""
    wrong = {**GOOD, "cs": 0x23}
    answer = late(wrong, "call-after-checks.S")
    # By IRET the same frame leaves without a call, if it was like that at the entry.
    assert (answer.status, [way.kind for way in answer.ways]) == ("depends", ["sysret", "iret"])
    assert state(answer.ways[0])["rip"] == 0x401000 and state(answer.ways[0])["cs"] == 0x33
    assert state(answer.ways[1])["cs"] == 0x23
    # No call is on the way to IRET, so the frame there is the one at the entry: it cannot be both.
    assert late({**wrong, "rip@entry": 1, "frame.rcx": 2}, "call-after-checks.S").status == "impossible"
    # At the entry it is the tests' business, and what the call leaves is open.
    entry = {f"frame.{name}": value for name, value in GOOD.items()}
    answer = late(entry, "call-after-checks.S")
    assert answer.status == "sysret" and state(answer.ways[0])["rip"] is None


def test_tests_behind_a_call_see_what_was_given() -> None:
    """Where the tests come behind the call the frame that was given decides, whatever it was before."""
    assert late(GOOD, "call-before-checks.S").status == "sysret"
    answer = late({**GOOD, "cs": 0x23}, "call-before-checks.S")
    assert answer.status == "iret"
    (failed,) = decided(answer.ways[0]).failed
    assert (failed.left.rpartition(":")[2], failed.value) == ("frame.cs", 0x33)
    assert decided(answer.ways[0]).values == ((failed.left, 0x23),) and failed.left in answer.ways[0].fixed


def test_no_condition_is_claimed_where_something_is_open() -> None:
    """What could not be followed may lead to the exit as well: then nothing is said of when it is taken."""
    about, _ = survey("inconclusive-unsupported.S")
    for exit_ in about.exits:
        assert [(one.conditions, one.exact) for one in fast_conditions(about, exit_)] == [((), False)]


ADDRESSES = st.sampled_from([0x401000, 0, (1 << 47) - 1, 1 << 47, 0xFFFFFFFFFF600000]) | st.integers(0, (1 << 64) - 1)
FLAGS = st.sampled_from([0x246, 0x302, 0x10246, 0x202]) | st.integers(0, (1 << 22) - 1)


@st.composite
def frames(draw: st.DrawFn) -> dict[str, int]:
    """Frames of this contract, of which many pass most of the tests."""
    rip, rflags = draw(ADDRESSES), draw(FLAGS)
    words = {
        "rip": rip,
        "rcx": draw(st.just(rip) | ADDRESSES),
        "cs": draw(st.sampled_from([0x33, 0x33, 0x33, 0x23, 0x1_0033])),
        "ss": draw(st.sampled_from([0x2B, 0x2B, 0x2B, 0x23])),
        "rflags": rflags,
        "r11": draw(st.just(rflags) | FLAGS),
    }
    rest = ("r10", "r9", "r8", "rax", "rdx", "rsi", "rdi", "rsp")
    return words | {name: draw(st.integers(0, (1 << 64) - 1)) for name in rest}


@settings(max_examples=50)
@given(frames())
def test_the_emulator_takes_the_same_exit(frame: dict[str, int]) -> None:
    """The machine code on Unicorn, with the frame as it is, comes to the exit that the answer names, with its state."""
    about, _ = survey(SAMPLE.name)
    entry = about.setting.entry
    _, way = only(frame)
    base = 0xFFFFC90000003F00
    slots = {name: offset for name, _, offset in entry.state.shared.frame_slots}
    asked = ReplayRequest(
        entry=entry.state.address,
        stop_at=way.location.address,
        registers=(("rsp", base),),
        rflags=2,
        gs_base=0xFFFF888000000000,
        kernel_gs_base=0,
        fs_base=0,
        cr3=0,
        cr4=0,
        msrs=(),
        memory=tuple(MemoryWord(base + slots[name], value, 8) for name, value in frame.items()),
        calls=(),
        havoc_calls=frozenset(),
        flag_patches=(),
        max_instructions=64,
    )
    ran = replay(about.setting.image, asked)
    assert ran.reached
    canonical = frame["rip"] < 1 << 47 or frame["rip"] >= (1 << 64) - (1 << 47)
    assert (way.fields is None) == (not canonical)
    if not canonical:
        return
    found = state(way)
    registers = dict(ran.registers)
    for name in GPRS:
        if name != "rsp" and found[name] is not None:
            assert found[name] == registers[name], name
    assert found["rip"] == frame["rip"] and found["rsp"] == frame["rsp"]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("rip=0x401000", 0x401000), ("rip=4198400", 0x401000), ("rip=0x00007fff_ffff_f000", 0x7FFFFFFFF000),
        ("rip=00007fff`fffff000".replace("=00", "=0x00"), 0x7FFFFFFFF000), ("rax=-38", -38), ("rflags=IF+ZF", 0x242),
        ("eflags=tf+0x200", 0x302), ("gs:[0x10]=4", 4),
    ],
)  # fmt: skip
def test_how_values_are_written(word: str, value: int) -> None:
    """Hexadecimal, decimal, negative, with separators, and RFLAGS bits by name, to which bit 1 belongs."""
    assert told([word])[0].value == value


@pytest.mark.parametrize(
    "word",
    ["rip", "=5", "rip=", "rip=zz", "rip=0x", "rip=7fff", "rip=1e3", "rip=IF+", "rip=" + "1" * 300, "a\nb"],
)
def test_words_that_say_no_value(word: str) -> None:
    """Anything else is an error of one line with exit code 2."""
    with pytest.raises(UserError) as caught:
        told([word])
    assert (caught.value.code, caught.value.exit_code) == ("frame-value", 2)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("ripp=1", "frame-name", "did you mean rip"),
        ("gs:[0x18]=1", "frame-name", "no such input"),
        ("cpu.amd=1", "frame-name", "no such input"),
        ("rip=0x10000000000000000", "frame-value", "more than 64 bits"),
        ("rflags.CF=2", "frame-value", "more than 1 bit"),
    ],
)
def test_names_and_widths(word: str, code: str, said: str) -> None:
    """What is no input at the entry, or does not fit into it, is refused with the nearest names."""
    about, _ = survey(SAMPLE.name)
    with pytest.raises(UserError) as caught:
        resolved(told([word]), about)
    assert (caught.value.code, caught.value.exit_code) == (code, 2)
    assert said in caught.value.message


def test_what_names_mean() -> None:
    """A bare name is the frame's slot, or the register where the contract keeps it there; @entry is the register."""
    about, _ = survey(SAMPLE.name)
    words = ["rip=1", "frame.cs=2", "eflags=3", "rbx=4", "rax@entry=5", "entry.rcx=6", "rcx=7", "orig_rax=8"]
    found = resolved(told(words), about)
    assert found.given == (
        Given("frame.rip", 1), Given("frame.cs", 2), Given("frame.rflags", 3), Given("rbx", 4), Given("rax", 5),
        Given("rcx", 6), Given("frame.rcx", 7),
    )  # fmt: skip
    assert found.notes == ("orig_rax is ignored: no exit gives it back",)


def test_words_that_only_one_kernel_has() -> None:
    """A slot of the contract goes by its own name; "flags" is RFLAGS only where no slot is called so."""
    about, _ = survey("freebsd-syscall-exit.S")
    found = resolved(told(["trapno=1", "flags=2", "rflags=3"]), about)
    assert found.given == (Given("frame.trapno", 1), Given("frame.flags", 2), Given("frame.rflags", 3))


def test_two_values_for_one_name() -> None:
    """The same value twice is fine; two are an error, also under two names; --set wins over a dump."""
    about, _ = survey(SAMPLE.name)
    assert resolved(merged((), told(["rip=1", "frame.rip=1", "ip=1"])), about).given == (Given("frame.rip", 1),)
    for words in (["rip=1", "rip=2"], ["rip=1", "ip=2"], ["rip=1", "frame.rip=2"], ["rip@entry=1", "frame.rip=2"]):
        with pytest.raises(UserError) as caught:
            resolved(merged((), told(words)), about)
        assert caught.value.code == "frame-value"
    found = resolved(merged([Told("rip", 5, "dump")], told(["frame.rip=1"])), about)
    assert found.given == (Given("frame.rip", 1),)
    assert [one.value for one in merged([Told("rip", 5, "dump"), Told("cs", 6, "dump")], told(["rip=1"]))] == [6, 1]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a call."""
    code = main(["explain-frame", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("text", [USER, OLD, GDB_INFO, GDB_PRINT, QEMU, KERNEL + USER])
def test_every_dump_is_answered_alike(text: str) -> None:
    """Each form of dump is the same frame; what it lacks is given with --set, which wins: the frame takes SYSRET."""
    about, known = survey(SAMPLE.name)
    dump = [Told(name, value, "dump") for name, value in user_registers(text.encode(), "dump").values]
    meant = resolved(merged(dump, told(["rcx=0x7f0012345678", "r11=0x246"])), about)
    (answer,) = answers(about, by_name(meant.given), known)
    assert answer.status == "sysret"
    assert state(answer.ways[0])["rip"] == 0x7F0012345678 and state(answer.ways[0])["rsp"] == 0x7FFD8C7B2E18


def test_a_dump_from_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """- reads what is piped in."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(USER.encode())))
    code, out, _ = run(capsys, str(SAMPLE), "--dump", "-", "--vendor", "intel", "--paging", "la48")
    assert code == 0 and "On Intel with 4-level paging: SYSRET." in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--dump", "/nowhere/at/all"), 4, "error[dump-invalid]"),
        (("--set", "rip"), 2, "error[frame-value]"),
        (("--set", "xyz=1"), 2, "error[frame-name]"),
        (("--format", "yaml"), 2, "error[usage]"),
    ],
)
def test_wrong_calls(words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An error of one line on standard error, nothing on standard output, and the documented exit code."""
    found, out, err = run(capsys, str(SAMPLE), *words)
    assert (found, out) == (code, "") and said in err and err.count("\n") == 1


def test_an_open_question_exits_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    """Inconclusive is not answered: status 3, with the reason."""
    code, out, _ = run(capsys, str(SAMPLES / "inconclusive-unsupported.S"), "--set", "rip=0x401000")
    assert code == 3 and "inconclusive:" in out


def test_the_text_says_what_decided(capsys: pytest.CaptureFixture[str]) -> None:
    """The line, the test and the value stand in the text; the conditions of the fast exit follow."""
    code, out, _ = run(capsys, str(SAMPLE), "--set", "rip=0xffffffffff600000", "rcx=0xffffffffff600000")
    assert code == 0
    flat = " ".join(out.split())
    assert "linux-2015-opportunistic.S:58 `jne by_iret`" in flat
    assert "frame.rcx not in 0x0–0x7fffffffffff (the lower half, LA48); frame.rcx is 0xffffffffff600000" in flat
    assert "is taken exactly when all of this holds: frame.rip in 0x0–0x7fffffffffff" in flat


def test_an_entry_without_such_an_input_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two entries one has no frame: the other one is answered, and the first one said. With none it is an error."""
    asked: list[str] = []

    def some(values: Any, about: Survey) -> Any:
        asked.append(about.start.name)
        if len(asked) == 1:
            raise UserError("frame-name", "rip: there is no frame", 2)
        return resolved(values, about)

    source = opened(SAMPLES / "flow-two-entries-right.S", Options(configs=INTEL))
    monkeypatch.setattr("verifier.frameask.resolved", some)
    found = ask_frame(source, GOOD)
    assert [one.entry for one in found.answers] == asked[1:] and len(asked) == 2
    assert found.notes == (f"from {asked[0]} that is not answered: rip: there is no frame",)
    monkeypatch.undo()
    with pytest.raises(UserError) as caught:
        ask_frame(source, {"xyz": 1})
    assert caught.value.code == "frame-name"


def test_a_call_is_named_once() -> None:
    """Five inputs that are read after one call: the call stands there once."""
    found = ask_frame(opened(SAMPLES / "call-before-checks.S", Options(configs=INTEL)), {"rip": 5})
    text = " ".join(frame_text.render(found).split())
    said = text.partition("it depends on ")[2].partition(". ")[0]
    assert said == (
        "frame.cs, frame.r11, frame.rcx, frame.rflags and frame.ss after the call of slow_work at "
        f"{SAMPLES / 'call-before-checks.S'}:14"
    )


@pytest.mark.parametrize("width", [40, 72, 200])
def test_the_text_fits(width: int) -> None:
    """No line is wider than the terminal, but for what has no space in it; what is said is the same."""
    told_ = ask_frame(opened(SAMPLES / "call-before-checks.S", Options(configs=INTEL)), {**GOOD, "cs": 0x23})
    told_ = replace(told_, path="call-before-checks.S")
    text = frame_text.render(told_, width)
    assert all(len(line) <= width or len(line.split()) < 3 for line in text.splitlines())
    assert text.split() == frame_text.render(told_, 100).split()


def test_hostile_names_stay_harmless() -> None:
    """What a path or a dump calls itself reaches a terminal only in its printable form."""
    found = ask_frame(opened(SAMPLE, Options(configs=INTEL)), GOOD)
    for name in NAMES:
        hostile = replace(found, path=name, given=(Given("frame.rip", 1, name),), notes=(f"{name}: no such input",))
        text = frame_text.render(hostile, 80)
        assert text.splitlines() == text.split("\n")[:-1] and clean(text.replace("\n", "")) == text.replace("\n", "")
        document(hostile)


def document(found: FrameReport) -> dict[str, Any]:
    """The answer in JSON, which meets its schema."""
    made: dict[str, Any] = json.loads(frame_json.render(found))
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    return made


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (SAMPLE.name, {"rip": 1 << 47, "rcx": 1 << 47}),
        ("memory-per-cpu-load.S", {**GOOD, "rip": 1 << 63, "rcx": 1 << 63}),
        ("call-before-checks.S", {"rip": 5}),
        ("form-slow-elsewhere.S", {**GOOD, "cs": 0x23}),
        ("inconclusive-unsupported.S", GOOD),
        ("inconclusive-no-sysret.S", {}),
        ("linux-2015-opportunistic.S", {"kernel_gs_base": 1 << 63}),
    ],
)
def test_json_meets_its_schema(name: str, values: dict[str, int]) -> None:
    """Every kind of answer, and none."""
    made = document(ask_frame(opened(SAMPLES / name, Options(configs=INTEL)), values))
    assert bool(made["answers"]) == bool(values)
    assert {one["at"] for one in made["given"]} == (
        {"exit"} if name.startswith("call") else {"entry"} if values else set()
    )


def test_the_schema_can_fail() -> None:
    """It is a schema, and refuses an answer with a part missing or a number for a text."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    made = document(ask_frame(opened(SAMPLE, Options(configs=INTEL)), {"rip": 5}))
    way = made["answers"][0]["ways"][0]
    for key, value in (("kind", "sysenter"), ("instructions", "5"), ("location", None), ("given", [5])):
        before, way[key] = way[key], value
        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(made), key
        way[key] = before
    for key in list(way):
        before = way.pop(key)
        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(made), key
        way[key] = before


def test_without_a_fast_exit_there_is_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """When is the fast exit taken, if there is none: status 3, with the reason."""
    code, out, _ = run(capsys, str(SAMPLES / "inconclusive-no-sysret.S"))
    assert code == 3 and "inconclusive: " in out and "[no-sysret]" in out


def test_without_a_frame_the_conditions_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """No --set and no --dump: when is the fast exit taken, as text and as JSON."""
    code, out, _ = run(capsys, str(SAMPLE))
    assert code == 0 and "frame.rip = frame.rcx" in out and "frame:" not in out
    code, out, _ = run(capsys, str(SAMPLE), "--format", "json")
    found = json.loads(out)
    assert (code, found["schema"], found["answers"]) == (0, "verify-exit-frame/1", [])
    assert found["exits"][0]["taken"][0]["exact"] is True


@pytest.mark.parametrize("sample", ["memory-per-cpu-load.S", "call-before-checks.S", "linux-full-exit.S"])
def test_the_page_shows_real_output(
    sample: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/explain-frame.md prints under a command is how that command's output begins."""
    page = (SAMPLES.parent / "docs" / "explain-frame.md").read_text(encoding="utf-8")
    pattern = rf"(?ms)^```\nverify-exit explain-frame (samples/{re.escape(sample)}[^\n]*)\n```\n\n```text\n(.*?)^```$"
    ((words, shown),) = re.findall(pattern, page)
    monkeypatch.chdir(SAMPLES.parent)
    code, out, _ = run(capsys, *words.split())
    assert code == 0 and out.startswith(shown)

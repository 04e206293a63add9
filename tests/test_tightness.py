# SPDX-License-Identifier: BSD-2-Clause
"""What guards turn away although SYSRET would do the same: by hand, and against runs of the real bytes."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import unicorn
from unicorn import x86_const

from verifier.exploring import Survey
from verifier.freed import Freed, freed
from verifier.insights import Condition, Interval, Lost, Slack
from verifier.model import ALL_CONFIGS, Config, Image
from verifier.opening import opened
from verifier.options import Options
from verifier.outcomes import IRET_RFLAGS
from verifier.pipeline import surveyed
from verifier.solver import Budget
from verifier.tightness import slack
from verifier.turnedaway import WRITTEN_RFLAGS

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
TOP = (1 << 64) - 1
LA48: tuple[Config, ...] = (("intel", "la48"), ("amd", "la48"))
LA57: tuple[Config, ...] = (("intel", "la57"), ("amd", "la57"))
ONE, WIDE = LA48[:1], LA57[:1]
UPPER_48: Interval = (0xFFFF800000000000, TOP)
"""The canonical addresses with bit 47 set, and sign-extended from it (SDM vol. 1, 3.3.7.1)."""


@cache
def explored(path: Path) -> tuple[Survey, Freed]:
    """The one entry of a file, without and with switches."""
    survey = surveyed(opened(path, Options()))[1][0]
    free = freed(survey)
    assert free is not None
    return survey, free


@cache
def answer(path: Path, configs: tuple[Config, ...] = ALL_CONFIGS) -> Slack:
    survey, free = explored(path)
    (exit_,) = survey.exits
    return slack(replace(survey, task=replace(survey.task, configs=configs)), free, exit_)


def of_sample(name: str, configs: tuple[Config, ...] = ALL_CONFIGS) -> Slack:
    return answer(SAMPLES / f"{name}.S", configs)


def source(directory: Path, body: str) -> Path:
    """A file of its own in the words of the samples."""
    header = '# CONTRACT: linux\n# ENTRY: exit_to_user\n#include "exit.h"\n'
    (directory / "exit.h").write_bytes((SAMPLES / "exit.h").read_bytes())
    path = directory / "exit.S"
    path.write_text(f"{header}\t.globl exit_to_user\nexit_to_user:\n{body}\n")
    return path


def ordinary(found: Slack) -> list[Lost]:
    return [one for one in found.lost if one.ordinary]


def lines(one: Lost, name: str) -> list[str]:
    """The sample's lines that its guards stand in, stripped."""
    text = (SAMPLES / f"{name}.S").read_text().splitlines()
    return [text[guard.line - 1].strip() for guard in one.guards if guard.line is not None]


def ranges(found: Slack) -> dict[tuple[Config, ...], tuple[Interval, ...]]:
    """What single guards lose of the saved RIP, by configurations."""
    return {one.configs: one.ranges for one in ordinary(found) if len(one.guards) == 1 and one.ranges}


def test_ordinary_flags_are_those_that_iret_loads() -> None:
    """Every bit that RFLAGS can have in 64-bit mode is one that IRETQ loads, or bit 1 (SDM vol. 1, 3.4.3)."""
    assert WRITTEN_RFLAGS == IRET_RFLAGS | 2 == 0x3D7FD7


def test_the_shift_by_47_loses_the_upper_half() -> None:
    """Bits 63 to 47 must be clear: lost is what else is canonical, for 48 bits and for 57; one guard does it."""
    found = of_sample("canonical-shr47")
    assert (found.status, found.reason) == ("slack", "")
    assert ranges(found) == {LA48: (UPPER_48,), LA57: ((1 << 47, (1 << 56) - 1), (0xFF << 56, TOP))}
    assert [lines(one, "canonical-shr47") for one in ordinary(found)] == [["jnz\tslow"]] * 2
    for one in ordinary(found):
        assert one.exact and one.ranges_exact
        assert one.conditions == (Condition("range", "frame.rip", intervals=one.ranges),)
        assert {entry.name: entry.value for entry in one.example}["frame.rip"] == one.ranges[0][0]


def test_sign_extension_from_bit_47_loses_nothing_of_48_bits() -> None:
    """Canonical for 48 bits is exactly what it tests; for 57 bits lost is what only these have."""
    found = of_sample("canonical-sign-extend")
    assert ranges(found) == {LA57: ((1 << 47, (1 << 56) - 1), (0xFF << 56, UPPER_48[0] - 1))}
    assert len(ordinary(found)) == 1


def test_a_limit_loses_what_is_above_it() -> None:
    """TASK_SIZE_MAX is 47 bits less a page."""
    limit = 0x7FFFFFFFF000
    found = of_sample("canonical-limit")
    assert ranges(found) == {
        LA48: ((limit, (1 << 47) - 1), UPPER_48),
        LA57: ((limit, (1 << 56) - 1), (0xFF << 56, TOP)),
    }


def test_nothing_is_lost_where_each_word_is_tested_in_the_bits_that_are_loaded() -> None:
    """With a patched address test, 16-bit selector tests and masked flags there is not one machine."""
    assert of_sample("slack-exact") == Slack("exact", "", ())


def test_a_test_of_the_whole_word_of_a_selector_loses_what_no_cpu_writes() -> None:
    """Exact for ordinary frames; the three 64-bit compares turn away junk in bits that are not loaded."""
    found = of_sample("patch-canonical", ONE + WIDE)
    assert found.status == "exact" and "as a CPU writes them" in found.reason
    assert [one.conditions for one in found.lost] == [
        (
            Condition("bits", "frame.cs", mask=0xFFFF, value=0x33),
            Condition("bits", "frame.cs", mask=TOP & ~0xFFFF, negated=True),
        ),
        (
            Condition("bits", "frame.ss", mask=0xFFFF, value=0x2B),
            Condition("bits", "frame.ss", mask=TOP & ~0xFFFF, negated=True),
        ),
        (
            Condition("same", "frame.rflags", "frame.r11", mask=0x3C7FD5),
            Condition("same", "frame.rflags", "frame.r11", mask=TOP & ~0x3C7FD5, negated=True),
        ),
    ]
    assert all(one.exact and not one.ordinary and not one.ranges for one in found.lost)
    assert all(one.configs == ONE + WIDE for one in found.lost)


def test_a_flag_that_is_refused_without_need() -> None:
    """DF set and TF clear (the same guard tests both; RF is clear in what the saved R11 equals): that is what it loses.

    And what the address test refuses too is lost to both together.
    """
    found = of_sample("slack-direction", ONE)
    flags = Condition("bits", "frame.rflags", mask=0x500, value=0x400)
    alone = [one for one in ordinary(found) if len(one.guards) == 1 and not one.ranges]
    assert [(one.conditions, one.configs, one.exact) for one in alone] == [((flags,), ONE, True)]
    both = [one for one in ordinary(found) if len(one.guards) == 2]
    assert [one.ranges for one in both] == [(UPPER_48,)]
    assert all(flags in one.conditions and one.exact for one in both)


def test_work_that_is_left_to_do_is_told_with_what_it_reads() -> None:
    """The guard that does not look at the frame loses every frame: the condition is the per-CPU flag."""
    found = of_sample("slack-work-flag", ONE)
    work = Condition("bits", "gs:[0x10]", mask=1, value=1)
    alone = [one for one in ordinary(found) if len(one.guards) == 1 and not one.ranges]
    assert [(one.conditions, one.exact) for one in alone] == [((work,), True)]


def test_guards_that_refuse_the_same_are_told_together() -> None:
    """Bit 63 set is refused twice; only the shift refuses what has it clear, and that is canonical for 57 bits only."""
    found = of_sample("slack-twice")
    assert ranges(found) == {LA57: ((1 << 47, (1 << 56) - 1),)}
    both = {one.configs: one.ranges for one in ordinary(found) if len(one.guards) > 1}
    assert both == {LA48: (UPPER_48,), LA57: ((0xFF << 56, TOP),)}
    assert {tuple(lines(one, "slack-twice")) for one in ordinary(found) if len(one.guards) > 1} == {
        ("jnz\tslow", "jc\tslow")
    }


EXACT = """
	begin_tests
	need_rcx_is_rip slow
	movq	%rcx, %rax
	shlq	$7, %rax
	sarq	$7, %rax
	cmpq	%rax, %rcx
	jne	slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
"""
"""The exact tests for 57 bits."""


def test_what_the_iret_gives_is_what_counts(tmp_path: Path) -> None:
    """An arm that changes the saved RAX before its IRET loses only machines for which that is no change."""
    body = "\ttestl $1, %gs:0x10\n\tjnz work\n\tleave_by_sysret\nwork:\tmovq $5, at_rax(%rsp)\nslow:\tleave_by_iret"
    (one,) = ordinary(answer(source(tmp_path, EXACT + body), WIDE))
    assert one.exact and set(one.conditions) == {
        Condition("bits", "gs:[0x10]", mask=1, value=1),
        Condition("bits", "frame.rax", mask=TOP, value=5),
    }


def test_an_iret_with_the_kernels_gs_base_is_not_what_sysret_does(tmp_path: Path) -> None:
    """An arm that forgets SWAPGS gives user space another GS base: nothing is lost to it."""
    arm = "work:\n\tfill_all_but\n\taddq $at_rip, %rsp\n\tiretq"
    body = f"\ttestl $1, %gs:0x10\n\tjnz work\n\tleave_by_sysret\n{arm}\nslow:\tleave_by_iret"
    assert answer(source(tmp_path, EXACT + body), WIDE).status == "exact"


def test_who_goes_elsewhere_is_not_lost(tmp_path: Path) -> None:
    """A trap is no IRET: what it turns away is not told."""
    body = "\ttestl $1, %gs:0x10\n\tjnz 1f\n\tleave_by_sysret\n1:\tud2\nslow:\tleave_by_iret"
    assert answer(source(tmp_path, EXACT + body), WIDE).status == "exact"


def test_an_exit_behind_code_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    """Where the slow arm jumps out of the file nobody knows whether that ends in IRET."""
    body = "\ttestl $1, %gs:0x10\n\tjnz elsewhere\n\tleave_by_sysret\nslow:\tleave_by_iret"
    found = answer(source(tmp_path, EXACT + body), WIDE)
    assert found.status == "unknown" and "leave the analysed code at" in found.reason and not ordinary(found)


def test_a_problem_is_never_exact_and_does_not_hide_what_was_found(tmp_path: Path) -> None:
    """A jump that cannot be followed makes "exact" unknown; what a guard surely loses is told all the same."""
    jump = "\ttestl $1, %gs:0x10\n\tjz 1f\n\tjmp *%rbx\n1:\n"
    rest = "\tleave_by_sysret\nslow:\tleave_by_iret"
    open_ = answer(source(tmp_path, jump + EXACT + rest), WIDE)
    assert open_.status == "unknown" and "the target is not a constant here" in open_.reason
    directory = tmp_path / "second"
    directory.mkdir()
    found = answer(source(directory, jump + "\tneed_everything slow\n" + rest), ONE)
    assert found.status == "slack" and found.reason.startswith("there may be more: ")
    assert (UPPER_48,) in ranges(found).values()


def test_a_solver_that_gives_up_makes_it_unknown() -> None:
    """With next to no budget nothing is claimed."""
    survey, free = explored(SAMPLES / "canonical-shr47.S")
    starved = replace(survey, task=replace(survey.task, budget=Budget(rlimit=1)))
    found = slack(starved, free, survey.exits[0])
    assert (found.status, found.reason, found.lost) == ("unknown", "the solver gave up within its limits", ())


def test_one_configuration_is_asked_for_alone() -> None:
    """Only the configurations of the run count: for 48 bits sign extension is exact."""
    assert of_sample("canonical-sign-extend", LA48).status == "exact"


# Against the emulator, which knows nothing of terms.

CODE, STACK = 0x400000, 0x7000000
SLOTS = {"r11": 0x30, "rcx": 0x58, "rip": 0x80, "cs": 0x88, "rflags": 0x90, "rsp": 0x98, "ss": 0xA0}


def takes_iret(image: Image, frame: dict[str, int], entry: int) -> bool:
    """Whether the bytes of a sample come to the SWAPGS in front of its IRETQ, or to that of its SYSRETQ."""
    section = image.section_at(entry)
    assert section is not None
    cpu = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    cpu.mem_map(CODE, 0x4000)
    cpu.mem_write(CODE, section.data)
    cpu.mem_map(STACK, 0x1000)
    for name, offset in SLOTS.items():
        cpu.mem_write(STACK + offset, frame[name].to_bytes(8, "little"))
    cpu.reg_write(x86_const.UC_X86_REG_RSP, STACK)
    fast = CODE + section.data.index(b"\x0f\x01\xf8\x48\x0f\x07")  # swapgs; sysretq
    slow = CODE + section.data.index(b"\x0f\x01\xf8\x48\xcf")  # swapgs; iretq
    stopped: list[int] = []

    def on_code(uc: unicorn.Uc, address: int, size: int, _: object) -> None:
        if address in (fast, slow):
            stopped.append(address)
            uc.emu_stop()

    cpu.hook_add(unicorn.UC_HOOK_CODE, on_code)
    cpu.emu_start(CODE + entry - section.address, CODE + len(section.data), count=200)
    assert len(stopped) == 1
    return stopped[0] == slow


def sysret_is_right(frame: dict[str, int], width: int) -> bool:
    """Written anew from the manuals: SYSRET with RCX and R11 from their slots gives what IRETQ gives."""
    sign = frame["rip"] >> width - 1
    canonical = sign in (0, (1 << 65 - width) - 1)
    flags = not (frame["rflags"] ^ frame["r11"]) & 0x3C7FD5 and not frame["rflags"] & 0x10100
    selectors = frame["cs"] & 0xFFFF == 0x33 and frame["ss"] & 0xFFFF == 0x2B
    return canonical and flags and selectors and frame["rip"] == frame["rcx"]


@pytest.mark.parametrize("name", ["canonical-shr47", "canonical-sign-extend", "canonical-limit", "slack-twice"])
def test_what_is_told_is_what_the_bytes_do(name: str) -> None:
    """A machine whose frame is right but for its RIP is lost exactly if the RIP is in a range that is told."""
    survey, _ = explored(SAMPLES / f"{name}.S")
    source_of_values = random.Random(name)  # noqa: S311
    for config, width in ((LA48[0], 48), (LA57[1], 57)):
        told = [part for one in ordinary(of_sample(name)) if config in one.configs for part in one.ranges]
        edges = {0, TOP, 1 << 47, (1 << 47) - 1, 1 << 56, (1 << 56) - 1, *(edge for part in told for edge in part)}
        near = {(edge + step) & TOP for edge in edges for step in (-1, 0, 1)}
        inside = {source_of_values.randint(*part) for part in told for _ in range(5)}
        for rip in sorted(near | inside | {source_of_values.getrandbits(64) for _ in range(10)}):
            frame = {"rip": rip, "rcx": rip, "cs": 0x33, "ss": 0x2B, "rflags": 0x246, "r11": 0x246, "rsp": 0x7000}
            lost = takes_iret(survey.task.image, frame, survey.start.address) and sysret_is_right(frame, width)
            assert lost == any(low <= rip <= high for low, high in told), (config, hex(rip))


def test_every_machine_that_is_lost_meets_the_conditions_of_an_entry() -> None:
    """Frames with odd words: a lost one is in an entry, and of those for which SYSRET is right no other is."""
    survey, _ = explored(SAMPLES / "slack-direction.S")
    told = [one for one in ordinary(of_sample("slack-direction", ONE)) if LA48[0] in one.configs]
    chosen = random.Random(1)  # noqa: S311
    for _ in range(150):
        rip, flags = chosen.choice((0x401000, 1 << 47, *UPPER_48)), chosen.choice((0x2, 0x402, 0x502, 0x10402, 0x3402))
        frame = {"rip": rip, "rcx": rip, "cs": 0x33, "ss": 0x2B, "rflags": flags, "r11": flags, "rsp": 0x7000}
        if chosen.random() < 0.3:
            name = chosen.choice(("rcx", "cs", "ss", "r11"))
            frame[name] ^= 8
        lost = takes_iret(survey.task.image, frame, survey.start.address) and sysret_is_right(frame, 48)
        met = any(all(holds(each, frame) for each in one.conditions) for one in told)
        assert met or not lost, frame
        assert lost or not met or not sysret_is_right(frame, 48), frame


def holds(condition: Condition, frame: dict[str, int]) -> bool:
    value = frame[condition.left.removeprefix("frame.")]
    match condition.kind:
        case "range":
            found = any(low <= value <= high for low, high in condition.intervals)
        case "bits":
            found = value & condition.mask == condition.value
        case _:
            raise AssertionError(condition)
    return found != condition.negated

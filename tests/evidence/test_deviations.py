# SPDX-License-Identifier: BSD-2-Clause
"""Each deviation in deviations.py is real today, and we do not follow it."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import archinfo
import deviations
import pytest
import pyvex
import unicorn
from conformance_states import states
from deviations import DEVIATIONS
from instructions import Case
from privileged_cases import privileged_cases
from symbolic_case import explore, image_of, outcome
from unicorn import x86_const
from unicorn_cpu import ANCHORS, SYSTEM, WINDOW, CpuState, UnicornCpu

from verifier.assemble import assemble
from verifier.isa.iret import iretq
from verifier.isa.sysexit import sysexit
from verifier.isa.sysret import sysretq
from verifier.lift.decode import decode
from verifier.lift.symbols import Symbol
from verifier.model import GPRS, Image
from verifier.replay import ReplayRequest, replay

ROOT = Path(__file__).resolve().parents[2]
STACK = ANCHORS[0]
RF_VM, VIF_VIP = 0x30000, 0x180000
FLAGS = 0xFFFFFFFFFFFFFEFF & ~0x100
"""Every bit but TF."""
BAD = 1 << 47
"""The first address that is not canonical for 48 bits."""


# Both sides of one instruction.


def image(directory: Path, text: str) -> Image:
    path = directory / "code.s"
    path.write_text(f"case0: {text}; hlt\n", encoding="utf-8")
    return image_of(assemble(path), "code.o")


def state(cpu: UnicornCpu, registers: Mapping[str, int], system: Mapping[str, int], rflags: int = 2) -> CpuState:
    values = {name: cpu.default(name) for name in SYSTEM} | {"s_cet": 0, "spec_ctrl": 0} | dict(system)
    given = {"rsp": STACK} | dict(registers)
    windows = tuple((anchor, bytes(2 * WINDOW)) for anchor in ANCHORS)
    return CpuState(tuple((name, given.get(name, 0)) for name in GPRS), rflags, windows, tuple(values.items()))


def both(
    directory: Path, text: str, rflags: int = 2, system: Mapping[str, int] | None = None, **registers: int
) -> tuple[CpuState | None, CpuState | None]:
    """The state that Unicorn and the one that the evaluator comes to; None: an exception."""
    code = image(directory, text)
    cpu = UnicornCpu(code)
    before = state(cpu, registers, system or {}, rflags)
    address, after = cpu.run(code.symbols[0].address, before)
    return (None if address is None else after), outcome(explore(code, Case(text), "case0"), before)


def exited(code: str, registers: Mapping[str, int], words: tuple[int, ...] = ()) -> dict[str, int]:
    """The user state that Unicorn comes to with an exit instruction, given in hex."""
    uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_SKYLAKE_CLIENT)
    uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
    for base in (0x10000000, 0x20000000, 0xFFFFFE0000000000):
        uc.mem_map(base, 0x10000)
    uc.mem_write(0x10000000, bytes.fromhex(code))
    uc.mem_write(0x20000100, b"".join(word.to_bytes(8, "little") for word in words))
    for selector, descriptor in ((0x28, 0x00CFF3000000FFFF), (0x30, 0x00AFFB000000FFFF)):
        uc.mem_write(0xFFFFFE0000000000 + selector, descriptor.to_bytes(8, "little"))
    uc.reg_write(x86_const.UC_X86_REG_GDTR, (0, 0xFFFFFE0000000000, 0xFFFF, 0))
    for number, value in ((0xC0000080, 0xD01), (0xC0000081, 0x23 << 48), (0x174, 0x10)):
        uc.msr_write(number, value)
    uc.reg_write(x86_const.UC_X86_REG_RFLAGS, 2)
    for name, value in registers.items():
        uc.reg_write(getattr(x86_const, f"UC_X86_REG_{name.upper()}"), value)
    with pytest.raises(unicorn.UcError, match="FETCH_UNMAPPED"):  # user memory is not mapped
        uc.emu_start(0x10000000, (1 << 64) - 1, count=1)
    return {name: uc.reg_read(getattr(x86_const, f"UC_X86_REG_{name.upper()}")) for name in ("rip", "rflags", "rsp")}


def lifted(code: str) -> str:
    """VEX's statements for an instruction in hex, without the update of RIP."""
    raw = bytes.fromhex(code)
    block = pyvex.lift(raw, 0x1000, archinfo.ArchAMD64(), max_inst=1, opt_level=0, max_bytes=len(raw))
    lines = (str(statement) for statement in block.statements)
    return "\n".join(
        line for line in lines if not re.match(r"-+ IMark|PUT\(offset=184\)|t\d+ = GET:I64\(offset=184\)", line)
    )


def always_is(value: int) -> Callable[[Symbol], int]:
    return lambda _: value


# One demonstration for each entry. It gets a directory, and asserts both halves.


def sysret_canonical(_: Path) -> None:
    assert exited("480f07", {"rcx": BAD, "r11": 2})["rip"] == BAD
    assert sysretq({"rcx": BAD, "r11": 2, "rsp": 0}, 0x23 << 48, False, False).fault is True


def sysret_rf_vm(_: Path) -> None:
    theirs = exited("480f07", {"rcx": 0x401000, "r11": FLAGS})["rflags"]
    assert theirs & (RF_VM | VIF_VIP) == RF_VM
    assert sysretq({"rcx": 0x401000, "r11": FLAGS, "rsp": 0}, 0, False, False).rflags & (RF_VM | VIF_VIP) == VIF_VIP


def sysexit_canonical(_: Path) -> None:
    assert exited("480f35", {"rdx": BAD, "rcx": 0x7000})["rip"] == BAD
    assert sysexit({"rdx": BAD, "rcx": 0x7000}, 2, 0x10, True, False, False).fault is True


def sysexit_truncation(_: Path) -> None:
    theirs = exited("0f35", {"rdx": 0x1200401000, "rcx": 0x3400007000})
    assert (theirs["rip"], theirs["rsp"]) == (0x1200401000, 0x3400007000)
    ours = sysexit({"rdx": 0x1200401000, "rcx": 0x3400007000}, 2, 0x10, False, False, False)
    assert (ours.rip, ours.rsp) == (0x401000, 0x7000)


def iretq_canonical(_: Path) -> None:
    assert exited("48cf", {"rsp": 0x20000100}, (BAD, 0x33, 2, 0x7000, 0x2B))["rip"] == BAD
    assert iretq({"rip": BAD, "cs": 0x33, "rflags": 2, "rsp": 0x7000, "ss": 0x2B}, False).fault is True


def iretq_vif_vip(_: Path) -> None:
    theirs = exited("48cf", {"rsp": 0x20000100}, (0x401000, 0x33, FLAGS, 0x7000, 0x2B))["rflags"]
    assert theirs & VIF_VIP == 0
    frame = {"rip": 0x401000, "cs": 0x33, "rflags": FLAGS, "rsp": 0x7000, "ss": 0x2B}
    assert iretq(frame, False).rflags & VIF_VIP == VIF_VIP


def cr3_bit_63(directory: Path) -> None:
    theirs, ours = both(directory, "mov %rax, %cr3; mov %cr3, %rbx", rax=1 << 63 | 0x1000)
    assert theirs is not None and theirs.register("rbx") == 1 << 63 | 0x1000
    assert ours is not None and ours.register("rbx") == 0x1000


def cr8_reads_0(directory: Path) -> None:
    theirs, ours = both(directory, "mov %cr8, %rbx", system={"cr8": 5})
    assert theirs is not None and theirs.register("rbx") == 0
    assert ours is not None and ours.register("rbx") == 5


def wrmsr_canonical(directory: Path) -> None:
    for number, name in ((0xC0000082, "lstar"), (0xC0000102, "kernel_gs_base")):
        theirs, ours = both(directory, f"mov ${number:#x}, %ecx; wrmsr", rdx=BAD >> 32)
        assert theirs is not None and theirs.named(name) == BAD
        assert ours is None


def wrbase_canonical(directory: Path) -> None:
    theirs, ours = both(directory, "wrgsbase %rax", rax=BAD, system={"cr4": 0x20 | 1 << 16})
    assert theirs is not None and theirs.named("gs_base") == BAD
    assert ours is None


def msr_forgotten(directory: Path) -> None:
    theirs, ours = both(directory, "mov $0x48, %ecx; mov $1, %eax; xor %edx, %edx; wrmsr; xor %eax, %eax; rdmsr")
    assert theirs is not None and theirs.register("rax") == 0
    assert ours is not None and ours.register("rax") == 1


def pushfq_rf(directory: Path) -> None:
    code = image(directory, "pushfq")
    cpu = UnicornCpu(code)
    _, after = cpu.run(code.symbols[0].address, state(cpu, {}, {}, 0x10002))
    assert after.load(STACK - 8, 8) == 0x10002
    # The evaluator's RF and VM are 0 at CPL 0 outside the debugger; the step itself is asked.
    stored: list[int] = []
    decoded = decode(b"\x9c", 0)

    class Machine:
        def gpr(self, _: int) -> int:
            return 0x1000

        def set_gpr(self, _: int, value: int) -> None: ...

        def get(self, name: str) -> int:
            return int(name in ("rf", "vm", "cf"))

        def store(self, _: int, value: int, size: int) -> None:
            stored.append(value)

    assert decoded.system is not None and decoded.system.step is not None
    decoded.system.step(Machine(), decoded.encoding)  # type: ignore[arg-type]
    assert stored == [3]


def access_canonical(directory: Path) -> None:
    code = image(directory, "mov (%rax), %rbx")
    cpu: Any = UnicornCpu(code)
    cpu._uc.mem_map(BAD, 0x1000)
    cpu._uc.mem_write(BAD, b"\x07")
    cpu._fresh = cpu._uc.context_save()
    address, after = cpu.run(code.symbols[0].address, state(cpu, {"rax": BAD}, {}))
    assert address is not None and after.register("rbx") == 7
    request = ReplayRequest(
        entry=code.symbols[0].address, stop_at=code.symbols[0].address + 3,
        registers=tuple((name, BAD if name == "rax" else 0) for name in GPRS), rflags=2, gs_base=0, kernel_gs_base=0,
        fs_base=0, cr3=0x1000, cr4=0, msrs=(), memory=(), calls=(), havoc_calls=frozenset(), flag_patches=(),
        max_instructions=10,
    )  # fmt: skip
    assert "non-canonical" in replay(code, request).reason


def cmpxchg_destination(directory: Path) -> None:
    code = image(directory, "cmpxchg %ebx, %ecx")
    cpu = UnicornCpu(code)
    _, after = cpu.run(code.symbols[0].address, state(cpu, {"rax": 1, "rcx": 7 << 32 | 2, "rbx": 3}, {}))
    assert after.register("rcx") == 2
    assert decode(bytes.fromhex("0fb1d9"), 0).problem.startswith("whether it clears the upper half")


def cmpxchg_accumulator(directory: Path) -> None:
    theirs, ours = both(directory, "cmpxchg %ebx, 8(%rsp)", rax=7 << 32, rbx=3)
    assert theirs is not None and theirs.register("rax") == 0
    assert ours is not None and ours.register("rax") == 7 << 32


def second_exception(directory: Path) -> None:
    code = image(directory, "div %rcx")
    uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    uc.mem_map(0x10000000, 0x1000)
    uc.mem_write(0x10000000, code.sections[0].data)
    found: list[int] = []
    uc.hook_add(unicorn.UC_HOOK_INTR, lambda uc, number, _: stop(uc, found, number))
    for _ in range(3):
        uc.emu_start(0x10000000, (1 << 64) - 1)
    assert found == [0, 8]
    cpu = UnicornCpu(code)
    assert [cpu.run(code.symbols[0].address, state(cpu, {}, {}))[0] for _ in range(3)] == [None, None, None]


def stop(uc: Any, found: list[int], number: int) -> None:
    found.append(number)
    uc.emu_stop()


def vex_swapgs(directory: Path) -> None:
    assert lifted("0f01f8") == ""
    _, ours = both(directory, "swapgs", system={"gs_base": 1, "kernel_gs_base": 2})
    assert ours is not None and (ours.named("gs_base"), ours.named("kernel_gs_base")) == (2, 1)


def vex_cr3(directory: Path) -> None:
    assert "64to32" in lifted("0f22d8") and "64to32" in lifted("0f20d8")
    _, ours = both(directory, "mov %rax, %cr3; mov %cr3, %rbx", rax=0x12345678_9ABCD000)
    assert ours is not None and ours.register("rbx") == 0x12345678_9ABCD000


def vex_cli(directory: Path) -> None:
    assert lifted("fa") == ""
    _, ours = both(directory, "cli", rflags=0x202)
    assert ours is not None and ours.rflags & 0x200 == 0


def vex_popfq(directory: Path) -> None:
    text = lifted("9d")
    # CF to OF in one mask, and DF, ID and AC (bits 10, 21, 18) by themselves: no TF, IF, IOPL, NT.
    assert re.findall(r"Shr64\(t0,0x([0-9a-f]+)\)", text) == ["0a", "15", "12"]
    assert re.findall(r"And64\(t0,0x0*([0-9a-f]+)\)", text) == ["8d5"]
    _, ours = both(directory, "pushq $0x7202; popfq")
    assert ours is not None and ours.rflags == 0x7200


def vex_pushfq(directory: Path) -> None:
    text = lifted("9c")
    assert "0x0000000000000200" not in text and "0x0000000000003000" not in text and "0x0000000000004000" not in text
    _, ours = both(directory, "pushfq; popq %rax", rflags=0x7202)
    assert ours is not None and ours.register("rax") == 0x7202


def vex_undefined(directory: Path) -> None:
    text = lifted("4821d8")  # and %rbx, %rax: the thunk has the result, and no place for another AF
    assert "offset=152" in text and "PUT(offset=160) = 0x0000000000000000" in text
    code = explore(image(directory, "and %rbx, %rax"), Case("and %rbx, %rax"), "case0")
    before = state(UnicornCpu(image(directory, "and %rbx, %rax")), {"rax": 1, "rbx": 3}, {})
    seen = [outcome(code, before, always_is(value)) for value in (0, 1)]
    assert [one is not None and one.rflags & 0x10 for one in seen] == [0, 0x10]


def vex_bt(directory: Path) -> None:
    assert "STle" in lifted("480fa3d8")
    _, ours = both(directory, "bt %rbx, %rax", rax=2, rbx=1)
    assert ours is not None and ours.rflags & 1 == 1
    assert ours.windows[0][1] == bytes(2 * WINDOW)


def vex_div(directory: Path) -> None:
    text = lifted("48f7f1")
    assert len(re.findall(r"if \(", text)) == 1 and "CmpEQ64" in text
    assert both(directory, "div %rcx", rcx=1, rdx=1) == (None, None)


def vex_cmpxchg(directory: Path) -> None:
    assert re.search(r"32Uto64\(t\d+\)\nPUT\(offset=16\)", lifted("0fb11e"))
    _, ours = both(directory, "cmpxchg %ebx, 8(%rsp)", rax=7 << 32, rbx=3)
    assert ours is not None and ours.register("rax") == 7 << 32


def vex_rex(_: Path) -> None:
    assert "Add64" in lifted("486601d8")
    assert decode(bytes.fromhex("486601d8"), 0).problem.startswith("a REX prefix that the CPU ignores")


def vex_scan(directory: Path) -> None:
    assert "64to32" in lifted("0fbcc3") and "32Uto64" in lifted("0fbcc3")
    code = explore(image(directory, "bsf %ebx, %eax"), Case("bsf %ebx, %eax"), "case0")
    before = state(UnicornCpu(image(directory, "bsf %ebx, %eax")), {"rax": 7 << 32 | 5}, {})
    seen = [outcome(code, before, always_is(value)) for value in (0, (1 << 64) - 1)]
    assert [one is not None and one.register("rax") for one in seen] == [0, (1 << 64) - 1]


DEMONSTRATIONS: dict[str, Callable[[Path], None]] = {
    name.replace("_", "-"): function
    for name, function in list(globals().items())
    if name.replace("_", "-") in {one.id for one in DEVIATIONS}
}


@pytest.mark.parametrize("one", DEVIATIONS, ids=lambda one: one.id)
def test_the_deviation_is_real_and_not_ours(one: deviations.Deviation, tmp_path: Path) -> None:
    """The named version does what the list says, and what we do is what the manual says."""
    DEMONSTRATIONS[one.id](tmp_path)


def test_the_list_is_complete() -> None:
    """Ids are unique; what the conformance run sets aside is in the list; versions are those that are pinned."""
    ids = [one.id for one in DEVIATIONS]
    assert len(ids) == len(set(ids))
    assert all(re.search(r"(SDM|APM) vol\. \d", one.manual) for one in DEVIATIONS)
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    for one in DEVIATIONS:
        name, version = one.of.split()
        assert f"{name.lower().replace('vex', 'pyvex')}=={version}" in pinned
    cpu = UnicornCpu(replace_code())
    defaults = {name: cpu.default(name) for name in SYSTEM} | {"s_cet": 0, "spec_ctrl": 0}
    used = {
        case.deviates(before)
        for case in privileged_cases()
        for before in states(case, 60, random.Random(1), defaults)  # noqa: S311
    }
    assert used - {"", "absent"} <= set(ids)
    assert used >= {"", "absent", "cr3-bit-63", "cr8-reads-0", "wrmsr-canonical", "wrbase-canonical"}


def replace_code() -> Image:
    """An image without code."""
    return Image("", "", (), (), (), ())


def test_the_table_has_every_entry() -> None:
    """One row each, under the heading, with all of its columns."""
    rows = deviations.table().splitlines()
    assert len(rows) == len(DEVIATIONS) + 2
    assert {row.count(" | ") for row in rows[2:]} == {4}

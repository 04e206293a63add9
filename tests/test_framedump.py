# SPDX-License-Identifier: BSD-2-Clause
"""verifier.framedump: the same frame out of every form of dump, and a clear error out of everything else."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from verifier.framedump import DUMP_BYTES, register_sets, user_registers
from verifier.model import UserError

RIP, RSP, RFLAGS = 0x7F0012345678, 0x7FFD8C7B2E18, 0x246
FRAME = {"rip": RIP, "cs": 0x33, "rflags": RFLAGS, "rsp": RSP, "ss": 0x2B, "rax": (1 << 64) - 38, "r11": RFLAGS}

KERNEL = """\
[   12.345678] RIP: 0010:do_thing+0x12/0x30
[   12.345679] Code: 0f 0b 48 89 e5
[   12.345680] RSP: 0018:ffffc90000003e50 EFLAGS: 00010246
[   12.345681] RAX: 0000000000000000 RBX: 0000000000000001 RCX: 0000000000000002
[   12.345682] R10: 0000000000000000 R11: 0000000000000000 R12: 0000000000000003
[   12.345683] FS:  00007f0000000000(0000) GS:ffff88813bc00000(0000) knlGS:0000000000000000
[   12.345684] CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033
[   12.345685] CR2: 0000000000000010 CR3: 0000000102e5a000 CR4: 0000000000750ef0
"""
USER = """\
RIP: 0033:0x7f0012345678
Code: Unable to access opcode bytes at RIP 0x7f001234564e.
RSP: 002b:00007ffd8c7b2e18 EFLAGS: 00000246 ORIG_RAX: 0000000000000001
RAX: ffffffffffffffda RBX: 0000000000000000 RCX: 00007f0012345678
RBP: 0000000000000000 R08: 0000000000000008 R09: 0000000000000009
R10: 0000000000000000 R11: 0000000000000246 R12: 0000000000000000
"""
SYSLOG = "".join(f"Jan  2 03:04:05 host kernel: [   12.345690] {line}\n" for line in USER.splitlines())
OLD = """\
<4>[   12.345678] RIP: 0033:[<00007f0012345678>]  [<00007f0012345678>] 0x7f0012345678
<4>[   12.345678] RSP: 002b:00007ffd8c7b2e18  EFLAGS: 00000246
<4>[   12.345678] RAX: ffffffffffffffda RBX: 0000000000000000 R11: 0000000000000246
"""
GDB_INFO = """\
rax            0xffffffffffffffda  -38
rbx            0x0                 0
rsp            0x7ffd8c7b2e18      0x7ffd8c7b2e18
r11            0x246               582
rip            0x7f0012345678      0x7f0012345678 <write+24>
eflags         0x246               [ PF ZF IF ]
cs             0x33                51
ss             0x2b                43
ds             0x0                 0
fs_base        0x7f0000000000      139637976727552
k0             0x0                 0
"""
GDB_PRINT = (
    "$1 = {r15 = 0x0, r14 = 5, bp = 0, bx = 0, r11 = 582, ax = -38, orig_ax = 1, ip = 139638282147448, "
    "{cs = 51, csx = 51, fred_cs = {cs = 51, sl = 0, wfe = 0}}, flags = 582, sp = 140726960336408, "
    "{ss = 43, ssx = 43, fred_ss = {ss = 43, sti = 0}}}"
)
DRGN = """\
(struct frame){
\t.r11 = (unsigned long)582,
\t.ax = (unsigned long)18446744073709551578,
\t.ip = (unsigned long)139638282147448,
\t.cs = (unsigned long)51,
\t.flags = (unsigned long)582,
\t.sp = (unsigned long)140726960336408,
\t.ss = (unsigned long)43,
}
"""
QEMU = """\
RAX=ffffffffffffffda RBX=0000000000000000 RCX=00007f0012345678 RDX=0000000000000000
R8 =0000000000000000 R9 =0000000000000000 R10=0000000000000000 R11=0000000000000246
RSI=0000000000000000 RDI=0000000000000001 RBP=0000000000000000 RSP=00007ffd8c7b2e18
RIP=00007f0012345678 RFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0
ES =0000 0000000000000000 ffffffff 00c00100
CS =0033 0000000000000000 ffffffff 00a0fb00 DPL=3 CS64 [-RA]
SS =002b 0000000000000000 ffffffff 00c0f300 DPL=3 DS   [-WA]
CR0=80050033 CR2=00007f0000001000 CR3=0000000102e5a000 CR4=00750ef0
"""
CRASH = """\
    RIP: 00007f0012345678  RSP: 00007ffd8c7b2e18  RFLAGS: 00000246
    RAX: ffffffffffffffda  RBX: 0000000000000000  RCX: 00007f0012345678
    R10: 0000000000000000  R11: 0000000000000246  R12: 0000000000000000
    ORIG_RAX: 0000000000000001  CS: 0033  SS: 002b
"""


@pytest.mark.parametrize(
    "text",
    [USER, SYSLOG, OLD, GDB_INFO, GDB_PRINT, DRGN, QEMU, CRASH, KERNEL + USER, KERNEL + USER + KERNEL, USER + USER],
    ids=["oops", "syslog", "old", "gdb-info", "gdb-print", "drgn", "qemu", "crash", "after", "between", "twice"],
)
def test_every_form_gives_the_frame(text: str) -> None:
    """Each form is read to the same words; a kernel's own registers around them do not count."""
    found = dict(user_registers(text.encode(), "dump").values)
    assert {name: found[name] for name in FRAME} == FRAME


def test_line_of_the_set_and_carriage_returns() -> None:
    """The set that is taken says where it begins, and lines may end in CR LF."""
    assert user_registers((KERNEL + USER).encode(), "dump").line == 9
    assert dict(user_registers(USER.replace("\n", "\r\n").encode(), "dump").values)["rip"] == RIP


def test_code_and_control_registers_are_no_frame() -> None:
    """What is named alike and is no saved word (CR2, knlGS, "at RIP 0x…") is not taken for one."""
    found = dict(user_registers((KERNEL + USER).encode(), "dump").values)
    general = {"rax", "rbx", "rcx", "rbp", "r8", "r9", "r10", "r11", "r12"}
    assert found.keys() == {"rip", "cs", "rsp", "ss", "rflags", "orig_rax", *general}
    assert (found["r8"], found["r9"]) == (8, 9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no registers were found"),
        ("nothing to see here\n", "no registers were found"),
        (KERNEL, "RPL 3"),
        (GDB_INFO.replace("0x33 ", "0x10 "), "RPL 3"),
        (USER + USER.replace("12345678", "12345679"), "several sets of user-mode registers, at lines 1, 7"),
        ("RAX: 1234567890123456789012345678901\n", "more than 64 bits"),
        ("ip = 99999999999999999999999, cs = 51\n", "more than 64 bits"),
        ("sp = -9223372036854775809, cs = 51\n", "more than 64 bits"),
    ],
)
def test_what_is_no_one_frame_is_an_error(text: str, said: str) -> None:
    """No frame, a frame of kernel mode only, several, or a value that no register holds: one line that says so."""
    with pytest.raises(UserError) as caught:
        user_registers(text.encode(), "dump")
    assert (caught.value.code, caught.value.exit_code) == ("dump-invalid", 4)
    assert said in caught.value.message and "\n" not in caught.value.message


def test_one_set_without_cs_will_do() -> None:
    """Where a dump has one set and no CS at all, nothing says that it is of kernel mode."""
    assert dict(user_registers(b"rip 0x401000 0x401000\nrcx 0x401000 1\n", "dump").values) == {
        "rip": 0x401000,
        "rcx": 0x401000,
    }


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * DUMP_BYTES,
        b"RIP: " * (DUMP_BYTES // 5),
        b"RIP: 0033:" * (DUMP_BYTES // 10),
        b"=" * DUMP_BYTES,
        b"RAX: " + b"f" * (DUMP_BYTES - 5),
        b"ip = " + b"9" * (DUMP_BYTES - 5),
        b"rax " * (DUMP_BYTES // 4),
        b"\x1b[31m\xff\xfe" * (DUMP_BYTES // 8),
        b"RAX: 1\n" * (DUMP_BYTES // 7),
        b"x" * (DUMP_BYTES + 1),
    ],
    ids=["nul", "names", "selectors", "equals", "digits", "decimal", "rows", "escapes", "repeated", "large"],
)
def test_hostile_dumps_end(data: bytes) -> None:
    """A megabyte of anything is read in linear time: to an error of one line, or to registers."""
    try:
        user_registers(data, "dump")
    except UserError as error:
        assert error.code == "dump-invalid" and "\n" not in error.message


@given(st.binary(max_size=300) | st.text("RIPAXS0123456789abcdefx:=. ,{}\n-", max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Arbitrary bytes give values of 64 bits or dump-invalid, and nothing else."""
    try:
        found = register_sets(data.decode("utf-8", "replace"), "dump")
    except UserError as error:
        assert error.code == "dump-invalid"
    else:
        assert all(0 <= value < 1 << 64 for one in found for _, value in one.values)

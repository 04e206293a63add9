# SPDX-License-Identifier: BSD-2-Clause
"""Where the analysis of an exit starts if nobody names an entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st
from streams import BASE, image, instructions, starts

from verifier.assemble import assemble
from verifier.boundaries import Boundaries
from verifier.entries import Entries, automatic
from verifier.image import load_object
from verifier.model import Choice, Image, PatchSite, Symbol
from verifier.predecessors import Predecessors

FRAME = """\
        nop
        endbr64
entry:  swapgs
        push    %rax
        push    %r15
built:  xor     %esi, %esi
        mov     %rsp, %rdi
        call    work
back:   pop     %r15
        pop     %rax
        swapgs
exit:   sysretq
        int3
"""

Build = Callable[[str], Image]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Assemble a text; its image keeps all symbols."""
    directory = tmp_path_factory.mktemp("entries")

    def run(text: str) -> Image:
        path = directory / "a.S"
        path.write_text(text)
        return load_object(assemble(path), "a.o", "00")

    return run


def at(made: Image, name: str) -> int:
    """The address of a symbol."""
    symbol = made.symbol(name)
    assert symbol is not None
    return symbol.address


def stripped(made: Image) -> Image:
    """The image without names and lines, as a stripped kernel is."""
    return replace(made, symbols=(), lines=())


def found(made: Image, *patches: PatchSite, keep: bool = False) -> Entries:
    """The starts of the exit at the symbol ``exit``, found without looking at symbols unless ``keep``."""
    return automatic(replace(made if keep else stripped(made), patches=patches), at(made, "exit"))


def named(made: Image, entries: Entries) -> tuple[list[str], list[str]]:
    """kind:symbol of both levels, in the order of addresses."""
    names = {symbol.address: symbol.name for symbol in made.symbols}

    def show(address: int) -> str:
        return names.get(address, hex(address))

    return (
        [f"{start.kind}:{show(start.address)}" for start in entries.nearest],
        [f"{start.kind}:{show(start.address)}" for start in entries.complete],
    )


def test_behind_the_call_and_behind_the_frame(build: Build) -> None:
    """The nearest start is where the last call returns, the complete one behind the last push."""
    made = build(FRAME)
    assert named(made, found(made)) == (["return:back"], ["frame:built"])
    assert found(made).problems == ()
    assert named(made, found(made, keep=True)) == (["return:back"], ["frame:built"])


def test_a_stub_starts_at_its_beginning(build: Build) -> None:
    """Without a call the function's start is both levels; the padding in front is not part of it, ENDBR64 is."""
    made = build("iretq\nnop\nnopw 0(%rax,%rax)\nint3\nnop\nstub: endbr64\nmov $-38, %eax\nexit: sysretl\n")
    assert named(made, found(made)) == (["function:stub"], ["function:stub"])


@pytest.mark.parametrize("end", ["jmp elsewhere", "ret", "iretq", "sysretq", "ud2", "int3", "jmp *%rax", "lret"])
def test_nothing_comes_out_of_what_does_not_go_on(build: Build, end: str) -> None:
    """Control does not fall through a jump, a return, an exit or a trap."""
    made = build(f"call work\n{end}\nstub: mov %eax, %ecx\nexit: sysretq\nelsewhere: nop\n")
    assert named(made, found(made))[0] == ["function:stub"]


def test_a_trap_that_comes_back_is_gone_through(build: Build) -> None:
    """Control goes on behind a UD2 whose handler resumes there."""
    made = build("call work\nback: mov %eax, %ecx\ntrap: ud2\nstub: swapgs\nexit: sysretq\n")
    resuming = replace(made, resumes=frozenset({at(made, "trap")}))
    assert named(made, found(made))[0] == ["function:stub"]
    assert named(made, found(resuming))[0] == ["return:back"]


def test_a_branch_that_is_made_a_return_leads_nowhere(build: Build) -> None:
    """A jump to a return thunk is RET: it neither goes on nor leads to the thunk."""
    made = build("call a\nback: jne way\ncall b\nthunked: jmp.d32 way\nint3\nway: swapgs\nexit: sysretq\n")
    assert named(made, found(made))[0] == ["return:back", "return:thunked"]
    returning = replace(made, returns=frozenset({at(made, "thunked")}))
    assert named(made, found(returning))[0] == ["return:back"]


@pytest.mark.parametrize("jump", ["jmp", "jne", "jmp.d32", "jne.d32", "bnd jmp", "jrcxz", "loop", "xbegin"])
@pytest.mark.parametrize("far", ["", ".skip 90, 0x90\n"], ids=["near", "farther"])
def test_jumps_lead_back(build: Build, jump: str, far: str) -> None:
    """Each kind of direct jump to the way to the exit is followed back, from in front and from behind."""
    made = build(
        f"call a\nfront: {jump} way\nret\n{far}int3\nway: mov %eax, %ecx\nexit: sysretq\n"
        f"{far}call b\nbehind: {jump} way\nret\n"
    )
    assert named(made, found(made))[0] == ["return:front", "return:behind"]


def test_jumps_from_other_sections_lead_back(build: Build) -> None:
    """A jump may come from anywhere in executable sections."""
    made = build(f'{FRAME}\n.section .far, "ax"\n.skip 300000, 0xcc\ncall work\nfar: jne back\nret\n')
    assert named(made, found(made))[0] == ["return:back", "return:far"]


def test_the_target_of_a_call_is_a_start(build: Build) -> None:
    """A function that is called starts the way to its exit; who calls it does not matter."""
    made = build("push %rax\ncall leave\nret\nint3\nleave: swapgs\nexit: sysretq\n")
    assert named(made, found(made)) == (["function:leave"], ["function:leave"])


def test_a_function_symbol_ends_the_way_through_jumps(build: Build) -> None:
    """A function that is only jumped to is a start if a symbol says so; without symbols its callers are."""
    made = build("call work\nback: jmp leave\n.type leave, @function\nleave: swapgs\nexit: sysretq\n")
    assert named(made, found(made, keep=True))[0] == ["function:leave"]
    assert named(made, found(made))[0] == ["return:back"]


def test_code_that_a_patch_jumps_over_or_not(build: Build) -> None:
    """A jump that becomes NOPs falls through, and NOPs that become a jump do not hide who else comes."""
    made = build("call a\nleft: jmp\t1f\ncall b\nmiddle: wrmsr\n1: swapgs\nexit: sysretq\n")
    site = at(made, "left")
    nops = PatchSite(site, 2, (Choice("switch", False, b"\x90\x90"),))
    assert named(made, found(made))[0] == ["return:left", "return:middle"]
    straight = build("call a\nleft: jmp\t1f\nwrmsr\n1: swapgs\nexit: sysretq\n")
    without, with_patch = (
        automatic(replace(stripped(straight), patches=patches), at(straight, "exit")) for patches in ((), (nops,))
    )
    assert [start.kind for start in without.nearest] == ["return", "function"]
    assert named(straight, with_patch)[0] == ["return:left"]


def test_a_jump_that_only_a_patch_holds(build: Build) -> None:
    """Replacing code that jumps to the way to the exit is a predecessor."""
    made = build(f"{FRAME}\ncall a\nother: .skip 5, 0x90\nret\n")
    site = at(made, "other")
    jump = b"\xe9" + (at(made, "back") - site - 5).to_bytes(4, "little", signed=True)
    for code in (jump, b"\xeb" + (at(made, "back") - site - 2).to_bytes(1, "little", signed=True) + b"\x90\x90\x90"):
        patch = PatchSite(site, 5, (Choice("first", False, b"\x90" * 5), Choice("switch", False, code)))
        assert named(made, found(made, patch))[0] == ["return:back", "return:other"]


def test_a_call_that_a_patch_replaces_is_walked_through(build: Build) -> None:
    """Behind a call that is there or not nothing begins: the start is further in front."""
    made = build("call a\nback: .skip 5, 0x90\nmov %eax, %ecx\nexit: sysretq\nhelp: ret\n")
    site = at(made, "back")
    call = b"\xe8" + (at(made, "help") - site - 5).to_bytes(4, "little", signed=True)
    patch = PatchSite(site, 5, (Choice("switch", False, call),))
    assert named(made, found(made, patch))[0] == ["return:back"]


def test_a_call_inside_a_patch_is_no_function(build: Build) -> None:
    """Code that fills the return predictor by calling over a trap goes on behind it, and blurs where the stack is."""
    made = build("push %rax\ncall a\nback: .skip 10, 0x90\nswapgs\nexit: sysretq\n")
    fill = bytes.fromhex("e801000000 cc 4883c408")
    patch = PatchSite(at(made, "back"), 10, (Choice("switch", False, fill),))
    assert named(made, found(made, patch))[0] == ["return:back"]
    behind = build("push %rax\nbuilt: call a\none: .skip 10, 0x90\ncall b\nback: swapgs\nexit: sysretq\n")
    patch = PatchSite(at(behind, "one"), 10, (Choice("switch", False, fill),))
    assert named(behind, found(behind)) == (["return:back"], ["frame:built"])
    assert named(behind, found(behind, patch)) == (["return:back"], [])


def test_nops_that_may_be_replaced_are_no_padding(build: Build) -> None:
    """A patch site at the beginning of a function belongs to it."""
    made = build("ret\nint3\nnop\nfirst: .skip 3, 0x90\nrest: swapgs\nexit: sysretq\n")
    patch = PatchSite(at(made, "first"), 3, (Choice("switch", False, b"\x0f\x01\xca"),))
    assert named(made, found(made))[0] == ["function:rest"]
    assert named(made, found(made, patch))[0] == ["function:first"]


def test_code_behind_a_jump_inside_a_patch_is_dead(build: Build) -> None:
    """The filling behind a jump in replacing code is no start."""
    made = build("call a\nback: .skip 6, 0x90\nswapgs\nexit: sysretq\n")
    patch = PatchSite(at(made, "back"), 6, (Choice("switch", False, b"\xeb\x04" + b"\x90" * 4),))
    assert named(made, found(made, patch))[0] == ["return:back"]


def test_replacing_code_that_is_not_known_falls_through(build: Build) -> None:
    """A variant without known code neither hides what is in front nor stops the walk."""
    made = build("call a\nback: .skip 3, 0x90\nswapgs\nexit: sysretq\n")
    patch = PatchSite(at(made, "back"), 3, (Choice("switch", False, b"", problem="not understood"),))
    assert named(made, found(made, patch))[0] == ["return:back"]


def test_a_gap_filled_with_nops_is_not_run_through(build: Build) -> None:
    """What stands in front of a long run of NOPs does not lead to what is behind."""
    made = build("call a\nback: mov %eax, %ecx\n.skip 700, 0x90\nstub: swapgs\nexit: sysretq\n")
    assert named(made, found(made))[0] == ["function:stub"]
    short = build("call a\nback: mov %eax, %ecx\n.skip 40, 0x90\nstub: swapgs\nexit: sysretq\n")
    assert named(short, found(short))[0] == ["return:back"]


@pytest.mark.parametrize(
    "between",
    [
        "push $2\npopf",
        "pushfq\npop %rcx",
        "push %rax\ncall help\npop %rax",
        "call help",
        "lea 8(%rsp), %rdi",
        "cmp %rax, %rsp",
        "mov %cr3, %rax",
        "test $1, %al\njne 1f\npush $2\npopf\n1:",
    ],
)
def test_balanced_code_behind_the_frame(build: Build, between: str) -> None:
    """Calls, and words that are pushed and popped again, are passed on the way back to the frame."""
    made = build(f"push %rax\nbuilt: xor %esi, %esi\n{between}\ncall work\nback: swapgs\nexit: sysretq\n")
    assert named(made, found(made)) == (["return:back"], ["frame:built"])


@pytest.mark.parametrize(
    "last", ["sub $120, %rsp", "add $-120, %rsp", "lea -120(%rsp), %rsp", "mov %gs:8, %rsp", "mov %rax, %rsp", "pushfq"]
)
def test_what_completes_a_frame(build: Build, last: str) -> None:
    """A frame is built by pushing, by lowering RSP and by loading it."""
    made = build(f"{last}\nbuilt: xor %esi, %esi\ncall work\nback: swapgs\nexit: sysretq\n")
    assert named(made, found(made)) == (["return:back"], ["frame:built"])


@pytest.mark.parametrize(
    "last",
    [
        "pop %rax",
        "pop %rsp",
        "popfq",
        "add $8, %rsp",
        "sub $-8, %rsp",
        "lea 8(%rsp), %rsp",
        "lea (%rsp,%rax), %rsp",
        "and $-16, %rsp",
        "xchg %rsp, %rax",
        "leave",
        "mov %cr3, %rsp",
        "rdgsbase %rsp",
        "mov %eax, %esp",
        "push %ax",
        "enter $8, $0",
        "pop %rcx\npop %rax",
        "sub $8, %rsp\npop %rax",
    ],
)
def test_a_frame_that_is_taken_down_has_no_complete_start(build: Build, last: str) -> None:
    """Where RSP goes up, or in a way that is not plain, only the nearest start is known, and a problem says so."""
    made = build(f"xor %ecx, %ecx\n{last}\nxor %esi, %esi\ncall work\nback: swapgs\nexit: sysretq\n")
    entries = found(made)
    assert named(made, entries) == (["return:back"], [])
    assert len(entries.problems) == 1


def test_the_complete_walk_may_end_at_a_function(build: Build) -> None:
    """If nothing moves RSP, the way begins with the function."""
    made = build("stub: swapgs\ncall work\nback: swapgs\nexit: sysretq\n")
    assert named(made, found(made)) == (["return:back"], ["function:stub"])


def test_two_frames_that_share_an_exit(build: Build) -> None:
    """Each way has its own start; a call's return point in the middle of another way is one as well."""
    made = build(
        "push %rax\none: mov %rsp, %rdi\ncall a\nfirst: jmp join\nint3\n"
        "push %rcx\ntwo: mov %rsp, %rdi\ncall b\njoin: test %al, %al\nje slow\nexit: sysretl\nslow: ud2\n"
    )
    assert named(made, found(made)) == (["return:first", "return:join"], ["frame:one", "frame:two"])


def test_a_region_without_end_is_a_problem(build: Build) -> None:
    """More code than the limit in front of the exit gives no starts but a reason."""
    made = build(".rept 5000\nxor %eax, %ecx\n.endr\nexit: sysretq\n")
    entries = found(made)
    assert (entries.nearest, entries.complete) == ((), ())
    assert "more than" in entries.problems[0]


def test_a_loop_that_nothing_enters_is_a_problem(build: Build) -> None:
    """A way that has no beginning is not passed over in silence."""
    made = build("ret\nagain: dec %ecx\njne again\nexit: sysretq\n")
    entries = found(made)
    assert entries.nearest == ()
    assert hex(at(made, "again")) in entries.problems[0]


def test_bytes_without_known_boundaries_are_a_problem() -> None:
    """Where nobody can tell where instructions start there are no starts, after bounded work."""
    entries = automatic(image(b"\x75" * 6000 + b"\x0f\x07"), BASE + 6000)
    assert (entries.nearest, entries.complete) == ((), ())
    assert "do not show where instructions start" in entries.problems[0]


@settings(max_examples=25)
@given(stream=instructions(150, 200), data=st.data())
def test_far_jumps_are_those_of_brute_force(stream: list[bytes], data: st.DataObject) -> None:
    """The search by displacement finds every jump of every section to an address, and no other."""
    opcodes = [b"\xe9", b"\xe8", b"\x0f\x84", b"\x2e\x0f\x85", b"\xf2\xe9"]
    where = data.draw(st.lists(st.integers(60, 149), min_size=1, max_size=6, unique=True))
    kinds = [data.draw(st.sampled_from(opcodes)) for _ in where]
    for index, opcode in zip(where, kinds, strict=True):
        stream[index] = opcode + bytes(4)
    gap = b"\x31\xc0" * data.draw(st.sampled_from([0, 0x100, 0x8001, 0x40000]))
    places = starts([gap, *stream], BASE + (1 << 20) * 8)[1:]
    target = BASE + 77
    for index in where:
        displacement = target - places[index] - len(stream[index])
        stream[index] = stream[index][:-4] + displacement.to_bytes(4, "little", signed=True)
    own = b"\x90" * 200
    made = image(own, *([b""] * 7), gap + b"".join(stream))
    predecessors = Predecessors(made, Boundaries(made))
    sure = {places[index] for index in where}
    jumps = {each.place for each in predecessors.of(target) if each.how != "falls"}
    calls = {places[index] for index, opcode in zip(where, kinds, strict=True) if opcode == b"\xe8"}
    assert sure - calls <= jumps
    assert bool(calls) <= bool(calls & jumps)
    boundaries = Boundaries(made)
    assert all(place in sure or boundaries.at(place) == "open" for place in jumps)


def test_the_symbols_of_an_image_mark_starts() -> None:
    """An external symbol is no code; a function symbol that is fallen into is no start."""
    code = bytes.fromhex("e800000000 0f01f8 480f07")
    marks = (
        Symbol("outside", 7, 0, True, True, None),
        Symbol("inner", BASE + 5, 0, True, True, ".text"),
    )
    entries = automatic(image(code, symbols=marks), BASE + 8)
    assert [start.address for start in entries.nearest] == [BASE + 5]

# SPDX-License-Identifier: BSD-2-Clause
"""From a path map to the blocks that are shown: where blocks end, what the failing paths go through, what is folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings, strategies as st
from report_samples import CANONICAL

from verifier.model import CodeLine, Counterexample, Edge, Location, PathMap, Reach, Step
from verifier.report.blocks import Graph, build, entry_lines, is_exit
from verifier.report.boxes import outline, readable
from verifier.report.fold import MOST, folded

BASE = 0x4000


def line(
    at: int,
    text: str,
    reach: Reach = "both",
    ends: tuple[str, ...] = (),
    supports: tuple[str, ...] = (),
    variant: str = "",
    symbol: tuple[str, int] = ("", 0),
) -> CodeLine:
    """An instruction at ``BASE + 4 * at`` in line ``at`` + 10, of ``exit_to_user`` unless ``symbol`` is told."""
    name, offset = symbol if symbol[0] else ("exit_to_user", 0)
    where = Location(BASE + 4 * at, name, 4 * (at - offset), "entry.S", at + 10, text)
    return CodeLine(where, "90", variant, reach, ends, supports)


def straight(first: int, last: int) -> list[Edge]:
    """From each line to the next, from ``first`` to ``last``."""
    return [Edge(at, at + 1, "") for at in range(first, last)]


def branch(at: int, target: int) -> list[Edge]:
    """The two ways of the branch at ``at``."""
    return [Edge(at, at + 1, "not taken"), Edge(at, target, "taken")]


def checks() -> PathMap:
    """Two tests, the fast exit and the slow one."""
    slow = ("by_iret", 8)
    lines = (
        line(0, "movq 0x28(%rsp), %rcx"),
        line(1, "cmpq 0x50(%rsp), %rcx"),
        line(2, "jne by_iret", supports=("rip",)),
        line(3, "shrq $0x2f, %rcx"),
        line(4, "jne by_iret", supports=("canonical",)),
        line(5, "movq 0x28(%rsp), %rcx", "fast"),
        line(6, "swapgs", "fast"),
        line(7, "sysretq", "fast", ("sysretq",)),
        line(8, "addq $0x50, %rsp", "slow", symbol=slow),
        line(9, "swapgs", "slow", symbol=slow),
        line(10, "iretq", "slow", ("iretq",), symbol=slow),
    )
    edges = [*straight(0, 2), *branch(2, 8), Edge(3, 4, ""), *branch(4, 8), *straight(5, 7), *straight(8, 10)]
    return PathMap("exit_to_user", lines, tuple(edges))


def calls() -> PathMap:
    """A function that is followed, called from two places; a call that is not followed; a trap; a loop."""
    helper = ("helper", 9)
    lines = (
        line(0, "callq helper", "fast"),
        line(1, "decl %ecx", "fast"),
        line(2, "jne exit_to_user+0x4", "fast"),
        line(3, "callq slow_work", "fast"),
        line(4, "testl %eax, %eax", "fast"),
        line(5, "js exit_to_user+0x20", "fast"),
        line(6, "callq helper", "fast"),
        line(7, "sysretq", "fast", ("sysretq",)),
        line(8, "ud2", "none", ("trap: ud2",)),
        line(9, "xorl %eax, %eax", "fast", symbol=helper),
        line(10, "retq", "fast", symbol=helper),
    )
    edges = [
        *(Edge(0, 9, "call"), Edge(9, 10, ""), Edge(10, 1, "return"), Edge(1, 2, "")),
        *(Edge(2, 1, "taken"), Edge(2, 3, "not taken"), Edge(3, 4, "slow_work returns with anything"), Edge(4, 5, "")),
        *(Edge(5, 6, "not taken"), Edge(5, 8, "taken"), Edge(6, 9, "call"), Edge(10, 7, "return")),
    ]
    return PathMap("exit_to_user", lines, tuple(edges))


def patched() -> PathMap:
    """Code that is patched at boot: two instructions in the file, one with a CPU feature."""
    lines = (
        line(0, "movq %rcx, %rax", "fast"),
        line(1, "shlq $0x10, %rax", "fast"),
        line(1, "shlq $7, %rax", "fast", variant="LA57"),
        line(2, "nop", "fast", variant="LA57"),
        line(2, "nop", "fast"),
        line(3, "cmpq %rcx, %rax", "fast"),
        line(4, "sysretq", "fast", ("sysretq",)),
    )
    edges = [
        Edge(0, 1, ""),
        Edge(0, 2, ""),
        Edge(1, 4, ""),
        Edge(2, 3, ""),
        Edge(3, 5, ""),
        Edge(4, 5, ""),
        Edge(5, 6, ""),
    ]
    return PathMap("exit_to_user", lines, tuple(edges))


def patched_join() -> PathMap:
    """Patched code that two tests lead to: a trap in the file, one instruction with a CPU feature."""
    lines = (
        line(0, "jne join"),
        line(1, "jne join"),
        line(2, "sysretq", "fast", ("sysretq",)),
        line(3, "ud2", "none", ("trap: ud2",)),
        line(3, "lfence", "slow", variant="LFENCE"),
        line(4, "iretq", "slow", ("iretq",)),
    )
    ways = (Edge(0, 3, "taken"), Edge(0, 4, "taken"), Edge(1, 3, "taken"), Edge(1, 4, "taken"))
    rest = (Edge(0, 1, "not taken"), Edge(1, 2, "not taken"), Edge(4, 5, ""))
    return PathMap("exit_to_user", lines, (*ways, *rest))


def along(path_map: PathMap, *indices: int) -> Counterexample:
    """A counterexample whose path is these lines."""
    return replace(CANONICAL, path=tuple(Step(path_map.lines[at].location, ()) for at in indices))


def runs(graph: Graph) -> list[tuple[int, ...]]:
    """The lines of each block."""
    return [block.lines for block in graph.blocks]


def ways(graph: Graph) -> set[tuple[int, int, str]]:
    """The links."""
    return {(link.source, link.target, link.note) for link in graph.links}


def test_blocks_end_at_branches_and_in_front_of_joins() -> None:
    """A test and its branch are one block, the exits begin where ways meet, and the entry is the first."""
    graph = build(checks(), ())
    assert runs(graph) == [(0, 1, 2), (3, 4), (5, 6, 7), (8, 9, 10)]
    assert ways(graph) == {
        (0, 1, "not taken"), (0, 3, "taken"), (1, 2, "not taken"), (1, 3, "taken"),
    }  # fmt: skip
    assert graph.joins() == {3}
    assert [(block.entry, block.site, block.reach, block.supports) for block in graph.blocks] == [
        (True, False, "both", ("rip",)),
        (False, False, "both", ("canonical",)),
        (False, True, "fast", ()),
        (False, True, "slow", ()),
    ]


def test_followed_calls_end_blocks_and_others_do_not() -> None:
    """A call into code that is followed, and its return, are links; a call that is not followed stays in its block."""
    graph = build(calls(), ())
    assert (3, 4, 5) in runs(graph)
    number = {run[0]: at for at, run in enumerate(runs(graph))}
    assert {(0, 9, "call"), (9, 1, "return"), (6, 9, "call"), (9, 7, "return")} <= {
        (graph.blocks[source].lines[0], graph.blocks[target].lines[0], note) for source, target, note in ways(graph)
    }
    assert {(link.source, link.target) for link in graph.links if link.back} >= {(number[1], number[1])}


def test_every_line_is_in_one_block() -> None:
    """Blocks share no line and leave none out, also where nothing leads in or control goes round for ever."""
    circle = PathMap(
        "nowhere", tuple(line(at, "nop") for at in range(4)), (Edge(1, 2, ""), Edge(2, 3, ""), Edge(3, 1, ""))
    )
    for path_map in (checks(), calls(), patched(), circle):
        assert sorted(at for run in runs(build(path_map, ())) for at in run) == list(range(len(path_map.lines)))


def test_a_failing_path_marks_its_blocks_and_links() -> None:
    """Blocks and links that a counterexample's path goes along are marked, no others."""
    graph = build(checks(), (along(checks(), *range(8)),))
    assert [block.failing for block in graph.blocks] == [True, True, True, False]
    assert {(link.source, link.target) for link in graph.links if link.failing} == {(0, 1), (1, 2)}


def test_a_failing_path_through_patched_code_takes_one_form() -> None:
    """A step says no variant: the texts of the steps decide, also for an instruction that all forms have."""
    path_map = patched()
    graph = build(path_map, (along(path_map, 0, 2, 3, 5, 6),))
    assert {block.lines[0] for block in graph.blocks if block.failing} == {0, 2, 5}
    graph = build(path_map, (along(path_map, 0, 1, 4, 5, 6),))
    assert {block.lines[0] for block in graph.blocks if block.failing} == {0, 1, 5}


def test_patched_code_that_several_lead_to_is_split_in_one_place() -> None:
    """One block without lines is what leads to every form; it has the way of the failing path in and out."""
    path_map = patched_join()
    graph = build(path_map, (along(path_map, 0, 1, 4, 5),))
    number = {block.lines: at for at, block in enumerate(graph.blocks)}
    split = number[()]
    assert graph.blocks[split].first == 3
    assert (graph.blocks[split].reach, graph.blocks[split].failing) == ("slow", True)
    assert ways(graph) == {
        (number[0,], number[1,], "not taken"),
        (number[1,], number[2,], "not taken"),
        (number[0,], split, "taken"),
        (number[1,], split, "taken"),
        (split, number[3,], ""),
        (split, number[4, 5], ""),
    }
    failing = {(link.source, link.target) for link in graph.links if link.failing}
    assert failing == {(number[0,], number[1,]), (number[1,], split), (split, number[4, 5])}


def test_patched_code_that_not_all_lead_to_alike_is_not_split() -> None:
    """Where one comes to a single form only, the forms keep their own predecessors."""
    path_map = patched_join()
    one_way = tuple(edge for edge in path_map.edges if edge != Edge(1, 3, "taken"))
    assert all(block.lines for block in build(replace(path_map, edges=one_way), ()).blocks)


def test_a_path_that_the_map_does_not_have_marks_what_it_can() -> None:
    """Steps at unknown addresses, and steps that nothing connects, are no error."""
    path_map = checks()
    strange = Step(Location(1, None, 0, None, None, "hlt"), ())
    known = Step(path_map.lines[9].location, ())
    graph = build(path_map, (replace(CANONICAL, path=(strange, known, strange)), replace(CANONICAL, path=())))
    assert [block.failing for block in graph.blocks] == [False, False, False, True]
    assert not any(link.failing for link in graph.links)


def test_the_entry_is_found_by_name_by_address_or_by_its_place() -> None:
    """Every form of an entry's name finds it; a name that says nothing leaves what nothing leads to."""
    path_map = checks()
    for name in ("exit_to_user", f"{BASE:#x}", "an alias"):
        assert entry_lines(replace(path_map, entry=name)) == {0}
    assert entry_lines(replace(path_map, entry="by_iret")) == {8}
    assert entry_lines(PathMap("x", (), ())) == frozenset()


def test_exits_are_known_by_their_mnemonic() -> None:
    """Only what goes to user mode is an exit; other ends of paths are not."""
    assert all(map(is_exit, ("sysretq", "sysretl", "sysexit", "sysexitq", "iretq", "iretl")))
    assert not any(map(is_exit, ("trap: ud2", "leaves: do_exit", "problem: loop-bound", "")))


def large(tests: int, alternatives: int, supports: bool = True) -> PathMap:
    """``alternatives`` diamonds, then ``tests`` tests that lead to the slow exit, then the fast one."""
    lines: list[CodeLine] = []
    edges: list[Edge] = []
    for _ in range(alternatives):
        at = len(lines)
        lines += [line(at, "je over"), line(at + 1, "lfence"), line(at + 2, "nop")]
        edges += [
            Edge(at, at + 1, "not taken"),
            Edge(at, at + 2, "taken"),
            Edge(at + 1, at + 2, ""),
            Edge(at + 2, at + 3, ""),
        ]
    slow = len(lines) + 2 * tests + 1
    for number in range(tests):
        at = len(lines)
        lines += [line(at, "testl %eax, %eax"), line(at + 1, "jne slow", supports=(f"c{number}",) if supports else ())]
        edges += [Edge(at, at + 1, ""), *branch(at + 1, slow)]
    lines += [line(slow - 1, "sysretq", "fast", ("sysretq",)), line(slow, "iretq", "slow", ("iretq",))]
    return PathMap("exit_to_user", tuple(lines), tuple(edges))


def test_small_graphs_are_not_folded() -> None:
    """A graph that can be read is shown as it is."""
    graph = build(checks(), ())
    assert folded(graph) is graph


def test_patched_code_is_folded_first() -> None:
    """Diamonds that no proof rests on become one box; tests that proofs rest on, and exits, stay boxes of their own."""
    graph = readable(large(tests=9, alternatives=120), ())
    assert [block.blocks for block in graph.blocks] == [240, *[1] * 11]
    assert graph.blocks[0].entry
    assert [block.supports for block in graph.blocks[1:10]] == [(f"c{number}",) for number in range(9)]
    assert sum(block.site for block in graph.blocks) == 2


def test_no_more_is_folded_than_must() -> None:
    """Too many tests that proofs rest on: only so many go into the first box that the rest are as many as may be."""
    graph = readable(large(tests=60, alternatives=40), ())
    assert len(graph.blocks) == MOST
    assert sum(block.blocks > 1 for block in graph.blocks) == 1
    assert graph.blocks[0].blocks == 80 + 60 + 2 - (MOST - 1)
    assert len(graph.blocks[0].supports) == 60 - (MOST - 3)
    assert sum(block.site for block in graph.blocks) == 2


def test_the_failing_path_is_folded_after_the_rest() -> None:
    """Tests that proofs rest on go before blocks of the counterexample's path do."""
    path_map = large(tests=60, alternatives=40)
    first = 120 + 2 * 20
    graph = readable(path_map, (along(path_map, *range(first, first + 40)),))
    assert len(graph.blocks) <= MOST
    assert [block.blocks for block in graph.blocks if block.failing] == [1] * 20
    assert sum(link.failing for link in graph.links) == 19


def test_a_test_that_decides_between_the_exits_stays_a_box() -> None:
    """Without any proof (an open result has none) the branches from which one way leads to one exit only stay."""
    graph = readable(large(tests=20, alternatives=40, supports=False), ())
    assert [block.blocks for block in graph.blocks] == [80, *[1] * 22]


def test_a_folded_graph_says_so_in_words() -> None:
    """The text begins with what was folded; each block has a line and its lines are indented."""
    path_map = large(tests=9, alternatives=120)
    told = outline(path_map, ())
    assert told[0].startswith("251 blocks with 380 instructions are too many to be drawn one by one: 240 of them")
    heads = [said for said in told[1:] if not said.startswith("  ")]
    assert [said.split(",")[0].split(":")[0] for said in heads] == [f"block {at}" for at in range(1, 13)]


@st.composite
def maps(draw: st.DrawFn) -> PathMap:
    """Maps of any shape: any edges with any notes, any reach, ends anywhere."""
    count = draw(st.integers(1, 150))
    reaches: Sequence[Reach] = ("fast", "slow", "both", "none")
    lines = tuple(
        line(
            at,
            draw(st.sampled_from(("nop", "jne x", "cmpl $1, %eax", "sysretq"))),
            draw(st.sampled_from(reaches)),
            draw(st.sampled_from(((), (), (), ("sysretq",), ("trap: ud2",)))),
            draw(st.sampled_from(((), (), ("rip",), ("cs", "tf")))),
        )
        for at in range(count)
    )
    ends = st.integers(0, count - 1)
    notes = st.sampled_from(("", "", "taken", "not taken", "call", "return", "f returns with anything"))
    edges = draw(st.lists(st.builds(Edge, ends, ends, notes), max_size=2 * count))
    chain = straight(0, count - 1) if draw(st.booleans()) else []
    return PathMap("exit_to_user", lines, (*chain, *edges))


@settings(max_examples=40, deadline=None)
@given(maps())
def test_what_is_shown_is_small_and_whole(path_map: PathMap) -> None:
    """Any map gives at most MOST boxes that hold every line once, with links that are ways of the map."""
    whole = build(path_map, ())
    graph = readable(path_map, ())
    assert 1 <= len(graph.blocks) <= MOST
    assert sorted(at for block in graph.blocks for at in block.lines) == list(range(len(path_map.lines)))
    assert sum(block.blocks for block in graph.blocks) == len(whole.blocks)
    assert graph.blocks[0].entry
    box = {at: number for number, block in enumerate(graph.blocks) for at in block.lines}
    ways_of_map = {(box[edge.source], box[edge.target]) for edge in path_map.edges}
    shown = {(link.source, link.target) for link in graph.links}
    assert shown <= ways_of_map
    assert {(one, two) for one, two in ways_of_map if one != two} <= shown

# SPDX-License-Identifier: BSD-2-Clause
"""The layout of the path graph: properties that hold for every graph, and the shapes of a few."""

from __future__ import annotations

import itertools

from hypothesis import given, settings, strategies as st

from verifier.report.layout import Lane, Node, closing, grid, layers
from verifier.report.route import Box, Layout, Point, place
from verifier.report.wires import wires

Edges = list[tuple[int, int]]
LANES: tuple[Lane, ...] = ("main", "right", "aside")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Node], Edges]:
    """Up to 16 nodes of any size in any lane, and any edges between them: loops, repeated ones, parts apart."""
    nodes = draw(
        st.lists(
            st.builds(Node, st.integers(60, 320), st.integers(20, 120), st.sampled_from(LANES)), min_size=1, max_size=16
        )
    )
    ends = st.integers(0, len(nodes) - 1)
    return nodes, draw(st.lists(st.tuples(ends, ends), max_size=36))


def stretches(points: tuple[Point, ...]) -> list[tuple[Point, Point]]:
    """The straight parts of a line."""
    return list(itertools.pairwise(points))


def inside(one: Point, two: Point, box: Box, room: int) -> bool:
    """Whether a straight part comes nearer than ``room`` to a box (negative: that deep into it)."""
    left, right = min(one[0], two[0]), max(one[0], two[0])
    top, bottom = min(one[1], two[1]), max(one[1], two[1])
    return (
        right > box.x - room
        and left < box.x + box.width + room
        and bottom > box.y - room
        and top < box.y + box.height + room
    )


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_boxes_keep_apart_and_in_the_picture(graph: tuple[list[Node], Edges]) -> None:
    """No two boxes come nearer than 8 px, each has its node's size, and all of it is within the picture."""
    nodes, edges = graph
    layout = place(nodes, edges)
    assert [(box.width, box.height) for box in layout.boxes] == [(node.width, node.height) for node in nodes]
    for one, two in itertools.combinations(layout.boxes, 2):
        apart_x = one.x + one.width + 8 <= two.x or two.x + two.width + 8 <= one.x
        apart_y = one.y + one.height + 8 <= two.y or two.y + two.height + 8 <= one.y
        assert apart_x or apart_y
    corners = [(box.x, box.y) for box in layout.boxes]
    corners += [(box.x + box.width, box.y + box.height) for box in layout.boxes]
    corners += [point for route in layout.routes for point in route.points]
    assert all(0 < x < layout.width and 0 < y < layout.height for x, y in corners)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_lines_go_from_box_to_box_and_through_none(graph: tuple[list[Node], Edges]) -> None:
    """A line leaves its source at the bottom, comes to its target from above, upright or level, and touches no box."""
    nodes, edges = graph
    layout = place(nodes, edges)
    assert len(layout.routes) == len(edges)
    for (source, target), route in zip(edges, layout.routes, strict=True):
        first, last = layout.boxes[source], layout.boxes[target]
        assert route.points[0][1] == first.y + first.height
        assert first.x < route.points[0][0] < first.x + first.width
        assert route.points[-1][1] == last.y
        assert last.x < route.points[-1][0] < last.x + last.width
        assert route.points[-2][1] < last.y
        for one, two in stretches(route.points):
            assert (one[0] == two[0]) != (one[1] == two[1])
            for at, box in enumerate(layout.boxes):
                assert not inside(one, two, box, 0 if at in (source, target) else 3)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_control_flows_down_except_in_loops(graph: tuple[list[Node], Edges]) -> None:
    """Every edge that does not close a loop ends in a box that is wholly below; the rest has no circle."""
    nodes, edges = graph
    layout = place(nodes, edges)
    _, back = closing(len(nodes), list(dict.fromkeys(edges)), [0])
    for (source, target), route in zip(edges, layout.routes, strict=True):
        first, last = layout.boxes[source], layout.boxes[target]
        assert route.closes == ((source, target) in back)
        if route.closes:
            assert last.y <= first.y
        else:
            assert last.y > first.y + first.height


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_lines_to_different_boxes_do_not_run_over_each_other(graph: tuple[list[Node], Edges]) -> None:
    """Level parts of lines to different boxes share no point: they only cross upright ones."""
    nodes, edges = graph
    layout = place(nodes, edges)
    level: dict[int, list[tuple[int, int, tuple[int, bool]]]] = {}
    for route in layout.routes:
        for (x, y), (other, below) in stretches(route.points):
            if y == below:
                level.setdefault(y, []).append((min(x, other), max(x, other), (route.target, route.closes)))
    for found in level.values():
        for one, two in itertools.combinations(found, 2):
            assert one[2] == two[2] or one[1] < two[0] or two[1] < one[0]


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_layout_is_a_function_of_the_graph(graph: tuple[list[Node], Edges]) -> None:
    """Twice the same graph gives twice the same picture."""
    nodes, edges = graph
    assert place(nodes, edges) == place(list(nodes), list(edges))


@settings(max_examples=60, deadline=None)
@given(graphs(), st.lists(st.booleans(), min_size=36, max_size=36))
def test_wires_cover_the_lines(graph: tuple[list[Node], Edges], first: list[bool]) -> None:
    """What is drawn of the lines of a net is together as much as all of them, and none of it is drawn twice."""
    nodes, edges = graph
    layout = place(nodes, list(dict.fromkeys(edges)))
    whole: dict[tuple[int, bool], set[tuple[Point, Point]]] = {}
    drawn: dict[tuple[int, bool], list[tuple[Point, Point]]] = {}
    for route in layout.routes:
        whole.setdefault((route.target, route.closes), set()).update(unit_steps(route.points))
    for wire in wires(layout.routes, first[: len(layout.routes)]):
        route = layout.routes[wire.at]
        assert wire.points[0] == route.points[0]
        assert wire.joins == (wire.points[-1] != route.points[-1])
        drawn.setdefault((route.target, route.closes), []).extend(unit_steps(wire.points))
    assert {net: sorted(steps) for net, steps in drawn.items()} == {net: sorted(steps) for net, steps in whole.items()}


def unit_steps(points: tuple[Point, ...]) -> list[tuple[Point, Point]]:
    """A line in steps of one px, each from its upper or left end."""
    steps = []
    for (x, y), (to_x, to_y) in stretches(points):
        if x == to_x:
            steps += [((x, at), (x, at + 1)) for at in range(min(y, to_y), max(y, to_y))]
        else:
            steps += [((at, y), (at + 1, y)) for at in range(min(x, to_x), max(x, to_x))]
    return steps


def boxes(count: int, **lanes: Lane) -> list[Node]:
    """Equal boxes; ``n3="right"`` puts the third, from 0, into another lane."""
    return [Node(160, 60, lanes.get(f"n{at}", "main")) for at in range(count)]


def middles(layout: Layout) -> list[int]:
    """The x of the middle of every box."""
    return [box.x + box.width // 2 for box in layout.boxes]


def test_the_checks_stand_in_one_column_and_the_other_exit_right_of_it() -> None:
    """An exit path with its tests: straight down, every test with a way to the slow exit, which is at the right."""
    layout = place(boxes(6, n5="right"), [(0, 1), (0, 5), (1, 2), (1, 5), (2, 3), (2, 5), (3, 4), (3, 5)])
    xs = middles(layout)
    assert len(set(xs[:5])) == 1
    assert layout.boxes[5].x >= layout.boxes[4].x + layout.boxes[4].width
    assert layout.boxes[4].y == layout.boxes[5].y == max(box.y for box in layout.boxes)
    straight = [route for route in layout.routes if len(route.points) == 2]
    assert len(straight) == 4


def test_what_leads_nowhere_stands_aside_on_the_left() -> None:
    """A trap next to the main path is left of it, and does not move it from its column."""
    layout = place(boxes(4, n3="aside"), [(0, 1), (1, 2), (0, 3)])
    xs = middles(layout)
    assert xs[0] == xs[1] == xs[2] > xs[3]


def test_a_diamond_is_a_box_beside_the_column() -> None:
    """One arm goes straight down, the other stands beside it in the same layer."""
    layout = place(boxes(4), [(0, 1), (0, 2), (1, 3), (2, 3)])
    xs = middles(layout)
    assert xs[0] == xs[3] == xs[1] < xs[2]
    assert layout.boxes[1].y == layout.boxes[2].y


def test_a_loop_comes_up_on_the_left() -> None:
    """The line that closes a loop of the main column passes its boxes on the left."""
    layout = place(boxes(3), [(0, 1), (1, 2), (2, 1), (1, 1)])
    for route, edge in zip(layout.routes, [(0, 1), (1, 2), (2, 1), (1, 1)], strict=True):
        assert route.closes == (edge in ((2, 1), (1, 1)))
        if route.closes:
            assert min(x for x, _ in route.points) < min(box.x for box in layout.boxes)


def test_nothing_and_one_box_have_a_layout() -> None:
    """No node gives an empty picture, one node one box, also if it leads to itself."""
    assert place([], []).boxes == ()
    assert len(place(boxes(1), []).boxes) == 1
    assert place(boxes(1), [(0, 0)]).routes[0].closes


def test_many_ways_out_of_a_small_box() -> None:
    """A box with more ways out than px still has all of them leave within its width."""
    count = 120
    edges = [(0, at) for at in range(1, count)]
    layout = place([Node(20, 20)] * count, edges)
    box = layout.boxes[0]
    assert all(box.x <= route.points[0][0] <= box.x + box.width for route in layout.routes)


def test_four_hundred_blocks_have_a_layout() -> None:
    """A graph with 400 boxes, joins far below and loops is laid out as well: the work grows with the lines."""
    count = 400
    edges = [(at, at + 1) for at in range(count - 1)]
    edges += [(at, min(count - 1, at * 2 + 3)) for at in range(0, count, 3)]
    edges += [(at, at - 7) for at in range(10, count, 11)]
    layout = place(boxes(count), edges)
    assert len(set(middles(layout)[:3])) == 1
    assert len({(box.x, box.y) for box in layout.boxes}) == count


def test_closing_edges_are_found_from_the_entry() -> None:
    """The order begins at the root; without the edges found there is no circle; what nothing leads to comes too."""
    order, back = closing(5, [(0, 1), (1, 2), (2, 0), (3, 2), (4, 4)], [0])
    assert order[0] == 0
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert back == {(2, 0), (4, 4)}
    # 3 leads to 2 and nothing to it: it stands just above.
    assert layers(5, [(0, 1), (1, 2), (2, 0), (3, 2), (4, 4)], back)[:4] == [0, 1, 2, 1]


def test_lines_over_several_layers_share_a_trunk() -> None:
    """Ten tests that lead to one exit need one trunk, whose column is the exit's."""
    edges = [(at, at + 1) for at in range(10)] + [(at, 11) for at in range(10)]
    table = grid(boxes(12, n11="right"), edges)
    assert set(table.of_trunk) == {(11, False)}
    assert table.of_trunk[11, False] == table.of_node[11]

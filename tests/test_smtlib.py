# SPDX-License-Identifier: BSD-2-Clause
"""The SMT-LIB text of a term means what the term means, and no name can break out of it."""

from __future__ import annotations

import re
import zlib
from typing import Any

import claripy
import pytest
import z3
from claripy.errors import ClaripyZeroDivisionError
from hypothesis import example, given, settings, strategies as st

from verifier.model import Defect
from verifier.smtlib import Printer, comment, literal, safe_name, script, string, symbol

WIDTHS = (1, 7, 8, 16, 24)
NAMES = ("rax", "frame.cs", "and", "x |y\\ z", "[rsp+0x8]\n(assert false)", "bvadd", "ü", "?0", "@a", "a'", "a%27", "")


def symbols(width: int) -> st.SearchStrategy[Any]:
    """Symbols of one width; the names are ones that a file under test may have chosen."""
    return st.sampled_from(NAMES).map(lambda name: claripy.BVS(f"{name}{width}", width, explicit_name=True))


@st.composite
def bit_vectors(draw: st.DrawFn, width: int, depth: int) -> Any:
    """A term of ``width`` bits over every operation that the printer knows."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        constants = st.integers(0, (1 << width) - 1).map(lambda value: claripy.BVV(value, width))
        return draw(st.one_of(symbols(width), constants))

    def same(least: int = 1) -> Any:
        return draw(bit_vectors(width, draw(st.integers(0, depth - least))))

    kinds = ["chain", "binary", "unary", "if"]
    kinds += ["extend"] if width > 1 else []
    kinds += ["concat"] if width > 1 else []
    kinds += ["reverse"] if width % 8 == 0 else []
    kinds += ["extract"] if width < max(WIDTHS) else []
    match draw(st.sampled_from(kinds)):
        case "chain":
            name = draw(st.sampled_from(["__add__", "__mul__", "__and__", "__or__", "__xor__", "__sub__"]))
            return raw(name, width, *(same() for _ in range(draw(st.integers(2, 3)))))
        case "binary":
            names = ["__floordiv__", "__mod__", "SDiv", "SMod", "__lshift__", "LShR", "__rshift__"]
            return raw(draw(st.sampled_from(names)), width, same(), same())
        case "unary":
            return raw(draw(st.sampled_from(["__neg__", "__invert__"])), width, same())
        case "if":
            return raw("If", width, draw(booleans(depth - 1)), same(), same())
        case "extend":
            inner = draw(st.integers(1, width - 1))
            name = draw(st.sampled_from(["ZeroExt", "SignExt"]))
            return raw(name, width, width - inner, draw(bit_vectors(inner, depth - 1)))
        case "concat":
            left = draw(st.integers(1, width - 1))
            return raw("Concat", width, draw(bit_vectors(left, depth - 1)), draw(bit_vectors(width - left, depth - 1)))
        case "reverse":
            return raw("Reverse", width, same())
        case _:
            wider = draw(st.integers(width, max(WIDTHS)))
            low = draw(st.integers(0, wider - width))
            return raw("Extract", width, low + width - 1, low, draw(bit_vectors(wider, depth - 1)))


@st.composite
def booleans(draw: st.DrawFn, depth: int) -> Any:
    """A Boolean term over every operation that the printer knows."""
    if depth <= 0:
        return draw(st.sampled_from([claripy.true(), claripy.false(), claripy.BoolS("or", explicit_name=True)]))
    match draw(st.sampled_from(["compare", "equate", "connect", "not", "if"])):
        case "compare":
            width = draw(st.sampled_from(WIDTHS))
            name = draw(st.sampled_from(["ULT", "ULE", "UGT", "UGE", "SLT", "SLE", "SGT", "SGE"]))
            return truth(name, draw(bit_vectors(width, depth - 1)), draw(bit_vectors(width, depth - 1)))
        case "equate":
            width = draw(st.sampled_from((0, *WIDTHS)))
            kind = bit_vectors(width, depth - 1) if width else booleans(depth - 1)
            return truth(draw(st.sampled_from(["__eq__", "__ne__"])), draw(kind), draw(kind))
        case "connect":
            parts = [draw(booleans(depth - 1)) for _ in range(draw(st.integers(1, 3)))]
            return truth(draw(st.sampled_from(["And", "Or"])), *parts)
        case "not":
            return truth("Not", draw(booleans(depth - 1)))
        case _:
            return truth("If", *(draw(booleans(depth - 1)) for _ in range(3)))


def raw(name: str, width: int, *args: Any) -> Any:
    """A bit vector as it is: claripy's constructors would simplify most of these away."""
    try:
        return claripy.ast.BV(name, args, length=width)
    except ClaripyZeroDivisionError:  # constants are folded at once, and here that is not defined
        return args[0]


def truth(name: str, *args: Any) -> Any:
    """A Boolean as it is."""
    return claripy.ast.Bool(name, args)


def reread(text: str) -> Any:
    """What z3's parser makes of a script: the conjunction of its assertions."""
    return z3.And(*z3.parse_smt2_string(text))


def renamed(printer: Printer, term: Any) -> Any:
    """claripy's own z3 term, with the symbols called as the printer calls them."""
    converted = claripy.backends.z3.convert(term)
    pairs = []
    for leaf in term.leaf_asts():
        if leaf.op in ("BVS", "BoolS"):
            name = printer.names[leaf.args[0]]
            new = z3.Bool(name) if leaf.op == "BoolS" else z3.BitVec(name, leaf.length)
            pairs.append((claripy.backends.z3.convert(leaf), new))
    return z3.substitute(converted, *pairs)


@settings(max_examples=150, deadline=None)
@given(booleans(4))
def test_text_means_what_the_term_means(term: Any) -> None:
    """z3 reads back from our text exactly what claripy hands to it directly, for every operation."""
    printer = Printer()
    found = reread(script([("claim 1", term)], printer=printer))
    solver = z3.Solver()
    solver.set("rlimit", 3000000)
    solver.add(found != renamed(printer, term))
    answer = solver.check()
    if answer == z3.unknown:  # a multiplier or divider: compare values instead
        for seed in range(20):
            values = [
                (z3.BitVec(safe, width), z3.BitVecVal(zlib.crc32(f"{seed} {safe}".encode()) % (1 << width), width))
                for safe, width in ((printer.names[leaf.args[0]], leaf.length) for leaf in bit_vector_leaves(term))
            ]
            assert z3.is_true(z3.simplify(z3.substitute(found == renamed(printer, term), *values)))
    else:
        assert answer == z3.unsat


def bit_vector_leaves(term: Any) -> list[Any]:
    """The bit-vector symbols of a term."""
    return [leaf for leaf in term.leaf_asts() if leaf.op == "BVS"]


@settings(max_examples=100, deadline=None)
@given(booleans(4))
def test_let_means_the_same(term: Any) -> None:
    """A term printed with ``let`` reads back as the same term."""
    printer = Printer()
    text = printer.let(term)
    found = reread("\n".join([*printer.declarations(), f"(assert {text})"]))
    again = Printer()
    assert z3.simplify(found).eq(z3.simplify(reread(script([("claim 1", term)], printer=again))))


def test_text_is_linear_in_shared_terms() -> None:
    """A subterm that occurs often is printed once, and neither depth nor doubling hits a limit."""
    term = claripy.BVS("rax", 64, explicit_name=True)
    for _ in range(3000):
        term = raw("__add__", 64, term, term)
    text = script([("claim 1", term == 0)])
    assert len(text) < 200 * 3000
    assert len(z3.parse_smt2_string(text)) == 1
    chain: Any = claripy.BVS("rbx", 8, explicit_name=True)
    for _ in range(3000):
        chain = raw("__invert__", 8, chain)
    text = script([("claim 1", truth("__eq__", chain, claripy.BVS("rbx", 8, explicit_name=True)))])
    assert max(line.count("(") for line in text.splitlines()) < 40
    solver = z3.Solver()
    solver.add(z3.Not(reread(text)))
    assert solver.check() == z3.unsat


def test_text_is_exact() -> None:
    """The format of a small script, so that a change of it is seen."""
    rax = claripy.BVS("rax", 64, explicit_name=True)
    slot = claripy.BVS("[rsp+0x8]", 64, explicit_name=True)
    key = claripy.BVS("key", 1, explicit_name=True)
    shared = rax + slot
    text = script(
        [("A: entry", truth("__eq__", key, claripy.BVV(1, 1))), ("not rip", shared != shared << 4)],
        ["one\ntwo"],
        [("status", "unsat")],
    )
    assert text == (
        "; one\\ntwo\n(set-info :status unsat)\n(set-logic QF_BV)\n"
        "(declare-const |key'| (_ BitVec 1))\n(declare-const rax (_ BitVec 64))\n"
        "(declare-const |[rsp+0x8]| (_ BitVec 64))\n"
        "(define-fun ?0 () (_ BitVec 64) (bvadd rax |[rsp+0x8]|))\n"
        "(assert (! (= |key'| #b1) :named |A: entry|))\n"
        "(assert (! (distinct ?0 (bvshl ?0 #x0000000000000004)) :named |not rip|))\n"
        "(check-sat)\n(exit)\n"
    )


def test_definition_is_used() -> None:
    """A term that has been defined prints as its name, also inside others."""
    printer = Printer(free=["star"])
    star = claripy.BVS("star", 64, explicit_name=True)
    assert printer.define("user.cs", star[63:48]) == "(define-fun user.cs () (_ BitVec 16) ((_ extract 63 48) star))"
    assert printer.term(star[63:48] + 16) == "(bvadd user.cs #x0010)"
    assert printer.define("four", 4, 8) == "(define-fun four () (_ BitVec 8) #x04)"
    assert printer.define("sure", True) == "(define-fun sure () Bool true)"
    assert printer.term(True) == "true"


@given(st.lists(st.text(), min_size=2, max_size=6, unique=True))
@example([".a", "%2Ea", "%2ea", "@a", "?a", "a", "a'", ""])
def test_names_stay_apart(names: list[str]) -> None:
    """Different names print differently, and each is one symbol of printable characters."""
    safe = [safe_name(name) for name in names]
    assert len(set(safe)) == len(names)
    for name in safe:
        assert re.fullmatch(r"[ -{}~]+", name)
        assert name[0] not in "@.?"
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*|\|[ -{}~]+\|", symbol(name))
        assert "\\" not in name


@given(st.text())
def test_any_name_can_be_declared(name: str) -> None:
    """z3 accepts the declaration of a symbol of any name, with the name that we gave it."""
    term = claripy.BVS(name, 8, explicit_name=True)
    text = script([("claim 1", term == 3)], [name], [("source", string(name))])
    solver = z3.Solver()
    solver.add(z3.parse_smt2_string(text))
    assert solver.check() == z3.sat
    assert [str(found.name()) for found in solver.model().decls()] == [safe_name(name)]


WORDS = tuple(
    """true false and or not xor distinct ite let forall exists par assert exit push pop concat extract repeat
    bvadd bvsub bvult bvnego bvuaddo zero_extend sign_extend rotate_left ext_rotate_left select store Bool BitVec
    Array RNE fp.add fp to_fp if iff implies rem mod div abs int2bv nat2bv bv2nat ubv_to_int bvcomp bvredor BINARY
    HEXADECIMAL STRING NUMERAL as match error logic sat unsat unknown unsupported success seq re""".split()
)


@pytest.mark.parametrize("word", WORDS)
def test_words_of_the_language_are_no_symbols(word: str) -> None:
    """A symbol under test that is called like a word of the language gets another name."""
    assert safe_name(word) == f"{word}'"


@given(st.text())
def test_comment_stays_in_its_line(text: str) -> None:
    """Whatever a comment or a string holds, it is printable and does not end early."""
    assert re.fullmatch(r";[ -~]*", comment(text))
    body = string(text)
    assert re.fullmatch(r'"([ !#-~]|"")*"', body)


def test_long_names_are_cut() -> None:
    """A name of any length has a bounded text, and two that differ late stay apart."""
    names = ["x" * 100000, "x" * 100000 + "y"]
    safe = [safe_name(name) for name in names]
    assert safe[0] != safe[1]
    assert max(map(len, safe)) <= 301


@pytest.mark.parametrize(
    "term",
    [
        claripy.ast.BV("union", (claripy.BVS("a", 8), claripy.BVS("b", 8)), length=8),
        claripy.ast.BV("RotateLeft", (claripy.BVS("a", 8), claripy.BVS("b", 8)), length=8),
        claripy.ast.BV("__add__", (claripy.BVS("a", 8), claripy.BVS("b", 8)), length=9),
        claripy.ast.BV("__add__", (claripy.BVS("a", 8), claripy.BVS("b", 9)), length=8),
        claripy.ast.BV("Extract", (8, 0, claripy.BVS("a", 8)), length=9),
        claripy.ast.Bool("And", (claripy.BVS("a", 8), claripy.BVS("b", 8))),
        claripy.ast.Bool("Xor", (claripy.BoolS("a"), claripy.BoolS("b"))),
        claripy.FPS("f", claripy.FSORT_DOUBLE),
    ],
)
def test_what_is_not_in_the_table_is_a_defect(term: Any) -> None:
    """An unknown operation and a wrong width are never printed."""
    with pytest.raises(Defect):
        Printer().term(term)


def test_one_name_has_one_width() -> None:
    """Two symbols of one name and different widths are a defect; so is an int without a width."""
    printer = Printer()
    printer.term(claripy.BVS("a", 8, explicit_name=True))
    with pytest.raises(Defect):
        printer.term(claripy.BVS("a", 9, explicit_name=True))
    with pytest.raises(Defect):
        printer.term(3)
    assert literal(-1, 8) == "#xff"
    assert literal(5, 3) == "#b101"

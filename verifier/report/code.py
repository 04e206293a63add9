# SPDX-License-Identifier: BSD-2-Clause
"""The code that a site's verdict covers: in one line, or every range with its hash."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.model import SiteResult
from verifier.report.grouping import code_digest, code_ranges
from verifier.report.words import clean, counted, hexa

_DIGITS = 16
"""Of the digest in one line: enough to tell two kernels apart."""
_FEW = 4


def covered(site: SiteResult, verbose: bool) -> Iterator[RenderableType]:
    """The parts that say what code was looked at and what chooses among it, as far as the report knows."""
    if site.code:
        yield _entry("Code", _summary(site, verbose))
    if site.switches:
        names = sorted(site.switches)
        several = f"{len(names)} CPU features and static keys; -v names them"
        yield _entry("Depends on", ", ".join(names) if verbose or len(names) <= _FEW else several)
    if verbose:
        yield from _listed(site)
        if site.code:
            yield _entry("SHA-256 of this list", code_digest(site))


def _summary(site: SiteResult, verbose: bool) -> str:
    own = [item for item in code_ranges(site) if not item.variant]
    others = len(site.code) - len(own)
    said = [counted(len(own), "range"), counted(sum(item.end - item.start for item in own), "byte")]
    said += [counted(others, "variant") + " of patched places"] if others else []
    said += [] if verbose else [f"sha256 {code_digest(site)[:_DIGITS]}…; -v lists them"]
    return ", ".join(said)


def _listed(site: SiteResult) -> Iterator[RenderableType]:
    """Every range with its hash, first those that the input itself holds."""
    for variant in sorted({item.variant for item in site.code}):
        if variant:
            yield Padding(Text(f"instead, with {clean(variant)}", "dim"), (0, 0, 0, 4))
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for item in code_ranges(site):
            if item.variant == variant:
                place = f"{hexa(item.start)} +{hexa(item.end - item.start)}"
                table.add_row(Text(place), Text(clean(item.sha256)))
        yield Padding(table, (0, 0, 0, 4))


def _entry(title: str, text: str) -> Padding:
    return Padding(Text.assemble((title, "bold"), f": {clean(text)}"), (0, 0, 0, 2))

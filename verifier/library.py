# SPDX-License-Identifier: BSD-2-Clause
"""What ``import verifier`` offers to a notebook or a test: the pipeline of the command line as functions.

Nothing here reads a configuration, waivers or the cache of results, prints anything, or ends the process.
Every function raises ``UserError`` where the command line would end with status 2 or 4.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast

from verifier.insights import Comparison, Slack
from verifier.model import ALL_CONFIGS, Config, FileReport, Run, SiteResult, UserError, Verdict
from verifier.options import FRAMES, PROFILES, Options
from verifier.records import record
from verifier.report import FORMATS, Style, render
from verifier.report.grouping import decisive
from verifier.report.verdict import USAGE, check

if TYPE_CHECKING:
    from verifier.exploring import Survey
    from verifier.frameanswer import FrameReport
    from verifier.opening import Opened

PathLike = str | os.PathLike[str]


class Choices(TypedDict, total=False):
    """The options of the command line as keyword arguments; what is left out is taken from the file's header.

    ``entry``: one place or several. ``contract``: a name or a file. ``profile``: seed, safety or equivalence.
    ``vendor``: intel or amd, ``paging``: la48 or la57; left out: both. ``timeout`` is in seconds for the file,
    ``rlimit`` in the solver's units for each query. ``build`` is a compilation database or a build directory,
    ``symbols`` a file with the symbols that an image lacks. ``challenge``: so many concrete states on the emulator.
    """

    entry: str | Iterable[str]
    contract: str
    profile: Literal["seed", "safety", "equivalence"]
    frame: Literal["auto", "contract"]
    vendor: Literal["intel", "amd"]
    paging: Literal["la48", "la57"]
    check_iret: bool
    include_dirs: Iterable[PathLike]
    defines: Iterable[str]
    allow_include: Iterable[PathLike]
    build: PathLike
    symbols: PathLike
    timeout: float
    rlimit: int
    challenge: int


@record
class Result:
    """What verifying one file found. ``report`` has everything, as frozen plain data (``verifier.model``)."""

    report: FileReport

    @property
    def verdict(self) -> Verdict:
        """proved, violated, inconclusive, or error for a defect of this program that the run met."""
        return self.report.verdict

    @property
    def proved(self) -> bool:
        """Whether every clause that was asked for is proved, at every exit: nothing else is safe."""
        return self.report.verdict == "proved"

    @property
    def violated(self) -> tuple[str, ...]:
        """The ids of the clauses that are violated, in the order of the clause table."""
        found = (one.id for site in self.report.sites for one in site.clauses if one.status == "violated")
        return tuple(dict.fromkeys(found))

    @property
    def sites(self) -> tuple[SiteResult, ...]:
        """The exits that were judged."""
        return self.report.sites

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is inconclusive: the codes that ``verify-exit explain`` knows."""
        return tuple(dict.fromkeys(reason.code for reason in self.report.reasons))

    def render(self, format: str = "text", width: int = 100) -> str:  # noqa: A002
        """The report in one of the command line's formats. Raises UserError("usage") for an unknown one."""
        if format not in FORMATS:
            raise UserError("usage", f"format {format}: available are {', '.join(FORMATS)}", USAGE)
        return render(format, Run((self.report,)), Style(width=width))

    def to_dict(self) -> dict[str, Any]:
        """The JSON report, schema verify-exit/1, as a dictionary."""
        return cast("dict[str, Any]", json.loads(self.render("json")))

    def __bool__(self) -> bool:
        """As ``proved``: ``if verify(path):`` never takes an open question for a pass."""
        return self.proved

    def __str__(self) -> str:
        why = ", ".join(decisive(self.report))
        return f"{self.report.input.path}: {self.verdict}" + (f" ({why})" if why else "")

    def _repr_html_(self) -> str:
        """The review report in a frame of its own, for a notebook."""
        page = html.escape(self.render("html"), quote=True)
        return f'<iframe srcdoc="{page}" sandbox="" style="width: 100%; height: 40em; border: 0"></iframe>'


class ExitNotSafe(AssertionError):
    """An exit path is not proved. ``result`` has the report; the message is its text."""

    def __init__(self, result: Result) -> None:
        super().__init__(f"{result}\n\n{result.render()}")
        self.result = result


def verify(path: PathLike, **choices: Unpack[Choices]) -> Result:
    """Verify one file. Raises UserError for what the user can mend."""
    return _verified(path, _options(choices))


def assert_exit_safe(path: PathLike, **choices: Unpack[Choices]) -> Result:
    """Verify one file and raise ExitNotSafe, an AssertionError, unless it is proved. Inconclusive is not safe."""
    result = verify(path, **choices)
    if not result.proved:
        raise ExitNotSafe(result)
    return result


def review(path: PathLike, **choices: Unpack[Choices]) -> Result:
    """As ``verify``, with what the review report shows: code, guards, slack, and when the fast exit is taken."""
    return _verified(path, _options(choices, listing=True))


def slack(path: PathLike, **choices: Unpack[Choices]) -> tuple[tuple[SiteResult, Slack], ...]:
    """For each fast exit of a file what it leaves to IRET although SYSRET would do the same."""
    report = _verified(path, _options(choices, slack=True)).report
    return tuple((site, site.slack) for site in report.sites if site.slack is not None)


def diff(base: PathLike, head: PathLike, **choices: Unpack[Choices]) -> Comparison:
    """What the change from one file to another does to user space."""
    from verifier.differ import compare

    options = _options(choices)
    return compare(_surveyed(base, options), _surveyed(head, options))


def explain_frame(path: PathLike, values: Mapping[str, int | str], **choices: Unpack[Choices]) -> FrameReport:
    """What becomes of a machine with these values: names as in reports, "rip" for the frame's slot."""
    from verifier.frameask import ask

    return ask(_opened(path, _options(choices)), values)


_ONE_OF = {"profile": PROFILES, "frame": FRAMES, "vendor": ("intel", "amd"), "paging": ("la48", "la57")}
_ABOVE_ZERO = ("timeout", "rlimit", "challenge")


def _options(choices: Choices, listing: bool = False, slack: bool = False) -> Options:
    """The options that keyword arguments stand for.

    Raises TypeError for an unknown one, as any function does, and UserError("usage") for a value that will not do.
    """
    unknown = sorted(set(choices) - Choices.__annotations__.keys())
    if unknown:
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}; there are {', '.join(Choices.__annotations__)}")
    told: Mapping[str, Any] = choices
    for name, words in _ONE_OF.items():
        if told.get(name) is not None and told[name] not in words:
            raise UserError("usage", f"{name}={told[name]!r}: one of {', '.join(words)} is needed", USAGE)
    for name in _ABOVE_ZERO:
        if told.get(name) is not None and not 0 < told[name] < float("inf"):
            raise UserError("usage", f"{name}={told[name]!r}: a number above 0 is needed", USAGE)
    return Options(
        entries=_several(told.get("entry")),
        contract=told.get("contract"),
        profile=told.get("profile"),
        configs=_configs(told.get("vendor"), told.get("paging")),
        include_dirs=_several(told.get("include_dirs")),
        defines=_several(told.get("defines")),
        timeout=told.get("timeout"),
        rlimit=told.get("rlimit"),
        frame=told.get("frame"),
        check_iret=bool(told.get("check_iret")),
        build=_path(told.get("build")),
        symbols=_path(told.get("symbols")),
        allow_include=_several(told.get("allow_include")),
        challenge=told.get("challenge"),
        listing=listing,
        slack=slack,
    )


def _several(given: PathLike | Iterable[PathLike] | None) -> tuple[str, ...]:
    if given is None:
        return ()
    return (os.fspath(given),) if isinstance(given, str | os.PathLike) else tuple(os.fspath(one) for one in given)


def _path(given: PathLike | None) -> str | None:
    return None if given is None else os.fspath(given)


def _configs(vendor: str | None, paging: str | None) -> tuple[Config, ...] | None:
    if vendor is None and paging is None:
        return None
    return tuple(one for one in ALL_CONFIGS if vendor in (None, one[0]) and paging in (None, one[1]))


def _verified(path: PathLike, options: Options) -> Result:
    from verifier.pipeline import analysed

    report = analysed(_opened(path, options))
    check(report)
    return Result(report)


def _surveyed(path: PathLike, options: Options) -> tuple[FileReport, tuple[Survey, ...]]:
    from verifier.pipeline import surveyed

    found = surveyed(_opened(path, options))
    check(found[0])
    return found


def _opened(path: PathLike, options: Options) -> Opened:
    from verifier.existing import must_exist
    from verifier.opening import opened
    from verifier.session import quiet_engine

    quiet_engine()
    must_exist(os.fspath(path))
    return opened(Path(path), options)

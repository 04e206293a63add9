# SPDX-License-Identifier: BSD-2-Clause
"""What is to be judged in an image: from which entries, which exits, and under which contracts."""

from __future__ import annotations

from verifier.boundaries import Boundaries
from verifier.contract import Contract, load_contract
from verifier.entries import Start, automatic, frame_misfit
from verifier.lift.decode import Decoded
from verifier.locations import named_place
from verifier.model import Image, Reason, UserError
from verifier.predecessors import Predecessors
from verifier.records import record
from verifier.sites import Entrance, entrances, exit_sites

AUTO = "auto"
"""The name of an entry that asks for the ways to each exit to be found."""


@record
class Way:
    """One entry with the contract that holds there."""

    entrance: Entrance
    contract: Contract


@record
class Job:
    """Entries that are judged together.

    Without ``site`` they are the user's, and every exit that they reach is judged. With one they lead to
    that exit alone; ``problem`` says why there are none.
    """

    ways: tuple[Way, ...]
    site: Decoded | None = None
    problem: str = ""


@record
class Plan:
    """The jobs, and what cannot be judged at all."""

    jobs: tuple[Job, ...]
    sites: tuple[Decoded, ...]
    reasons: tuple[Reason, ...] = ()

    @property
    def automatic(self) -> bool:
        """Whether the entries were found and not named."""
        return any(job.site is not None for job in self.jobs)


def plan(image: Image, names: tuple[str, ...], contract: Contract, is_source: bool) -> Plan:
    """The plan for an image; ``names`` are the entries that the user or the file named.

    Without any, a contract's own symbols are the entries of a file that has them, then the one symbol that
    leads to an exit; where that is not one, the entries are found, but not in a source. Raises UserError.
    """
    boundaries = Boundaries(image)
    found = exit_sites(image, boundaries)
    known = tuple(name for name in contract.entry_symbols if image.symbol(name) is not None)
    if not names and known:
        names = known
    if names and names != (AUTO,):
        jobs: tuple[Job, ...] = (_named(image, names, contract),)
    elif names or image.linked:
        jobs = _found(image, found.sites, contract, boundaries)
    else:
        try:
            jobs = (_named(image, (), contract),)
        except UserError as error:
            if error.code != "entry-ambiguous" or is_source or not found.sites:
                raise
            jobs = _found(image, found.sites, contract, boundaries)
    return Plan(jobs, found.sites, tuple(_undecided(address) for address in found.undecided))


def _named(image: Image, names: tuple[str, ...], contract: Contract) -> Job:
    found = entrances(image, names)
    raw = {symbol.address for name in contract.raw_entries if (symbol := image.symbol(name)) is not None}
    for name, entrance in zip(names, found, strict=False):
        if entrance.address in raw:
            text = f"{image.path}: at {name} the frame that the contract {contract.name} describes is not built yet"
            raise UserError("entry-unfit", f"{text}; name a point behind that, or use --entry auto", 2)
    return Job(tuple(Way(entrance, contract) for entrance in found))


def _found(image: Image, sites: tuple[Decoded, ...], contract: Contract, boundaries: Boundaries) -> tuple[Job, ...]:
    predecessors = Predecessors(image, boundaries)
    jobs: list[Job] = []
    for site in sites:
        name = dict(contract.site_contracts).get(site.mnemonic)
        own = contract if name is None else load_contract(name)
        stub = load_contract(own.stub_contract) if own.stub_contract else None
        entries = automatic(image, site.address, predecessors)
        problem = "; ".join(entries.problems) or _misfit(image, entries.complete, own, stub, predecessors)
        ways = () if problem else tuple(_way(image, start, own, stub) for start in entries.complete)
        jobs.append(Job(ways, site, problem or "nothing leads to it"))
    return tuple(jobs)


def _misfit(
    image: Image, starts: tuple[Start, ...], own: Contract, stub: Contract | None, predecessors: Predecessors
) -> str:
    """Why one of the starts is no entry of its contract; "" if all are."""
    for start in starts:
        name = named_place(image, start.address)
        if start.kind == "function":
            if stub is None:
                return f"nothing in front of {name} builds the contract's frame"
            continue
        misfit = frame_misfit(start.address, own.frame_size, own.pushed, predecessors, image)
        if misfit:
            return f"the contract's frame is not what the code in front of {name} builds: {misfit}"
    return ""


def _way(image: Image, start: Start, own: Contract, stub: Contract | None) -> Way:
    contract = own if start.kind != "function" or stub is None else stub
    return Way(Entrance(start.address, named_place(image, start.address)), contract)


def _undecided(address: int) -> Reason:
    text = f"the bytes at {address:#x} may be a SYSRET or SYSEXIT, or lie inside another instruction"
    return Reason("site-undecided", text, "give the file's symbols with --symbols, or name the entries with --entry")

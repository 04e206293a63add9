# SPDX-License-Identifier: BSD-2-Clause
"""Seeds for a challenge: the one place here that sees the proof, for a machine that takes each path.

What a seed says is not trusted: if the emulator does not take its path with it, the search is weaker for
it and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verifier.challenge.result import Seed
from verifier.confirm import request
from verifier.counterexample import Setting, concrete_machine
from verifier.model import Config, Image, address_of
from verifier.prove import Path
from verifier.solver import Model
from verifier.terms import Truth, lnot
from verifier.trace import follow

MAX_SEEDS = 8
"""So many machines at most; a site rarely has more paths, because states that meet are joined."""
MAX_LINKED = 3
"""In a linked image, of which each seed has a copy as it runs."""


def seeds_of(setting: Setting, reached: Sequence[Config], paths: Iterable[Path], most: int = MAX_SEEDS) -> list[Seed]:
    """A machine for each path to a site, and for each paging mode if the code depends on it."""
    found: list[Seed] = []
    most = min(most, MAX_LINKED) if setting.image.linked else most
    modes = list({config[1]: config for config in reversed(reached)}.values())
    modes = modes if _paged(setting.image) else modes[:1]
    for path in paths:
        whole = path.leaf.state.path
        # Each switch that the paths depend on is set in one seed and clear in another.
        for extra in ((), *((one,) for one in _arms(setting))):
            for config in modes:
                if len(found) >= most:
                    return found
                seed = seed_of(setting, config, (*whole, *extra))
                if seed is not None:
                    found.append(seed)
    return found


def _arms(setting: Setting) -> list[Truth]:
    switches = setting.entry.state.shared.switches
    truths = [switches[name] for name in sorted(switches) if not isinstance(switches[name], bool)]
    return [arm for truth in truths for arm in (truth, lnot(truth))]


def seed_of(setting: Setting, config: Config, query: Sequence[Truth]) -> Seed | None:
    """The machine that satisfies a query under a configuration; None if there is none or it takes no exit."""
    machine = concrete_machine(setting, config, query)
    if machine is None:
        return None
    model, _ = machine
    entry, image = setting.entry, setting.image
    after_call = setting.contract.interrupts_after_call.value
    trace = follow(
        image, entry, model, setting.solver, after_call, setting.bounds, setting.follow, setting.contract
    )  # fmt: skip
    if trace.leaf is None or trace.leaf.kind != "exit":
        return None
    for _, address, _ in trace.leaf.state.shared.frame_slots:
        trace.leaf.state.memory.load(address, 8)
    asked = request(entry, trace, model)
    followed = None if setting.follow is None else frozenset(map(address_of, trace.addresses))
    return Seed(_patched(image, setting, model), asked, _paged(image), followed)


def _patched(image: Image, setting: Setting, model: Model) -> Image:
    """The image with every patch site as it is in the machine of ``model``; what it does not decide is off."""
    if not image.patches and not image.returns:
        return image
    shared = setting.entry.state.shared

    def holds(identity: str) -> bool:
        switch = image.switch(identity)
        if switch.value is not None:
            return switch.value
        truth = shared.paging if switch.paging else shared.switches.get(identity, False)
        return truth if isinstance(truth, bool) else model.holds(truth)

    return image.patched(holds, [*(site.address for site in image.patches), *image.returns])


def _paged(image: Image) -> bool:
    return any(switch.paging for switch in image.switches)

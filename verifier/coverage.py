# SPDX-License-Identifier: BSD-2-Clause
"""Which bytes a verdict is about: the instructions that were executed symbolically, as address ranges with hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from verifier.lift.decode import Decoded
from verifier.model import CodeRange, Image, address_of, variant_of


def code_ranges(image: Image, executed: Mapping[int, Decoded]) -> tuple[CodeRange, ...]:
    """The ranges of ``executed`` (place → instruction), those of the file first, then replacing code by its site."""
    own = sorted((address_of(place), decoded) for place, decoded in executed.items() if not variant_of(place))
    ranges: list[tuple[int, int, bytes, str]] = []
    for address, decoded in own:
        if ranges and ranges[-1][1] == address:
            start, _, raw, _ = ranges[-1]
            ranges[-1] = (start, decoded.next, raw + decoded.raw, "")
        elif not ranges or address > ranges[-1][1] or decoded.next > ranges[-1][1]:
            # One that begins inside the range before it, such as behind a prefix, is a range of its own.
            ranges.append((address, decoded.next, decoded.raw, ""))
    replaced = sorted({(address_of(place), variant_of(place)) for place in executed if variant_of(place)})
    seen: set[tuple[int, int]] = set()
    for address, variant in replaced:
        site = image.patch_at(address)
        if site is None or (site.address, variant) in seen:
            continue
        seen.add((site.address, variant))
        choice = site.choices[variant - 1]
        ranges.append((site.address, site.address + site.size, choice.code, image.form_name(choice)))
    return tuple(CodeRange(start, end, hashlib.sha256(raw).hexdigest(), name) for start, end, raw, name in ranges)

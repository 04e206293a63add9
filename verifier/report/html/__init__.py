# SPDX-License-Identifier: BSD-2-Clause
"""The review report as one self-contained HTML page: for screens, keyboards, ears and paper.

Nothing is loaded, whatever stands in a report: the page's own policy forbids it, and only ``element``
writes markup. It says the same without its script.
"""

from __future__ import annotations

from verifier.model import Run
from verifier.report import Style
from verifier.report.html.document import document


def render(run: Run, style: Style) -> str:
    """The page; ``style`` changes nothing."""
    return document(run)

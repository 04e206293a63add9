# SPDX-License-Identifier: BSD-2-Clause
"""What the command line and the configuration say together of a run as a whole, and how a run ends.

Verifying and merging parts differ in where reports come from, and in nothing that is here.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from verifier import stops
from verifier.conclude import Rules, failed, interrupted, status
from verifier.config import Config, find, load
from verifier.console import say
from verifier.model import Run, UserError
from verifier.outputs import Outputs, chosen, deliver
from verifier.reads import Stamp, note
from verifier.report.verdict import INTERRUPTED, USAGE, worst_code
from verifier.settings import RunSettings, run_over

WAIVERS = "verify-exit.waivers.toml"
"""Read if it stands next to the configuration file or, without one, in the project's root."""


def outputs_of(parsed: argparse.Namespace, formats: Sequence[str], inputs: Sequence[str]) -> Outputs:
    """Where results go: ``formats`` are FORMAT or FORMAT=FILE. Raises UserError."""
    return chosen(formats, inputs, parsed.emit_replay, parsed.attest, parsed.color, parsed.verbose, parsed.quiet)


def configuration(parsed: argparse.Namespace) -> Config | None:
    """The configuration that was named, else the one that is found. Raises UserError."""
    if parsed.no_config:
        return None
    file = Path(parsed.config) if parsed.config is not None else find(Path.cwd())
    return None if file is None else load(file)


def told(parsed: argparse.Namespace) -> RunSettings:
    """What the command line says of the run as a whole."""
    return RunSettings(
        tuple(parsed.format) or None, parsed.gate, parsed.baseline, parsed.waivers, parsed.strict or None
    )


def settings_of(parsed: argparse.Namespace, config: Config | None) -> RunSettings:
    """What both say of the run as a whole."""
    return told(parsed) if config is None else run_over(told(parsed), config.run)


def rules_of(parsed: argparse.Namespace, settings: RunSettings, config: Config | None) -> Rules:
    """What decides the exit code. Raises UserError("usage", exit code 2)."""
    if settings.gate != "new-only" and parsed.baseline is not None:
        raise UserError("usage", "--baseline is for --gate new-only", USAGE)
    waivers = settings.waivers or found_waivers(parsed, config)
    baseline = Path(settings.baseline) if settings.baseline is not None and settings.gate == "new-only" else None
    return Rules(settings.gate, baseline, None if waivers is None else Path(waivers), bool(settings.strict))


def found_waivers(parsed: argparse.Namespace, config: Config | None) -> str | None:
    """The file of waivers that counts where none is named."""
    file = (config.root if config is not None else project_root()) / WAIVERS
    note(file)
    return os.path.relpath(file) if not parsed.no_config and file.exists() else None


def project_root() -> Path:
    """The project's root: the directory of the repository that the current one is in, else the current one."""
    here = Path(os.path.realpath(Path.cwd()))
    return next((parent for parent in (here, *here.parents) if (parent / ".git").exists()), here)


def finish(run: Run, outputs: Outputs, rules: Rules) -> int:
    """Write the results; the exit status."""
    with stops.held():
        code = worst_code([status(run, rules), deliver(run, outputs, os.environ)])
    return INTERRUPTED if interrupted(run.reports) or stops.told() else code


def report_error(error: UserError, outputs: Outputs) -> int:
    """An error of the call itself, in every format that was asked for; the exit status."""
    say(f"error[{error.code}]: {error.message}")
    if not outputs.told:
        outputs = replace(outputs, chosen=tuple(one for one in outputs.chosen if one.file is not None))
    outputs = replace(outputs, replay_script=None, attestation=None)
    with stops.held():
        code = worst_code([error.exit_code, deliver(failed(error), outputs, os.environ)])
    return INTERRUPTED if stops.told() else code


def spared(outputs: Outputs, read: Mapping[str, Stamp]) -> Outputs:
    """The outputs, none of which is to be written over a file that the run has read.

    A report in the place of the baseline would make the next run pass; an included file or the
    configuration would be lost. What these files are is known for sure only behind the run.
    """
    return replace(outputs, kept=frozenset(os.path.realpath(name) for name, found in read.items() if found is not None))

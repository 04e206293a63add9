# SPDX-License-Identifier: BSD-2-Clause
"""The completion script for zsh."""

from __future__ import annotations

import re
from collections.abc import Sequence

from verifier.completion.model import Command, Option, Value, listed
from verifier.parsers import LICENCE

_HEAD = r"""#compdef verify-exit
# @LICENCE@
# Completion of verify-exit for zsh, made by 'verify-exit completion zsh'.

# FORMAT or FORMAT=FILE.
_verify_exit_formats() {
    if compset -P '*='; then
        _files
    else
        compadd -q -S '=' -- "$@"
    fi
}

# Words, or files of the kind that the pattern names.
_verify_exit_words_or_files() {
    local pattern=$1
    shift
    _alternative "words:name:($*)" "files:file:_files -g ${(q)pattern}"
}
"""


def zsh(known: Sequence[Command]) -> str:
    """The script."""
    main, others = known[0], known[1:]
    blocks = [_HEAD.replace("@LICENCE@", LICENCE)]
    for command in others:
        blocks.append(f"{_function(command.name)}() {{\n{_arguments(command)}\n}}\n")
    names = "\n".join(f"            {_single(_described(command))}" for command in others)
    blocks.append(f"""_verify_exit_first() {{
    local -a commands=(
{names}
    )
    _describe -t commands command commands
    _verify_exit_inputs
}}

_verify_exit_inputs() {{
    {_action(main.rest)[1:-1]}
}}
""")
    cases = "\n".join(
        f"        {command.name})\n            (( CURRENT > 2 )) && {{ shift words; (( CURRENT-- )); "
        f"{_function(command.name)}; return }}\n            ;;"
        for command in others
    )
    first = Command(main.name, main.help, main.options, Value("any"))
    blocks.append(f"""_verify-exit() {{
    local curcontext=$curcontext
    case $words[2] in
{cases}
    esac
{_arguments(first, ("1:command or file:_verify_exit_first", "*:file:_verify_exit_inputs"))}
}}

_verify-exit "$@"
""")
    return "\n".join(blocks)


def _function(name: str) -> str:
    return f"_verify_exit_{name.replace('-', '_')}"


def _described(command: Command) -> str:
    return f"{command.name}:{command.help.replace(':', ' ')}"


def _arguments(command: Command, rest: Sequence[str] = ()) -> str:
    """The call of _arguments for a command."""
    specs = [spec for option in command.options for spec in _specs(option)]
    if command.rest.kind != "any":
        specs.append(f"*:{_title(command.rest)}:{_action(command.rest)}")
    lines = [f"        {_single(spec)}" for spec in (*specs, *rest)]
    return "    _arguments -s -S : \\\n" + " \\\n".join(lines)


def _specs(option: Option) -> list[str]:
    """One specification for each spelling; without "*" the spellings exclude each other."""
    help_text = re.sub(r"([\[\]\\:])", r"\\\1", option.help)
    before = "*" if option.repeats else f"({' '.join(option.names)})"
    if option.value.kind == "flag":
        return [f"{before}{name}[{help_text}]" for name in option.names]
    after = f":{_title(option.value)}:{_action(option.value)}"
    # A long option takes its value behind "=" too, a short one with or without a blank.
    return [f"{before}{name}{'=' if name.startswith('--') else '+'}[{help_text}]{after}" for name in option.names]


def _title(value: Value) -> str:
    return {"words": "value", "files": "file", "format": "format", "list": "solver"}.get(value.kind, value.kind)


def _action(value: Value) -> str:
    match value.kind:
        case "words":
            return f"({listed(value.words)})"
        case "files":
            pattern = value.patterns[0] if len(value.patterns) == 1 else f"({'|'.join(value.patterns)})"
            if value.words:
                return f"{{_verify_exit_words_or_files {_single(pattern)} {listed(value.words)}}}"
            return "{_files}" if pattern == "*" else f"{{_files -g {_single(pattern)}}}"
        case "directory":
            return "{_files -/}"
        case "format":
            return f"{{_verify_exit_formats {listed(value.words)}}}"
        case "list":
            return f"{{_values -s , solver {listed(value.words)}}}"
        case _:
            return " "


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"

# SPDX-License-Identifier: BSD-2-Clause
"""The completion script for fish."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.completion.model import Command, Option, Value
from verifier.parsers import LICENCE


def fish(known: Sequence[Command]) -> str:
    """The script."""
    main, others = known[0], known[1:]
    formats = next((option.value.words for option in main.options if option.value.kind == "format"), ())
    lines = [_HEAD.replace("@COMMANDS@", " ".join(command.name for command in others))]
    lines[0] = lines[0].replace("@FORMATS@", " ".join(formats)).replace("@LICENCE@", LICENCE)
    for command in others:
        said = f" -d {_quoted(command.help)}"
        lines.append(f"complete -c verify-exit -n __verify_exit_is_first -a {command.name}{said}")
    for command in known:
        condition = f"__verify_exit_in {command.name}" if command.name else "__verify_exit_in ''"
        lines.append("")
        lines += [_option(option, condition) for option in command.options]
        if command.rest.kind == "words":
            lines.append(
                f"complete -c verify-exit -n {_quoted(condition)} -f -a {_quoted(' '.join(command.rest.words))}"
            )
        elif command.rest.kind == "directory":
            lines.append(f"complete -c verify-exit -n {_quoted(condition)} -f -a '(__fish_complete_directories)'")
        elif command.rest.kind == "any":
            lines.append(f"complete -c verify-exit -n {_quoted(condition)} -f")
    return "\n".join(lines) + "\n"


_HEAD = r"""# @LICENCE@
# Completion of verify-exit for fish 3.1 or later, made by 'verify-exit completion fish'.

# Whether no word but the program's name stands before the cursor.
function __verify_exit_is_first
    test (count (commandline -opc)) -eq 1
end

# Whether the command line is one of the sub-command that is named; '' means: of none.
function __verify_exit_in
    set -l words (commandline -opc)
    set -l found ''
    if set -q words[2]; and contains -- $words[2] @COMMANDS@
        set found $words[2]
    end
    test "$found" = "$argv[1]"
end

# FORMAT, or FORMAT=FILE where the format stands already.
function __verify_exit_formats
    set -l token (string replace -r '^--format=' '' -- (commandline -ct))
    set -l format (string match -r '^[a-z]+=' -- $token)
    if test -n "$format"
        for file in (__fish_complete_path (string replace -- $format '' $token) | string replace -r '\t.*' '')
            echo $format$file
        end
    else
        printf '%s\n' @FORMATS@
    end
end
"""


def _option(option: Option, condition: str) -> str:
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    parts = ["complete -c verify-exit", f"-n {_quoted(condition)}", *names, *_value(option.value)]
    return " ".join([*parts, f"-d {_quoted(option.help)}"])


def _value(value: Value) -> list[str]:
    match value.kind:
        case "flag":
            return ["-f"]
        case "words":
            return [f"-x -a {_quoted(' '.join(value.words))}"]
        case "files":
            return [f"-r -F -a {_quoted(' '.join(value.words))}"] if value.words else ["-r -F"]
        case "directory":
            return ["-x -a '(__fish_complete_directories)'"]
        case "format":
            return ["-x -a '(__verify_exit_formats)'"]
        case "list":
            return [f"-x -a '(__fish_append , {' '.join(value.words)})'"]
        case _:
            return ["-x"]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

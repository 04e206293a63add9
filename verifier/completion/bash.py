# SPDX-License-Identifier: BSD-2-Clause
"""The completion script for bash."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.completion.model import Command, Value, listed, quoted
from verifier.parsers import LICENCE

_HEAD = r"""# @LICENCE@
# Completion of verify-exit for bash 4.2 or later, made by 'verify-exit completion bash'.

# Offer those words that begin like $value.
_verify_exit_words() {
    local found
    mapfile -t found < <(compgen -W "$*" -- "$value")
    COMPREPLY+=("${found[@]}")
}

# Offer directories, and files of these names; any file where there is none of them.
_verify_exit_files() {
    local file pattern all=() found=()
    compopt -o filenames 2>/dev/null
    while IFS= read -r file; do
        all+=("$file")
        if [[ -d $file ]]; then
            found+=("$file")
            continue
        fi
        for pattern; do
            # shellcheck disable=SC2053
            if [[ ${file##*/} == $pattern ]]; then
                found+=("$file")
                break
            fi
        done
    done < <(compgen -f -- "$value")
    ((${#found[@]})) || found=("${all[@]}")
    COMPREPLY+=("${found[@]}")
}

_verify_exit_directories() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$value")
}

# FORMAT or FORMAT=FILE.
_verify_exit_formats() {
    if [[ $value == *=* ]]; then
        value=${value#*=}
        _verify_exit_files '*'
    else
        compopt -o nospace 2>/dev/null
        _verify_exit_words "$@"
    fi
}

# Some of these words, with commas between them.
_verify_exit_list() {
    local before=
    [[ $value == *,* ]] && before=${value%,*},
    value=${value##*,}
    _verify_exit_words "$@"
    COMPREPLY=("${COMPREPLY[@]/#/$before}")
}

_verify_exit_complete() {
    local word glue= i words=() command= option= only_files= last current
    # Readline takes "=" for a word of its own; here it is none.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((i)) && [[ $glue || $word == =* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        glue=
        [[ $word == = ]] && glue=1
    done
    last=$((${#words[@]} - 1))
    current=${words[last]}
    # Behind "--" there are only files.
    for ((i = 1; i < last; i++)); do
        [[ ${words[i]} == -- ]] && only_files=1
    done
    value=$current
    if [[ $only_files ]]; then
        :
    elif [[ $current == --*=* ]]; then
        option=${current%%=*} value=${current#*=}
    elif ((last > 1)); then
        option=${words[last - 1]}
    fi
    if ((last > 1)); then
        case ${words[1]} in
"""

_TAIL = r"""    esac
}

_verify_exit() {
    local value
    COMPREPLY=()
    _verify_exit_complete
    # Where "=" does not end a word, the whole of it is replaced.
    if [[ $COMP_WORDBREAKS != *=* && ${COMP_WORDS[COMP_CWORD]} == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/${COMP_WORDS[COMP_CWORD]%"$value"}}")
    fi
}

complete -F _verify_exit verify-exit
"""


def bash(known: Sequence[Command]) -> str:
    """The script."""
    main, others = known[0], known[1:]
    lines = [f"            {'|'.join(command.name for command in others)}) command=${{words[1]}} ;;"]
    lines += ["        esac", "    fi", '    case "$command $option" in']
    for command in known:
        for option in command.options:
            if option.value.kind != "flag":
                pattern = " | ".join(quoted(f"{command.name} {name}") for name in option.names)
                lines += [f"        {pattern})", *_offer(option.value, 12), f"{' ' * 12}return", f"{' ' * 12};;"]
    lines += ["    esac", "    if [[ ! $only_files && $current == -* ]]; then", "        case $command in"]
    for command in known:
        names = listed([name for option in command.options for name in option.names])
        lines.append(f"            {command.name or quoted('')}) _verify_exit_words {names} ;;")
    lines += ["        esac", "        return", "    fi", "    case $command in"]
    for command in others:
        lines += [f"        {command.name})", *_offer(command.rest, 12), f"{' ' * 12};;"]
    lines += ["        *)", *_offer(main.rest, 12)]
    lines += [f"            ((last == 1)) && _verify_exit_words {listed([command.name for command in others])}"]
    lines += [f"{' ' * 12};;"]
    return _HEAD.replace("@LICENCE@", LICENCE) + "\n".join(lines) + "\n" + _TAIL


def _offer(value: Value, indent: int) -> list[str]:
    """The commands that offer what a value may be."""
    match value.kind:
        case "words":
            found = [f"_verify_exit_words {listed(value.words)}"]
        case "files":
            found = [f"_verify_exit_files {listed(value.patterns)}"]
            found += [f"_verify_exit_words {listed(value.words)}"] if value.words else []
        case "directory":
            found = ["_verify_exit_directories"]
        case "format":
            found = [f"_verify_exit_formats {listed(value.words)}"]
        case "list":
            found = [f"_verify_exit_list {listed(value.words)}"]
        case _:
            found = [":"]
    return [" " * indent + line for line in found]

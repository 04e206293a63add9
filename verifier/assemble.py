# SPDX-License-Identifier: BSD-2-Clause
"""From ``.S`` or ``.s`` to the bytes of an ET_REL object, by the system's preprocessor and assembler.

Only this module and verifier.revisions start processes, and the source is untrusted:
every tool runs with bounded CPU time, memory, output, open files and wall
time, with an environment of its own, without a terminal, in its own session
and, where the kernel has Landlock, unable to write outside the temporary
directory. What it may read is in verifier.includes. The object depends on the
source, the options and the tools only: not on the current directory, the
temporary directory or the clock.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NoReturn

from verifier.buildflags import Build
from verifier.confine import Confinement, started
from verifier.includes import Allowed, allowed, check, dependencies, in_messages, named, opened, outside
from verifier.model import UserError
from verifier.records import record
from verifier.source import SOURCE_BYTES, blank_header, printable, read_input as read_input

PREPROCESSED_SUFFIXES: tuple[str, ...] = (".S", ".sx")
"""File name suffixes that gcc hands to the C preprocessor first."""

_AS = ("x86_64-linux-gnu-as", "as")
_CPP = ("x86_64-linux-gnu-gcc", "gcc", "cc")
_INSTALL = "install GNU binutils and gcc (Debian, Ubuntu: apt-get install binutils gcc; Fedora: dnf install …)"
_OPEN_FILES = 256
_NOT_OPENED = re.compile(r"can't open (.+) for reading: |Error: file not found: (.+)")
_MESSAGE_LINES = 20
_MESSAGE_WIDTH = 300
# The names of the temporary files: an #include or .include must not hit them by accident.
_CPP_INPUT, _AS_INPUT, _OBJECT, _LOG, _OPENED = (
    f"verify-exit-input{suffix}" for suffix in (".S", ".s", ".o", ".log", ".d")
)
# Where an assembler has its libraries; everything else that it reads is in the source's places.
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/nix/store", "/gnu/store", "/etc/ld.so.cache")
# No message may quote the line that it is about: a line marker in the source can name any file.
_QUIET = (("-fno-diagnostics-show-caret", "-fdiagnostics-column-unit=byte"), ("-fno-caret-diagnostics",), ())


@record
class Limits:
    """Bounds for one run of one tool.

    ``source_bytes``: size of the input file. ``wall_seconds`` and
    ``cpu_seconds``: time. ``memory_bytes``: address space. ``output_bytes``:
    size of any file that the tool writes, its messages included.
    """

    source_bytes: int = SOURCE_BYTES
    wall_seconds: float = 10.0
    cpu_seconds: int = 4
    memory_bytes: int = 512 << 20
    output_bytes: int = 64 << 20


DEFAULT_LIMITS = Limits()


def assemble(
    path: Path,
    include_dirs: tuple[str, ...] = (),
    defines: tuple[str, ...] = (),
    limits: Limits = DEFAULT_LIMITS,
    build: Build | None = None,
    allow_include: tuple[str, ...] = (),
    data: bytes | None = None,
) -> bytes:
    """The relocatable object that the source at ``path`` assembles to, with line numbers.

    ``.S`` (and ``.sx``) goes through ``gcc -E -x assembler-with-cpp`` with
    gcc's own predefined macros and nothing added; anything else goes straight
    to ``as --64 -g``. ``#include``, ``.include`` and ``.incbin`` look in the
    directory of the source, then in ``include_dirs``. Each of ``defines`` is
    NAME or NAME=VALUE; for ``.s`` it becomes ``--defsym`` and the value must
    be an integer.

    With ``build`` the flags of that build come first, its compiler
    preprocesses, in its directory, and files are looked for where it looks:
    ``<…>`` not in the directory of the source, the assembler's in the
    directory of the build.

    ``data`` is the source if it has been read: what is assembled is then what was hashed, whatever
    becomes of the file meanwhile.

    A source may read regular files in its directory and below, in
    ``include_dirs``, ``allow_include``, the preprocessor's own directories and
    those of ``build``, wherever links and ``..`` lead; see verifier.includes.

    Raises UserError: ``include-refused`` for any other file,
    ``input-not-found``, ``preprocessor-error``,
    ``assembler-error``, ``assembler-limit``, ``no-assembler`` (exit code 4),
    ``bad-define``, ``include-dir-not-found`` and ``build-flags`` (the build's
    compiler is not here; exit code 2).
    """
    preprocess = path.suffix in PREPROCESSED_SUFFIXES
    if build is not None and build.flags.preprocess is not None:
        preprocess = build.flags.preprocess
    text = (read_input(path, limits.source_bytes) if data is None else data).decode("utf-8", "surrogateescape")
    for directory in include_dirs:
        if not os.path.isdir(directory):
            raise UserError("include-dir-not-found", f"-I {printable(directory)}: no such directory", 2)
    for directory in allow_include:
        if not os.path.isdir(directory):
            text = f"--allow-include {printable(directory)}: no such directory"
            raise UserError("include-dir-not-found", text, 2)
    symbols = [_checked_define(define, preprocess) for define in defines]
    with tempfile.TemporaryDirectory(prefix="verify-exit-") as temporary:
        places = allowed((_directory(path), *include_dirs, *allow_include, *_places_of(build), *_own_places(build)))
        run = _Run(path, Path(temporary), include_dirs, limits, build, places)
        text = blank_header(text)
        if preprocess:
            return run.assemble(run.preprocess(text, symbols), [])
        # The line marker makes as name the source as the user did, not the temporary file.
        return run.assemble(f"# 1 {_quoted(str(path))}\n{text}", symbols)


def assembler_versions() -> tuple[tuple[str, str], ...]:
    """("as", version line) and ("gcc", version line) of the tools in use; "not found" for a missing one."""
    versions = []
    for name, candidates in (("as", _AS), ("gcc", _CPP)):
        program, line = _find(candidates), "not found"
        if program is not None:
            with tempfile.TemporaryDirectory(prefix="verify-exit-") as temporary:
                out = Path(temporary) / _LOG
                _execute([program, "--version"], Path(temporary), out, DEFAULT_LIMITS)
                line = printable(out.read_text("utf-8", "replace").partition("\n")[0]) or "unknown"
        versions.append((name, line))
    return tuple(versions)


@record
class _Run:
    """One source on its way through the tools."""

    path: Path
    temporary: Path
    include_dirs: tuple[str, ...]
    limits: Limits
    build: Build | None
    allowed: Allowed

    def preprocess(self, text: str, defines: list[str]) -> str:
        """The preprocessed text, with line markers."""
        self._write(_CPP_INPUT, text)
        source, target = str(self.temporary / _CPP_INPUT), self.temporary / _AS_INPUT
        dependencies_at = self.temporary / _OPENED
        arguments = ["-E", "-H", "-x", "assembler-with-cpp", "-MD", "-MF", str(dependencies_at)]
        if self.build is None:
            # The current directory stays the user's, so that included files are named as -I names them.
            program, current = _program("preprocessor", _CPP), Path.cwd()
            arguments += [f"-I{directory}" for directory in self._search()]
        else:
            program, current = _compiler(self.build), Path(self.build.directory)
            arguments += ["-iquote", os.path.abspath(_directory(self.path)), *self.build.flags.preprocessor]
            arguments += [f"-I{os.path.abspath(directory)}" for directory in self.include_dirs]
        arguments += [f"-D{define}" for define in defines]
        arguments += [*_preprocessor(program).quiet, f"-fmacro-prefix-map={source}={self.path}"]
        arguments += ["-o", str(target), source]
        status, messages = self._execute(program, arguments, current, None)
        names, messages = opened(messages)
        check(names, str(current), self.allowed, text, str(self.path))
        if status != 0:
            self._fail("preprocessor", status, messages, outside(text, self._places(), self.allowed, str(self.path)))
        self._check_dependencies(current, source, text)
        result = target.read_bytes().decode("utf-8", "surrogateescape")
        # A line marker in the input would be forgotten after the first #include: rename in the output.
        marker = re.compile(rf"^(# \d+ ){re.escape(_quoted(source))}", re.MULTILINE)
        name = _quoted(str(self.path))
        return marker.sub(lambda match: match[1] + name, result)

    def assemble(self, text: str, symbols: list[str]) -> bytes:
        """The object's bytes."""
        self._write(_AS_INPUT, text)
        arguments = ["--64", "-g", "--nocompress-debug-sections"]
        # as looks for .include in its current directory first: that is the empty temporary one.
        # So the search path is absolute, and the map takes that out of the line table again.
        for directory in self._search():
            full = self._absolute(directory)
            arguments.append(f"-I{full}")
            if "=" not in full:
                arguments += ["--debug-prefix-map", f"{full}={directory}"]
        arguments += ["--debug-prefix-map", f"{self.temporary.resolve()}=."]
        for symbol in symbols:
            arguments += ["--defsym", symbol]
        if self.build is not None:
            arguments += self.build.flags.assembler
        arguments += ["--MD", _OPENED, "-o", _OBJECT, _AS_INPUT]
        program, here = _program("assembler", _AS), str(self.temporary)
        status, messages = self._execute(program, arguments, self.temporary, _readable(program, self.allowed))
        if "unrecognized option" in messages and "--64" in messages:
            raise UserError("no-assembler", f"{program}: not an assembler for x86-64; {_INSTALL}")
        if status != 0:
            # It wrote no list of what it opened.
            ours = (_AS_INPUT, str(self.path), program)
            suspects = in_messages(messages, here, self.allowed, ours)
            suspects += [match[1] or match[2] for match in islice(_NOT_OPENED.finditer(messages), _MESSAGE_LINES)]
            for name in suspects:
                denied = named(name, self._places(), self.allowed, text, str(self.path))
                if denied is not None:
                    raise denied
            self._fail("assembler", status, messages, outside(text, self._places(), self.allowed, str(self.path)))
        self._check_dependencies(self.temporary, _AS_INPUT, text)
        try:
            return (self.temporary / _OBJECT).read_bytes()
        except FileNotFoundError:
            raise UserError("assembler-error", f"{self._name()}: the assembler wrote no object") from None

    def _search(self) -> tuple[str, ...]:
        """Where the assembler looks for files, in the user's or the build's own words."""
        if self.build is None:
            return (_directory(self.path), *self.include_dirs)
        return (".", *self.build.flags.search, *(os.path.abspath(directory) for directory in self.include_dirs))

    def _absolute(self, directory: str) -> str:
        base = "" if self.build is None else self.build.directory
        return os.path.abspath(os.path.join(base, directory))

    def _places(self) -> list[str]:
        """Where a tool looks for a file, as absolute names."""
        return [str(self.temporary), *map(self._absolute, self._search())]

    def _execute(
        self, program: str, arguments: list[str], directory: Path, readable: tuple[str, ...] | None
    ) -> tuple[int | None, str]:
        """The status and the messages of a tool."""
        log = self.temporary / _LOG
        (self.temporary / _OPENED).unlink(missing_ok=True)
        status = _execute([program, *arguments], directory, log, self.limits, readable)
        return status, log.read_bytes().decode("utf-8", "surrogateescape")

    def _check_dependencies(self, directory: Path, source: str, text: str) -> None:
        """Raise UserError unless the files that a tool says it opened are allowed."""
        try:
            rule = (self.temporary / _OPENED).read_bytes().decode("utf-8", "surrogateescape")
            names = dependencies(rule)
        except (OSError, ValueError):
            message = "an included file has a name with a line end or backslashes, or its name is not known; rename it"
            raise UserError("include-refused", f"{self._name()}: {message}") from None
        check((name for name in names if name != source), str(directory), self.allowed, text, str(self.path))

    def _fail(self, role: str, status: int | None, messages: str, suspect: UserError | None) -> NoReturn:
        """Raise the error for a tool that failed. ``suspect`` is why it may have, if it met a bound."""
        limit = _limit_hit(status, messages, self.limits)
        if limit is not None and suspect is not None:
            raise suspect
        if limit is not None:
            raise UserError("assembler-limit", f"{self._name()}: the {role} hit its bound of {limit}; shrink the input")
        lines = _error_lines(self._rewritten(messages))
        if not lines and status is not None and status < 0:
            lines = [f"{self._name()}: the {role} died of {signal.Signals(-status).name}"]
        raise UserError(f"{role}-error", "\n".join(lines) or f"{self._name()}: the {role} failed, status {status}")

    def _rewritten(self, messages: str) -> str:
        """The messages with the user's directory names in place of absolute and temporary ones."""
        for name in (_CPP_INPUT, _AS_INPUT):
            messages = messages.replace(str(self.temporary / name), str(self.path)).replace(name, str(self.path))
        for directory in self._search():
            messages = messages.replace(self._absolute(directory) + "/", "" if directory == "." else directory + "/")
        return re.sub(r"(?m)^(In file included from |\s+from )?\./", lambda match: match[1] or "", messages)

    def _write(self, name: str, text: str) -> None:
        (self.temporary / name).write_bytes(text.encode("utf-8", "surrogateescape"))

    def _name(self) -> str:
        return printable(str(self.path))


def _execute(
    command: list[str], directory: Path, log: Path, limits: Limits, readable: tuple[str, ...] | None = None
) -> int | None:
    """Run a tool with stdout and stderr in ``log``; its exit status, or None when the wall time ran out.

    The limits are set by a shell's ``ulimit`` and inherited through ``exec``:
    a ``preexec_fn`` is not safe when other threads run. ``ulimit -v`` counts
    KiB and ``-f`` blocks of 512 bytes in a shell that is called ``sh``. It may
    write in the log's directory only, and read ``readable`` only if that is
    given; see verifier.confine.
    """
    home = str(log.parent)
    bounds = (
        f"umask 077; ulimit -c 0; ulimit -n {_OPEN_FILES}; "
        f"ulimit -S -t {limits.cpu_seconds}; ulimit -H -t {limits.cpu_seconds + 1}; "
        f"ulimit -v {limits.memory_bytes >> 10}; ulimit -f {limits.output_bytes >> 9}; "
    )
    environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath), "SOURCE_DATE_EPOCH": "0"}
    environment |= {"HOME": home, "TMPDIR": home}
    with log.open("wb") as output:
        process = started(
            lambda: subprocess.Popen(
                ["/bin/sh", "-c", bounds + 'exec "$@"', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env=environment,
                start_new_session=True,
            ),
            Confinement((home,), readable),
        )
        try:
            return process.wait(limits.wall_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Also after a regular end or Ctrl-C: gcc's children must not outlive it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _limit_hit(status: int | None, messages: str, limits: Limits) -> str | None:
    """The bound that ended the tool, in words, or None if it failed for another reason."""
    if status is None:
        return f"{limits.wall_seconds:g} s of wall time"
    # gcc reports the death of its child in words; a tool of our own shows it in its status.
    if status == -signal.SIGXCPU or "CPU time limit exceeded" in messages:
        return f"{limits.cpu_seconds} s of CPU time"
    if status == -signal.SIGKILL or "Killed signal" in messages:
        return "the system (it was killed, most likely for memory)"
    if status == -signal.SIGXFSZ or re.search(r"File size limit exceeded|File too large", messages):
        return f"{limits.output_bytes >> 20} MiB of output"
    if re.search(r"out of memory|memory exhausted|[Cc]annot allocate memory", messages):
        return f"{limits.memory_bytes >> 20} MiB of memory"
    if "Too many open files" in messages:
        return f"{_OPEN_FILES} open files"
    if re.search(r"nested too deeply|nested depth \d+ exceeds", messages):
        return "nesting depth (macros or included files)"
    return None


def _error_lines(messages: str) -> list[str]:
    """The tool's own error lines, at most 20, safe to print."""
    # as indents each level of "Info: macro invoked from here" further.
    lines = [re.sub(r"^(\S+) {2,}", r"\1 ", line) for line in messages.split("\n") if line.strip()]
    wanted = [line for line in lines if re.search(r"\b([Ee]rror|Info): ", line)] or lines
    shown = [printable(line)[:_MESSAGE_WIDTH] for line in wanted[:_MESSAGE_LINES]]
    if len(wanted) > _MESSAGE_LINES:
        shown[-1] = f"… and {len(wanted) - _MESSAGE_LINES + 1} more lines"
    return shown


def _checked_define(define: str, preprocess: bool) -> str:
    """NAME=VALUE for the tool; ``--defsym`` of an assembler takes integers only."""
    name, given, value = define.partition("=")
    if re.fullmatch(r"[A-Za-z_]\w*" if preprocess else r"[A-Za-z_.$][\w.$]*", name, re.ASCII) is None:
        raise UserError("bad-define", f"-D {printable(define)}: not NAME or NAME=VALUE", 2)
    if preprocess:
        if re.search(r"[\x00\r\n]", value):
            raise UserError("bad-define", f"-D {printable(define)}: the value must be one line", 2)
        return define
    value = value if given else "1"
    match = re.fullmatch(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0([0-7]+)|(0|[1-9][0-9]*))", value, re.ASCII)
    if match is None:
        raise UserError("bad-define", f"-D {printable(define)}: a .s file takes integer values only", 2)
    number = next(int(digits, base) for digits, base in zip(match.groups()[1:], (16, 2, 8, 10), strict=True) if digits)
    return f"{name}={(-number if match[1] == '-' else number) & 0xFFFFFFFFFFFFFFFF:#x}"


def _program(role: str, candidates: tuple[str, ...]) -> str:
    program = _find(candidates)
    if program is None:
        raise UserError("no-assembler", f"{candidates[-1]}: not found, needed as {role}; {_INSTALL}")
    return program


def _compiler(build: Build) -> str:
    """The build's compiler, if it is the one of this name on PATH: a record cannot choose what program runs."""
    named = build.flags.compiler
    program = _find((os.path.basename(named),))
    other = "/" in named and program and not _same_file(os.path.join(build.directory, named), program)
    if program is None or other:
        text = f"{build.origin}: the compiler {printable(named)} is not on PATH"
        raise UserError("build-flags", f"{text}; put its directory first on PATH, or verify the object file instead", 2)
    return program


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


@record
class _Preprocessor:
    """What is asked once of a compiler: the directories of its own headers, the flags against quoting."""

    directories: tuple[str, ...]
    quiet: tuple[str, ...]


@lru_cache(maxsize=8)
def _preprocessor(program: str) -> _Preprocessor:
    """The directories that ``-v`` lists, with the first flags of _QUIET that the compiler knows."""
    with tempfile.TemporaryDirectory(prefix="verify-exit-") as temporary:
        out = Path(temporary) / _LOG
        for quiet in _QUIET:
            command = [program, *quiet, "-E", "-v", "-x", "assembler-with-cpp", os.devnull]
            if _execute(command, Path(temporary), out, DEFAULT_LIMITS) == 0:
                listed = re.search(
                    r"^#include .*search starts here:\n(.*?)^End of search list",
                    out.read_text("utf-8", "surrogateescape"),
                    re.MULTILINE | re.DOTALL,
                )
                lines = listed[1].split("\n") if listed else []
                return _Preprocessor(tuple(line[1:] for line in lines if line.startswith(" /")), quiet)
    return _Preprocessor((), ())


@lru_cache(maxsize=8)
def _confinable(program: str) -> tuple[str, ...] | None:
    """The places that hold an assembler and its libraries; None if it does not run with these alone."""
    places = (*_SYSTEM, os.path.dirname(os.path.dirname(os.path.realpath(program))))
    if "/" in places:
        return None
    with tempfile.TemporaryDirectory(prefix="verify-exit-") as temporary:
        out = Path(temporary) / _LOG
        status = _execute([program, "--version"], Path(temporary), out, DEFAULT_LIMITS, places)
    return places if status == 0 else None


def _readable(program: str, places: Allowed) -> tuple[str, ...] | None:
    own = _confinable(program)
    return None if own is None else (*own, *places.roots)


def _own_places(build: Build | None) -> tuple[str, ...]:
    """The directories of the preprocessor's own headers."""
    program = _find(_CPP) if build is None else _compiler(build)
    return () if program is None else _preprocessor(program).directories


def _places_of(build: Build | None) -> Iterator[str]:
    """What a build's record names: all if the user named the build, else what is in the current directory.

    A record that merely lies next to the source is as untrusted as the source.
    """
    if build is None:
        return
    here = os.path.realpath(os.getcwd())
    personal = {"/", os.path.realpath(os.path.expanduser("~"))}
    for name in (".", *build.flags.paths):
        place = os.path.join(build.directory, name)
        if build.told or (here not in personal and Path(os.path.realpath(place)).is_relative_to(here)):
            yield place


def _find(candidates: tuple[str, ...]) -> str | None:
    return next((found for name in candidates if (found := shutil.which(name))), None)


def _directory(path: Path) -> str:
    return os.path.dirname(str(path)) or "."


def _quoted(name: str) -> str:
    """A file name as a line marker spells it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\{ord(match[0]):03o}", escaped) + '"'

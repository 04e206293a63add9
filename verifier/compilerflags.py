# SPDX-License-Identifier: BSD-2-Clause
"""A compiler's command line, read as the flags that decide what an assembly source becomes.

A build is the user's own, but its records are files that anybody may have
written. So every word is on one of four lists: *taken* (it selects what the
preprocessor or the assembler makes of the source), *dropped* (it cannot change
the code: warnings, debug information, dependency files, output names, the
linker), *refused* (it makes the compiler load or run something) or unknown,
which is an error as well: a flag that is not understood may change the code,
and then something else than the build's object would be verified.

Facts: the GCC manual, chapter "GCC Command Options"; GNU as, "Command-Line
Options" and "i386 options"; the Clang command-line reference.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from verifier.model import UserError
from verifier.records import record


@record
class CompilerFlags:
    """What the command that builds one source means for it.

    ``compiler``: the program as the build names it. ``source``: the input as
    the build names it. ``preprocessor``: arguments of the compiler's ``-E``
    run, without input and output. ``assembler``: arguments of ``as``, without
    its search path; ``search`` is that path. ``preprocess``: whether ``-x``
    says that the source is (not) preprocessed, None if the suffix decides.
    Relative paths are relative to the directory that the compiler ran in.
    """

    compiler: str
    source: str
    preprocessor: tuple[str, ...] = ()
    assembler: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    preprocess: bool | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file and directory that the flags name, as the build spells it."""
        words = self.preprocessor
        named = [words[i + 1] for i, word in enumerate(words) if word in _PATH_FLAGS]
        return (*named, *(word[2:] for word in words if word.startswith("-I")), *self.search)


_PATH_FLAGS = ("-isystem", "-iquote", "-idirafter", "-include", "-imacros")
_JOINABLE = ("-I", "-D", "-U", *_PATH_FLAGS)

_REFUSED = re.compile(
    r"@.*|-B.*|-wrapper\b.*|--?specs\b.*|-f(no-)?(plugin|pass-plugin|modules?|compare-debug|self-test|use-ld)\b.*"
    r"|-f(dump|deps|diagnostics-(format|add-output|set-output)|time-trace|optimization-record)\b.*"
    r"|-Xclang|-Xpreprocessor|-mllvm.*|-load.*|--config.*|-dumpdir",
    re.DOTALL,
)
"""What loads a plug-in, runs another program, reads flags from elsewhere or writes files."""

_DROPPED = re.compile(
    r"-c|-pipe|-v|-w|-p|-pg|-P|-H|-Q|-save-temps(=\w+)?|-time|-pass-exit-codes|-Qunused-arguments|-nostdinc\+\+"
    r"|-g[\w=+-]*|-W(?![alp],).*|-Wl,.*|-pedantic(-errors)?|-MD|-MMD|-MP|-MG|-L.+|-l.+|-s|-static[\w-]*|-shared"
    r"|-nostdlib|-nodefaultlibs|-nostartfiles|-rdynamic|-fdebug-prefix-map=.*|-fdebug-compilation-dir=.*"
    r"|-f(no-)?(color-diagnostics|diagnostics-[a-z-]+|message-length|caret-diagnostics|show-column)(=[\w,-]+)?"
    r"|-f(no-)?(record-gcc-switches|verbose-asm|var-tracking[a-z-]*|working-directory)"
    r"|-f(no-)?(profile|auto-profile|coverage|test-coverage|offload|opt-info|save|callgraph-info|stack-usage)\b.*"
    r"|-frandom-seed=.*|-fmax-errors=\d+|-ferror-limit=\d+|--param=.*"
)
"""Warnings, messages, debug information, dependency files, the linker: none of it is in the code."""

_DROPPED_WITH_VALUE = ("-o", "-MF", "-MT", "-MQ", "-L", "-l", "--param", "-Xlinker", "-aux-info")

_TAKEN = re.compile(
    r"-nostdinc|-undef|-traditional(-cpp)?|-ansi|-std=[\w+:.-]+|-O[\w]*|-pthread|-no-pie|-pie|-m64"
    r"|-m(?!16|32|x32|iamcu|sse2avx)[a-z0-9][\w.-]*(=[\w.,:+-]+)?"
    r"|-f(?!preprocessed|directives-only|(?:no-)?pch)[A-Za-z][A-Za-z0-9-]*(=\d+(,\d+)*)?"
    r"|-f(cf-protection|sanitize|sanitize-coverage|stack-protector|trivial-auto-var-init|zero-call-used-regs|visibility"
    r"|tls-model|strict-flex-arrays|excess-precision|fp-contract|lto|randomize-layout-seed|basic-block-sections)=[\w,-]+"
    r"|-f(macro|file)-prefix-map=.*|--target=x86_64[\w.-]*",
    re.DOTALL,
)
"""What can define a macro, as many options of code generation do. The compiler knows which: it gets them as they are.

The values are numbers or words, never a file's name."""

_ASSEMBLER_TAKEN = re.compile(
    r"--strip-local-absolute|-L|--keep-locals|-mrelax-relocations=(yes|no)|-mx86-used-note=(yes|no)|-mmnemonic=\w+"
    r"|-msyntax=\w+|-mnaked-reg|-mbranches-within-32B-boundaries|-malign-branch[\w-]*=[\w+-]+|-march=[\w.+-]+"
    r"|-mtune=[\w.+-]+|-mno-[a-z-]+|-momit-lock-prefix=(yes|no)|-mfence-as-lock-add=(yes|no)|-mshared|-O[0-2s]?|-msse2avx"
    r"|-mlfence-[a-z-]+=[\w+]+|-mevexlig=\d+|-mevexwig=\d|-mvexwig=\d|-mamd64|-mintel64|-mdivide|--divide"
)
_ASSEMBLER_DROPPED = re.compile(
    r"--64|--(no)?execstack|-g[\w+-]*|--g[\w-]+|--(no-)?warn|-W|--fatal-warnings|--(no)?compress-debug-sections(=\w+)?|-Z"
)

_GCC = re.compile(r"(?:[\w.+]+-)*(?:gcc|clang|cc)(?:-\d+(?:\.\d+)*)?", re.ASCII)
_LAUNCHERS = ("ccache", "sccache", "distcc", "icecc")


def read_command(words: Sequence[str], where: str) -> CompilerFlags:
    """The flags in a compiler's command line; ``where`` goes into the errors.

    Raises UserError("build-flags", exit code 2) for a command that is not the
    compilation of one source by gcc or clang, or has a flag that is refused or
    unknown.
    """
    rest = list(words)
    while len(rest) > 1 and rest[0].rpartition("/")[2] in _LAUNCHERS:
        del rest[0]
    if not rest or _GCC.fullmatch(rest[0].rpartition("/")[2]) is None:
        shown = rest[0] if rest else "(nothing)"
        _fail(where, f"{shown[:99]!r} is no compiler that is known (gcc, clang, cc)")
    reader = _Reader(where, rest[0])
    reader.read(iter(rest[1:]))
    return reader.result()


@dataclass(slots=True)
class _Reader:
    """The state of reading one command line."""

    where: str
    compiler: str
    sources: list[str] = field(default_factory=list)
    preprocessor: list[str] = field(default_factory=list)
    assembler: list[str] = field(default_factory=list)
    search: list[str] = field(default_factory=list)
    preprocess: bool | None = None
    compiles: bool = False

    def read(self, words: Iterator[str]) -> None:
        for word in words:
            if _unusable(word):
                _fail(self.where, "a word that holds a NUL, a line end or a half character")
            if _REFUSED.fullmatch(word):
                _fail(self.where, f"the flag {word[:99]!r} loads, runs or writes something else: it is never passed on")
            if word == "-" or not word.startswith("-"):
                self.sources.append(word)
            elif word.startswith("-Wa,"):
                self._for_assembler(iter(word.split(",")[1:]))
            elif word == "-Xassembler":
                self._for_assembler(iter([_value(words, word, self.where)]))
            elif word.startswith("-Wp,"):
                self._for_preprocessor(iter(word.split(",")[1:]), word)
            elif word == "-x":
                self._language(_value(words, word, self.where))
            elif word.startswith("-x"):
                self._language(word[2:])
            elif word in _DROPPED_WITH_VALUE:
                _value(words, word, self.where)
            elif word == "-target":
                self._single(f"--target={_value(words, word, self.where)}")
            elif not word.startswith("-o") and not self._take_valued(word, words):
                self._single(word)

    def _single(self, word: str) -> None:
        self.compiles |= word == "-c"
        if _DROPPED.fullmatch(word):
            return
        if not _TAKEN.fullmatch(word):
            _fail(self.where, f"the flag {word[:99]!r} is not known to leave the code as it is")
        self.preprocessor.append(word)

    def _take_valued(self, word: str, words: Iterator[str]) -> bool:
        """Take -I, -D, -include and their like, joined with the value or not."""
        flag = next((flag for flag in reversed(_JOINABLE) if word.startswith(flag)), None)
        if flag is None:
            return False
        value = word[len(flag) :] or _value(words, word, self.where)
        if not value or value.startswith("-"):
            _fail(self.where, f"the flag {flag} has the value {value[:99]!r}")
        if flag == "-I":
            self.search.append(value)
        self.preprocessor += [flag + value] if len(flag) == 2 else [flag, value]
        return True

    def _language(self, name: str) -> None:
        if name not in ("assembler", "assembler-with-cpp"):
            _fail(self.where, f"the flag -x {name[:99]!r} makes the source something else than assembly")
        if self.sources:
            _fail(self.where, f"the flag -x {name[:99]!r} behind the source does not apply to it; move it to the front")
        self.preprocess = name == "assembler-with-cpp"

    def _for_preprocessor(self, words: Iterator[str], whole: str) -> None:
        for word in words:
            if word in ("-MD", "-MMD", "-MF", "-MT", "-MQ"):
                next(words, None)
            elif word not in ("-MP", "-MG") and not self._take_valued(word, words):
                _fail(self.where, f"the flag {whole[:99]!r} is not known to leave the code as it is")

    def _for_assembler(self, words: Iterator[str]) -> None:
        for word in words:
            if word == "-I":
                self.search.append(_value(words, "-Wa,-I", self.where))
            elif word.startswith("-I"):
                self.search.append(word[2:])
            elif word == "--defsym":
                symbol = _value(words, "-Wa,--defsym", self.where)
                if re.fullmatch(r"[A-Za-z_.$][\w.$]*=[+-]?\w+", symbol, re.ASCII) is None:
                    _fail(self.where, f"the flag -Wa,--defsym has the value {symbol[:99]!r}")
                self.assembler += [word, symbol]
            elif _ASSEMBLER_TAKEN.fullmatch(word):
                self.assembler.append(word)
            elif not _ASSEMBLER_DROPPED.fullmatch(word):
                _fail(self.where, f"the flag {'-Wa,' + word[:99]!r} is not known to leave the code as it is")

    def result(self) -> CompilerFlags:
        if not self.compiles or len(self.sources) != 1:
            _fail(self.where, f"not a compilation (-c) of one source, but of {len(self.sources)}")
        return CompilerFlags(
            compiler=self.compiler,
            source=self.sources[0],
            preprocessor=tuple(self.preprocessor),
            assembler=tuple(self.assembler),
            search=tuple(self.search),
            preprocess=self.preprocess,
        )


def _unusable(word: str) -> bool:
    """Whether no file name and no macro of one line can be made of a word."""
    try:
        os.fsencode(word)
    except UnicodeEncodeError:
        return True
    return re.search(r"[\0\r\n]", word) is not None


def _value(words: Iterator[str], flag: str, where: str) -> str:
    value = next(words, None)
    if value is None or _unusable(value):
        _fail(where, f"the flag {flag} lacks its value")
    return value


def _fail(where: str, what: str) -> NoReturn:
    hint = "verify the object file, or a source whose flags are given with -I and -D"
    raise UserError("build-flags", f"{where}: {what}; {hint}", 2)

# SPDX-License-Identifier: BSD-2-Clause
"""A file as a git revision has it, together with what it may include, in a private directory.

The tree is untrusted: its names may lead out of a directory, and its links anywhere.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from verifier.model import UserError
from verifier.records import record
from verifier.revisions import Git
from verifier.source import printable

SUFFIXES = frozenset({".s", ".sx", ".h", ".hh", ".hpp", ".inc", ".asm", ".def", ".mac", ".macro", ".i", ".toml"})
"""What a source may include, in lower case; .toml: the contract that its header names. Nothing else is taken along."""

MOST_FILES = 32768
MOST_BYTES = 256 << 20
"""Files and bytes that are taken along with a source."""

_BLOB = 1 << 30  # an image, or a source; the readers have smaller bounds for what is no image
_LINKS, _LINK_BYTES, _HOPS = 4096, 4096, 40
_REGULAR, _LINK, _MODULE = ("100644", "100755", "100664"), "120000", "160000"
_SOURCES = (".S", ".s")
_MISSING = re.compile(r"(?:error: |can't open |file not found: )\s*(\S+?)(?=:| for reading|$)", re.MULTILINE)


@record
class Checkout:
    """A file that can be read: ``path``, and ``directories`` in the order in which they were asked for.

    Of a revision these lie in the temporary directory ``root``, whose files the user knows as ``revision``:PATH; else
    both are "". ``key`` is the file's name from the top of the repository or, of a plain file, as it was given.
    ``names`` are all of the revision's files.
    """

    path: Path
    directories: tuple[str, ...]
    key: str
    root: str = ""
    revision: str = ""
    names: frozenset[str] = frozenset()
    top: str = ""

    def told(self, text: str) -> str:
        """The text with the names that the user knows in the place of temporary ones."""
        if not self.root:
            return text
        prefix = printable(f"{self.revision}:")
        return text.replace(f"{self.root}/", prefix).replace(self.root, prefix)

    def error(self, error: UserError) -> UserError:
        """An error of a run on this file, in the user's names, with what would help."""
        advice = self._advice(error.message)
        text = self.told(error.message) + (f"\n{advice}" if advice else "")
        return UserError(error.code, text, error.exit_code)

    def _advice(self, message: str) -> str:
        """Which option brings the file that a tool did not find, if the revision has it; else ""."""
        for match in _MISSING.finditer(message) if self.root else ():
            wanted = posixpath.normpath(match[1])
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(self.key), wanted))
            ends = "/" + re.sub(r"^(\.\./)+", "", wanted)
            name = min((name for name in self.names if f"/{name}".endswith(ends)), default=None)
            name = beside if beside in self.names else name
            if name is None:
                continue
            if not _included(name):
                return printable(f"{self.revision} has {name}, but only source files are taken along from a revision")
            below = posixpath.dirname(name) if name == beside else f"/{name}".removesuffix(ends)
            option = "--allow-include" if name == beside else "-I"
            where = os.path.relpath(f"{self.top}/{below}") if self.top else below
            return printable(f"{self.revision} has {name}: add {option} {where}")
        return ""


def split(name: str) -> tuple[str, str] | None:
    """(revision, path) of REV:PATH; a colon in braces belongs to the revision, as in HEAD@{10:00}. None: no such."""
    depth = 0
    for at, char in enumerate(name):
        if char == ":" and not depth:
            return (name[:at], name[at + 1 :]) if at else None
        depth += {"{": 1, "}": -1}.get(char, 0) if char == "{" or depth else 0
    return None


@contextlib.contextmanager
def checked_out(name: str, directories: Sequence[str] = ()) -> Iterator[Checkout]:
    """The file ``name``: a file if there is one of that name, else REV:PATH of the repository around us.

    PATH counts from the top of the tree, or from the current directory if it
    begins with ``./`` or ``../``. With a source come the files that it may
    include: of the same revision, below its directory and below those of
    ``directories`` (of -I) that lie in the repository, laid out as there. Links
    count as what they lead to inside the tree; modules are left out.

    Raises UserError (exit code 4): ``git-missing``, ``not-a-repository``,
    ``revision-unknown``, ``revision-path``, ``revision-too-large``,
    ``revision-tree``.
    """
    parts = None if _is_there(name) else split(name)
    if parts is None:
        yield Checkout(Path(name), tuple(directories), name)
        return
    with tempfile.TemporaryDirectory(prefix="verify-exit-") as temporary:
        yield _exported(Git(Path(os.path.realpath(temporary)), name), *parts, tuple(directories))


def _is_there(name: str) -> bool:
    try:
        return os.path.lexists(name)
    except ValueError:  # a NUL
        return False


def _exported(git: Git, revision: str, path: str, directories: tuple[str, ...]) -> Checkout:
    """Write what is needed below git.work/tree."""
    prefix = git.prefix()
    commit = git.commit(revision)
    top = git.top()
    tree = _tree(git.listing(commit))
    inside = posixpath.normpath(posixpath.join(prefix, path)) if path.startswith(("./", "../")) else path
    links = _links(git, tree) if any(mode == _LINK for mode, _ in tree.values()) else {}
    wanted = {inside: _blob_of(git, tree, links, inside, prefix)}
    root = git.work / "tree"
    mapped = [_within(top, directory) for directory in directories]
    if inside.endswith(_SOURCES):
        homes = [posixpath.dirname(inside), *(name for name in mapped if name is not None)]
        wanted = _taken_along(git, tree, links, homes) | wanted
    git.write(wanted, root, MOST_BYTES if len(wanted) > 1 else _BLOB)
    for told, name in zip(directories, mapped, strict=True):
        if name is not None and os.path.isdir(told):
            # It is there today: in a revision that does not have it yet, it is empty.
            git.directory(root / name)
    places = tuple(told if name is None else str(root / name) for told, name in zip(directories, mapped, strict=True))
    return Checkout(root / inside, places, inside, str(root), revision, frozenset(tree), top)


def _tree(listing: bytes) -> dict[str, tuple[str, str]]:
    """Name → (mode, object) of every file in what ``ls-tree -r -z`` wrote."""
    found = {}
    for entry in listing.split(b"\0"):
        about, tab, name = entry.partition(b"\t")
        words = about.decode("ascii", "replace").split(" ")
        if tab and len(words) == 3:
            found[os.fsdecode(name)] = (words[0], words[2])
    return found


def _links(git: Git, tree: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Name → target of every symbolic link, as far as they are bounded; any other leads nowhere."""
    names = [name for name, (mode, _) in tree.items() if mode == _LINK][:_LINKS]
    sizes = git.sizes(tree[name][1] for name in names)
    short = [name for name in names if 0 < sizes.get(tree[name][1], 0) <= _LINK_BYTES]
    content = dict(git.contents([tree[name][1] for name in short], _LINKS * 2 * _LINK_BYTES))
    return {name: os.fsdecode(content[tree[name][1]]) for name in short if tree[name][1] in content}


def _resolved(links: Mapping[str, str], name: str) -> str | None:
    """The name without links and ``..``; None if it leads out of the tree or in a circle."""
    left, here, hops = name.split("/")[::-1], list[str](), 0
    while left:
        part = left.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                return None
            here.pop()
            continue
        here.append(part)
        target = links.get("/".join(here))
        if target is not None:
            hops += 1
            if hops > _HOPS or target.startswith("/"):
                return None
            here.pop()
            left += target.split("/")[::-1]
    return "/".join(here)


def _blob_of(git: Git, tree: Mapping[str, tuple[str, str]], links: Mapping[str, str], path: str, prefix: str) -> str:
    """The object of the file that was asked for. Raises UserError("revision-path")."""
    mode, blob = tree.get(path, ("", ""))
    if mode == _LINK:
        mode, blob = tree.get(_resolved(links, path) or "", ("", ""))
        if mode not in _REGULAR:
            raise UserError("revision-path", f"{git.said}: a symbolic link that leads to no file of the revision")
    if mode in _REGULAR and _is_safe(path):
        return blob
    if mode == _MODULE:
        text = "a submodule; run verify-exit in its own repository"
    elif any(name.startswith(f"{path.rstrip('/')}/") for name in tree):
        text = "a directory; name a file in it"
    else:
        text = "the revision has no such file"
        beside = posixpath.normpath(posixpath.join(prefix, path))
        last = posixpath.basename(path)
        same = [name for name in tree if posixpath.basename(name) == last]
        alike = [name for name in tree if posixpath.splitext(name)[1] == posixpath.splitext(path)[1]]
        near = sorted(same)[:1] or get_close_matches(path, alike[:_LINKS], 1)
        if beside != path and beside in tree:
            text += f"; did you mean ./{path}?"
        elif near:
            text += f"; did you mean {near[0]}?"
    raise UserError("revision-path", f"{git.said}: {printable(text)}")


def _taken_along(
    git: Git, tree: Mapping[str, tuple[str, str]], links: Mapping[str, str], homes: Iterable[str]
) -> dict[str, str]:
    """Name → object of the files below the directories that a source may include."""
    places = tuple(dict.fromkeys("" if home in ("", ".") else f"{home}/" for home in homes))
    found: dict[str, str] = {}
    for name, (mode, blob) in tree.items():
        if not name.startswith(places) or not _included(name):
            continue
        if not _is_safe(name):
            raise UserError("revision-tree", f"{git.said}: its tree has the name {printable(name)!r}, which leads out")
        if mode == _LINK:
            mode, blob = tree.get(_resolved(links, name) or "", ("", ""))
        if mode in _REGULAR:
            found[name] = blob
    if len(found) > MOST_FILES:
        where = " and ".join(place or "the top of the tree" for place in places)
        text = f"{len(found)} files below {printable(where)} could be included, more than {MOST_FILES}"
        raise UserError("revision-too-large", f"{git.said}: {text}; see git worktree, and name the file there")
    return found


def _included(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in SUFFIXES


def _is_safe(name: str) -> bool:
    """Whether a name stays below the directory that it is put in. A tree that git itself made has no other."""
    return not {"", ".", ".."} & set(name.split("/"))


def _within(top: str, directory: str) -> str | None:
    """The directory as seen from the top of the repository; None if it is outside."""
    real = os.path.realpath(directory)
    if not top or not (f"{real}/").startswith(f"{top.rstrip('/')}/"):
        return None
    name = os.path.relpath(real, top)
    return "" if name == "." else name

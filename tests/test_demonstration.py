# SPDX-License-Identifier: BSD-2-Clause
"""A repository with an exit path of its own: what docs/ci.md promises of hooks, gates and waivers happens there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from verifier.cli import main
from verifier.report import FORMATS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "ci.md"

EXIT = r"""# SPDX-License-Identifier: BSD-2-Clause
// Return to user mode: SYSRET where it does what IRET would do, else IRET.
// On entry RSP points at the saved R11, interrupts are off, and the kernel's GS base is active.

#define R11_SLOT	0
#define RCX_SLOT	40
#define RIP_SLOT	80
#define CS_SLOT		88
#define FLAGS_SLOT	96
#define RSP_SLOT	104
#define SS_SLOT		112
#define USER_CS		0x33
#define USER_SS		0x2b
#define FLAG_TF		(1 << 8)
#define FLAG_RF		(1 << 16)

	.macro	restore
	movq	8(%rsp), %r10
	movq	16(%rsp), %r9
	movq	24(%rsp), %r8
	movq	32(%rsp), %rax
	movq	48(%rsp), %rdx
	movq	56(%rsp), %rsi
	movq	64(%rsp), %rdi
	.endm

	.globl	exit_to_user
exit_to_user:
	movq	RCX_SLOT(%rsp), %rcx
	cmpq	RIP_SLOT(%rsp), %rcx
	jne	slow
	shrq	$47, %rcx
	jnz	slow
	cmpq	$USER_CS, CS_SLOT(%rsp)
	jne	slow
	cmpq	$USER_SS, SS_SLOT(%rsp)
	jne	slow
	movq	R11_SLOT(%rsp), %r11
	cmpq	FLAGS_SLOT(%rsp), %r11
	jne	slow
	testq	$(FLAG_RF | FLAG_TF), %r11
	jnz	slow

	restore
	movq	RCX_SLOT(%rsp), %rcx
	movq	RSP_SLOT(%rsp), %rsp
	swapgs
	sysretq

slow:
	restore
	movq	RCX_SLOT(%rsp), %rcx
	movq	R11_SLOT(%rsp), %r11
	addq	$RIP_SLOT, %rsp
	swapgs
	iretq
"""

BOTH = "$(FLAG_RF | FLAG_TF)"
NO_RF = EXIT.replace(BOTH, "$(FLAG_TF)")
NO_TF = EXIT.replace(BOTH, "$(FLAG_RF)")
NEITHER = EXIT.replace(f"	testq	{BOTH}, %r11\n	jnz	slow\n", "")

CONFIGURATION = """# SPDX-License-Identifier: BSD-2-Clause
contract = "linux-4.0"

[[target]]
path = "exit.S"
entry = "exit_to_user"
"""

WAIVER = """[[waiver]]
id = "EXIT-7"
clause = "{clause}"
fingerprint = "{fingerprint}"
reason = "the new exit replaces this one"
owner = "Kim"
expires = {expires}
"""


def documented(name: str) -> str:
    """The script that docs/ci.md shows under that name."""
    (found,) = re.findall(rf"^<!-- file: {name} -->\n```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    return str(found)


def assert_shown(name: str, said: str) -> None:
    """Assert that the output that docs/ci.md shows is what was said; "…" stands for lines that are left out."""
    (found,) = re.findall(rf"^<!-- output: {name} -->\n```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    lines = [line for line in found.splitlines() if not line.startswith("$ ")]
    parts = "\n".join(lines).strip().split("\n…\n")
    rest = said
    for part in parts:
        _, middle, rest = rest.partition(part.removeprefix("…\n").removesuffix("\n…"))
        assert middle, f"docs/ci.md shows what is not said any more:\n{part}\n\nin:\n{said}"


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository, and an environment in which verify-exit is on PATH and no user's configuration counts."""

    path: Path
    environment: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False, timeout=300
        )

    def git(self, *words: str) -> str:
        done = self.run("git", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, text: str, name: str = "exit.S") -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def commit(self, text: str) -> subprocess.CompletedProcess[str]:
        """Try to commit ``text`` as the exit path."""
        self.write(text)
        self.git("add", "--all")
        return self.run("git", "commit", "--quiet", "-m", "Change the exit")

    def commits(self) -> int:
        return int(self.git("rev-list", "--count", "HEAD"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with a right exit path, its configuration, and one commit."""
    tools, home = tmp_path / "bin", tmp_path / "home"
    for directory in (tools, home, tmp_path / "project"):
        directory.mkdir()
    tool = tools / "verify-exit"
    tool.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m verifier "$@"\n')
    tool.chmod(0o755)
    environment = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(home),
        "TMPDIR": str(tmp_path),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Kim",
        "GIT_AUTHOR_EMAIL": "kim@example.org",
        "GIT_COMMITTER_NAME": "Kim",
        "GIT_COMMITTER_EMAIL": "kim@example.org",
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
    }
    made = Repository(tmp_path / "project", environment)
    made.git("init", "--quiet", "--initial-branch=main")
    made.write(CONFIGURATION, "verify-exit.toml")
    done = made.commit(EXIT)
    assert done.returncode == 0, done.stderr
    return made


def with_hook(repository: Repository) -> Repository:
    hook = repository.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(documented("pre-commit"))
    hook.chmod(0o755)
    return repository


def test_the_changes_are_what_they_are_called() -> None:
    """Each variant of the exit path differs from the right one."""
    assert len({EXIT, NO_RF, NO_TF, NEITHER}) == 4


def test_the_hook_blocks_a_dropped_check(repository: Repository) -> None:
    """A commit without the RF test is blocked, with the clause and a least counterexample; restored it passes."""
    with_hook(repository)
    blocked = repository.commit(NO_RF)
    assert blocked.returncode != 0 and repository.commits() == 1
    assert "exit.S: VIOLATED (rf)" in blocked.stderr
    assert "Counterexample to rf" in blocked.stderr and "frame.rflags  0x10000  RF" in blocked.stderr
    assert "Gate strict: failed with exit code 1 (1 new)" in blocked.stderr
    assert_shown("blocked", blocked.stderr)

    passed = repository.commit(EXIT + "// tidied up\n")
    assert (passed.returncode, passed.stdout, passed.stderr) == (0, "", "") and repository.commits() == 2


def test_the_hook_judges_what_is_staged(repository: Repository) -> None:
    """A right file in the working tree does not hide a wrong one in the index."""
    with_hook(repository)
    repository.write(NO_RF)
    repository.git("add", "exit.S")
    repository.write(EXIT)
    assert repository.run("git", "commit", "-m", "Change").returncode != 0
    assert repository.commits() == 1


def test_the_hook_needs_its_rules(repository: Repository) -> None:
    """A commit that removes the configuration is blocked: nothing would be verified any more."""
    with_hook(repository)
    (repository.path / "verify-exit.toml").unlink()
    blocked = repository.commit(NO_RF)
    assert blocked.returncode != 0 and "verify-exit.toml" in blocked.stderr


def test_pre_commit_blocks_a_dropped_check(repository: Repository) -> None:
    """The pre-commit framework runs the hook of our manifest with the same result."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    local = {"repo": "local", "hooks": [hook | {"language": "system"}]}
    repository.write(yaml.safe_dump({"repos": [local]}), ".pre-commit-config.yaml")
    repository.git("add", "--all")
    done = repository.run(sys.executable, "-m", "pre_commit", "install")
    assert done.returncode == 0, done.stdout + done.stderr

    blocked = repository.commit(NO_RF)
    said = blocked.stdout + blocked.stderr
    assert blocked.returncode != 0 and repository.commits() == 1
    assert "VIOLATED (rf)" in said and "- exit code: 1" in said
    assert repository.commit(EXIT + "// tidied up\n").returncode == 0 and repository.commits() == 2


# The gate script.


def gate(repository: Repository, base: str, *options: str) -> subprocess.CompletedProcess[str]:
    return repository.run("sh", "-c", documented("gate.sh"), "gate.sh", base, "-q", *options)


def test_only_new_violations_fail(repository: Repository) -> None:
    """An old violation passes as known while lines move; one more fails, and is the only one that is called new."""
    assert repository.commit(NO_TF).returncode == 0
    repository.git("branch", "base")
    assert repository.commit("// one more line\n" + NO_TF).returncode == 0
    known = gate(repository, "base")
    assert known.returncode == 0, known.stdout + known.stderr
    assert "VIOLATED (tf)" in known.stdout and "1 known" in known.stdout

    assert repository.commit(NEITHER).returncode == 0
    new = gate(repository, "base")
    assert new.returncode == 1, new.stdout + new.stderr
    assert "1 new, 1 known" in new.stdout
    assert_shown("new-only", new.stdout)
    assert repository.git("worktree", "list").count("\n") == 0 and repository.git("status", "--porcelain") == ""


def test_a_change_cannot_waive_itself(repository: Repository) -> None:
    """The rules are those of the base: what a change takes out of the targets is verified all the same."""
    repository.git("branch", "base")
    repository.write('[[target]]\npath = "other.S"\n', "verify-exit.toml")
    repository.write(EXIT, "other.S")
    assert repository.commit(NO_RF).returncode == 0
    done = gate(repository, "base")
    assert done.returncode == 1 and "exit.S: VIOLATED (rf)" in done.stdout


def test_a_change_cannot_bring_its_own_contract(repository: Repository) -> None:
    """A contract of the project is one of its rules: the gate judges by that of the base."""
    own = (ROOT / "specs" / "contracts" / "linux-4.0.toml").read_text(encoding="utf-8")
    (repository.path / "contracts").mkdir()
    repository.write(own, "contracts/own.toml")
    repository.write(CONFIGURATION.replace('"linux-4.0"', '"contracts/own.toml"'), "verify-exit.toml")
    assert repository.commit(EXIT).returncode == 0
    repository.git("branch", "base")
    repository.write("not a contract", "contracts/own.toml")
    assert repository.commit(NO_RF).returncode == 0
    done = gate(repository, "base")
    assert done.returncode == 1 and "exit.S: VIOLATED (rf)" in done.stdout, done.stdout + done.stderr


def test_a_base_without_an_answer_is_refused(repository: Repository) -> None:
    """A base that is inconclusive cannot tell what is new: the gate ends with a usage error."""
    assert repository.commit(EXIT.replace("swapgs\n	sysretq", "swapgs\n	invd\n	sysretq")).returncode == 0
    repository.git("branch", "base")
    assert repository.commit(NO_RF).returncode == 0
    done = gate(repository, "base")
    assert done.returncode == 2 and "baseline-inconclusive" in done.stderr


# Waivers.


class Verified:
    """verify-exit in a repository, within this process: (status, standard output, standard error)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, repository: Repository, *options: str) -> tuple[int, str, str]:
        self.monkeypatch.chdir(repository.path)
        status = main(options)
        return status, *self.capsys.readouterr()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verified:
    return Verified(monkeypatch, capsys)


def test_a_waiver_from_the_report_to_the_gate(repository: Repository, verified: Verified) -> None:
    """The report prints the fingerprint; the waiver with it passes, is counted in every format, and proves nothing."""
    repository.write(NO_TF)
    status, said, _ = verified(repository, "--gate", "strict")
    assert status == 1
    (fingerprint,) = re.findall(r"Fingerprints: tf ([0-9a-f]{32})", said)
    text = WAIVER.format(clause="tf", fingerprint=fingerprint, expires="2999-12-31")
    repository.write(text, "verify-exit.waivers.toml")

    files = [f"--format={name}={name}.out" for name in FORMATS]
    status, said, told = verified(repository, "--gate", "strict", "--strict", *files)
    assert (status, told) == (0, "")
    assert "exit.S: INCONCLUSIVE (waived)" in said and "PROVED" not in said
    assert_shown("waived", said)
    # Parts have the results as they are before any waiver: what merges them applies its own.
    for name in FORMATS.keys() - {"parts"}:
        written = (repository.path / f"{name}.out").read_text(encoding="utf-8")
        # A mail to others names nothing of the project's own bookkeeping.
        assert "waived" in written and ("EXIT-7" in written) == (name != "lkml"), name
    assert verified(repository, "-q")[0] == 3

    repository.write(NEITHER)
    assert verified(repository, "-q", "--gate", "strict")[0] == 1


def test_stale_waivers_are_told_and_fail_if_asked(repository: Repository, verified: Verified) -> None:
    """An unused and an expired waiver warn, and --strict makes either a usage error; an expired one waives nothing."""
    nothing = WAIVER.format(clause="tf", fingerprint="0" * 32, expires="2999-12-31")
    repository.write(nothing, "verify-exit.waivers.toml")
    status, _, told = verified(repository, "-q", "--gate", "strict")
    assert status == 0 and "waiver EXIT-7 (tf, Kim) is unused" in told
    assert verified(repository, "-q", "--gate", "strict", "--strict")[0] == 2
    repository.write(nothing.replace("2999", "1999"), "verify-exit.waivers.toml")
    status, _, told = verified(repository, "-q", "--gate", "strict", "--strict")
    assert status == 2 and "waiver EXIT-7 (tf, Kim) expired on 1999-12-31" in told

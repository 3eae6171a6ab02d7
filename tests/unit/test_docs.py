"""What the documents name is there: files, anchors, tests, commands, make targets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest

from relay.cli import EXIT_CODES, EXIT_RETRY, main

ROOT = Path(__file__).resolve().parents[2]
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_PATH = re.compile(r"(?<![\w/.])(?:tests|relay|extension|docker)/[\w./-]+")
_MADE = ("extension/dist/", "docker/pilot")
"""What builds and operators make."""


def documents() -> list[str]:
    """Return every tracked Markdown file; parts that are joined into another one are left to it."""
    listed = subprocess.run(
        ["git", "ls-files", "--", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [name for name in listed if "/texts/" not in name and (ROOT / name).exists()]


def prose(name: str) -> str:
    return _FENCED.sub("", (ROOT / name).read_text("utf-8"))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = _FENCED.sub("", path.read_text("utf-8"))
    plain = (
        re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", found) for found in _HEADING.findall(text)
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain}


def rows(name: str) -> list[str]:
    """Return the rows of a document's tables."""
    return [line for line in prose(name).splitlines() if line.startswith("|")]


def commands() -> set[str]:
    """Return every command of `candor`, groups left out."""
    found = set()
    for name, command in main.commands.items():
        parts = command.commands if isinstance(command, click.Group) else {"": command}
        found |= {f"candor {name} {part}".rstrip() for part in parts}
    return found


def broken_links(name: str) -> list[str]:
    """Return the links of a document that lead to no file, or to no heading of one."""
    broken = []
    for link in _LINK.findall(_CODE.sub("", prose(name))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / name).parent / target if target else ROOT / name
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("name", documents())
def test_every_link_leads_somewhere(name: str) -> None:
    assert broken_links(name) == []


def test_a_broken_link_would_be_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# One `two`\n[a](b.md) [b](#one-two) [c](#one) [d](a.md#x) `[e](f)`"
    )
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert broken_links("a.md") == ["b.md", "#one", "a.md#x"]


@pytest.mark.parametrize(
    "name",
    [
        *("README.md", "CONTRIBUTING.md", "docker/README.md"),
        *("relay/docs/path-of-an-event.md", "relay/docs/threat-model.md"),
    ],
)
def test_every_path_that_is_named_exists(name: str) -> None:
    text = " ".join(_CODE.findall(prose(name)))
    named = {path for path in _PATH.findall(text) if not path.startswith(_MADE)}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named: set[str] = set()
    for name in documents():
        code = _CODE.findall((ROOT / name).read_text("utf-8"))
        named |= {
            found[1]
            for found in map(re.compile(r"`(?:\w+=\S+ )?make ([a-z-]+)").match, code)
            if found
        }
    assert {"test", "demo", "bench"} <= named
    assert named <= targets


def test_every_command_that_is_named_exists() -> None:
    known = commands()
    starts = {command.split()[1] for command in known}
    for name in documents():
        for words in re.findall(r"`candor ((?:[a-z]+ ?)+)", prose(name)):
            first, *rest = words.split()
            assert first in starts, f"{name}: candor {words}"
            group = isinstance(main.commands[first], click.Group)
            assert not (group and rest) or f"candor {first} {rest[0]}" in known, f"{name}: {words}"


def test_the_page_of_commands_lists_each_command_and_exit_code() -> None:
    first = [row.split("|")[1].strip(" `") for row in rows("relay/docs/commands.md")]
    assert {cell for cell in first if cell.startswith("candor ")} == commands()
    assert {int(cell) for cell in first if cell.isdecimal()} == {
        0,
        EXIT_RETRY,
        *EXIT_CODES.values(),
    }

"""Breaking a promise on purpose, in a copy: the tests of that promise must then fail.

Owns the altered copies; the shipped source is never touched and has no hook for this.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.browser import EXTENSION, build_extension


def sabotaged_extension(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """Build the extension with some of its source's text replaced.

    Args:
        folder: An empty folder.
        changes: File under extension/src/, a text that stands there once, and its replacement.

    Raises:
        LookupError: A text does not stand there once, so the sabotage would miss its aim.
    """
    texts: dict[str, str] = {}
    for name, old, new in changes:
        text = texts.get(name) or (EXTENSION / "src" / name).read_text("utf-8")
        if text.count(old) != 1:
            message = f"{name} has {text.count(old)} places like {old!r}: mend the sabotage"
            raise LookupError(message)
        texts[name] = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    swaps = {}
    for name, text in texts.items():
        copy = folder / name.replace("/", "-")
        copy.write_text(text, "utf-8")
        swaps[name] = copy
    return build_extension(folder / "chromium", swaps=swaps)


def sabotaged_relay(*lines: str) -> tuple[str, str]:
    """Return what to start instead of `-m relay`: the relay after these lines of Python."""
    return "-c", "\n".join([*lines, "from relay.cli import main", "main()"])

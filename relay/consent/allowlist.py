"""Which app a page belongs to, and which of its paths are excluded (protocol.md section 8).

Owns matching; whatever cannot be read with certainty counts as outside. The extension gives the
same answers by the same rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from relay.consent.document import App, Policy
from relay.consent.origins import join_origin

MAX_DECODINGS = 8

_URL = re.compile(r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<authority>[^/?#\\]+)(?P<path>[^?#]*)")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CUT = re.compile(r"[;?#].*", re.DOTALL)


class Match(msgspec.Struct, frozen=True):
    """The page belongs to the app of this number."""

    app: int


class NoMatch(msgspec.Struct, frozen=True):
    """The page is outside, and why."""

    reason: Literal["malformed", "not_approved", "excluded_path"]


def match(url: str, policy: Policy) -> Match | NoMatch:
    """Find the app of a page.

    Args:
        url: Its address, as the browser gives it.
        policy: From `parse_policy`.
    """
    return match_app(url, policy.apps)


def match_app(url: str, apps: Iterable[App]) -> Match | NoMatch:
    """Find the app of a page among these apps."""
    found = _URL.match(url)
    if found is None:
        return NoMatch("malformed")
    origin = join_origin(found["scheme"].lower(), ascii_lower(found["authority"]))
    if origin is None:
        return NoMatch("malformed")
    app = next((app for app in apps if origin in app.origins), None)
    if app is None:
        return NoMatch("not_approved")
    if is_excluded(found["path"], app.excluded_paths):
        return NoMatch("excluded_path")
    return Match(app.app)


def is_excluded(path: str, prefixes: Sequence[str]) -> bool:
    """Tell whether a path lies under an excluded prefix, or cannot be read with certainty.

    Args:
        path: As the browser gives it, without query and fragment.
        prefixes: Excluded paths of the policy, which are written normalised.
    """
    if not prefixes:
        return False
    segments = path_segments(path)
    if segments is None:
        return True
    whole = "".join(f"/{segment}" for segment in segments) + "/"
    return any(whole.startswith(f"{prefix}/") for prefix in prefixes)


def path_segments(path: str) -> list[str] | None:
    """Return the segments of a path as servers may understand it, or None if that is uncertain."""
    text = _decoded(path)
    if text is None or _CONTROL.search(text):
        return None
    segments = []
    for part in re.split(r"[/\\]", ascii_lower(unicodedata.normalize("NFC", text))):
        name = _CUT.sub("", part)
        kept = name.rstrip(". ").lstrip(" ")
        if not kept and name.count(".") > 1:
            return None  # leads upwards
        if kept:
            segments.append(kept)
    return segments


def ascii_lower(text: str) -> str:
    """Lower A-Z and nothing else, as the extension does."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def _decoded(path: str) -> str | None:
    """Decode percent escapes until none is left; None if malformed, too deep or no UTF-8."""
    text = path
    for _ in range(MAX_DECODINGS):
        if "%" not in text:
            return text
        if "%" in _ESCAPES.sub("", text):
            return None
        try:
            text = _ESCAPES.sub(
                lambda run: bytes.fromhex(run[0].replace("%", "")).decode("utf-8"), text
            )
        except UnicodeDecodeError:
            return None
    return None

"""Exact origins: how one is written, and which are allowed where (RFC 6454).

Owns the text form only; never resolves a name.
"""

from __future__ import annotations

import re

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
DEFAULT_PORTS = {"https": 443, "http": 80}

_AUTHORITY = re.compile(
    r"(?P<host>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_QUAD = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_MAX_HOST_CHARS = 253
_MAX_PORT = 65_535


def join_origin(scheme: str, authority: str) -> str | None:
    """Return the origin in its exact form, or None where it has none.

    Args:
        scheme: "https" or "http".
        authority: Host and optional port, lower-case, without credentials.
    """
    found = _AUTHORITY.fullmatch(authority)
    if found is None or len(found["host"]) > _MAX_HOST_CHARS:
        return None
    port = int(found["port"] or DEFAULT_PORTS[scheme])
    if port > _MAX_PORT:
        return None
    suffix = "" if port == DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{found['host']}{suffix}"


def origin_fault(origin: str, *, demo: bool) -> str | None:
    """Say what is wrong with an origin as a policy writes it, or None.

    Args:
        origin: Text such as "https://crm.corp.example".
        demo: Whether the policy is marked demo, which allows http to loopback.
    """
    scheme, separator, authority = origin.partition("://")
    if not separator or scheme not in DEFAULT_PORTS:
        return "it must begin with https://"
    if "*" in authority:
        return "wildcards are not supported yet; list each host"
    if join_origin(scheme, authority) != origin:
        return (
            "write scheme, host and port only, in lower case, without the default port, a path, "
            "a trailing slash or a trailing dot"
        )
    last = host_of(origin).rpartition(".")[2]
    if last.isdigit() and not _QUAD.fullmatch(host_of(origin)):
        return "write a numeric address as four decimal numbers"
    if scheme == "http" and not (demo and is_loopback(origin)):
        return "http is only for 127.0.0.1, localhost and [::1], and only in a demo policy"
    return None


def host_of(origin: str) -> str:
    """Return the host of an exact origin."""
    authority = origin.partition("://")[2]
    return authority if authority.endswith("]") else re.sub(r":[0-9]+\Z", "", authority)


def is_loopback(origin: str) -> bool:
    """Tell whether an exact origin stays on this computer."""
    return host_of(origin) in LOOPBACK_HOSTS

"""Msgpack for everything outside the relay: one array in, one array out.

Owns the only use of the `msgpack` library; never knows what an array means.
"""

from __future__ import annotations

import msgpack  # type: ignore[import-untyped]  # it ships no types

from relay.errors import ProtocolError

_MAX_ITEMS = 4_096
"""In one list; no message has more, and the library makes room for what a list only claims."""


def pack_array(*items: object) -> bytes:
    """Encode items as one array."""
    packed: bytes = msgpack.packb(items)
    return packed


def unpack_array(packed: bytes) -> list[object]:
    """Decode exactly one array.

    Raises:
        ProtocolError: It is no msgpack array, or bytes follow it.
    """
    try:
        array = msgpack.unpackb(
            packed, raw=False, use_list=True, max_array_len=_MAX_ITEMS, max_map_len=0
        )
    except (ValueError, msgpack.UnpackException):
        raise ProtocolError("The other side sent bytes that are not msgpack.") from None
    if not isinstance(array, list):
        raise ProtocolError("The other side sent something other than an array.")
    return array

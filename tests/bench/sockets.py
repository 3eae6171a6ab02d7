"""Plain WebSocket client connections whose sockets can be handed to the load.

Owns the upgrade and single frames; the load itself is load.c.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from typing import Final, Self

SUBPROTOCOL: Final = "candor.v1"
_BINARY: Final = 0x82
_CLOSE: Final = 8
_SHORT, _LONG = 126, 127


class Closed(Exception):  # noqa: N818 - it is no error of ours
    """The other side ended the connection."""


class Socket:
    """One connection, driven by an event loop until its file descriptor is handed over.

    Args:
        raw: Connected and upgraded.
    """

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self._unread = b""

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to a server of this machine and upgrade."""
        loop = asyncio.get_running_loop()
        raw = socket.socket()
        raw.settimeout(0)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(raw, ("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
        )
        await loop.sock_sendall(raw, request.encode())
        self = cls(raw)
        while b"\r\n\r\n" not in self._unread:
            await self._read()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            said = f"the server did not upgrade: {head[:200]!r}"
            raise Closed(said)
        return self

    async def send(self, message: bytes) -> None:
        """Send one binary message, masked."""
        length = len(message)
        if length < _SHORT:
            head = struct.pack("!BB", _BINARY, 0x80 | length)
        else:
            head = struct.pack("!BBH", _BINARY, 0x80 | _SHORT, length)
        mask = os.urandom(4)
        wide = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
        masked = (int.from_bytes(message, "big") ^ wide).to_bytes(length, "big")
        await asyncio.get_running_loop().sock_sendall(self.raw, head + mask + masked)

    async def receive(self) -> bytes:
        """Return the next binary message."""
        while True:
            frame = self._frame()
            if frame is None:
                await self._read()
                continue
            opcode, body = frame
            if opcode == _CLOSE:
                said = f"closed with {int.from_bytes(body[:2], 'big')} {body[2:]!r}"
                raise Closed(said)
            if opcode == _BINARY & 15:
                return body

    def hand_over(self) -> int:
        """Return the file descriptor; nothing may be unread."""
        assert not self._unread, "the server said something before it was asked"
        return self.raw.fileno()

    def close(self) -> None:
        """Close the socket."""
        self.raw.close()

    def _frame(self) -> tuple[int, bytes] | None:
        data = self._unread
        if len(data) < 2:
            return None
        length, head = data[1] & 127, 2
        if length == _SHORT:
            length, head = int.from_bytes(data[2:4], "big"), 4
        elif length == _LONG:
            length, head = int.from_bytes(data[2:10], "big"), 10
        if len(data) < head + length:
            return None
        self._unread = data[head + length :]
        return data[0] & 15, data[head : head + length]

    async def _read(self) -> None:
        more = await asyncio.get_running_loop().sock_recv(self.raw, 65536)
        if not more:
            raise Closed("the server hung up")
        self._unread += more

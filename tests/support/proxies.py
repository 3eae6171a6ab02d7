"""Company proxies that do not let WebSockets be: one refuses, one holds back, one cuts, one loses.

Owns what each does to what passes; each ends TLS with the test authority, as such proxies do.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time

from tests.support.proxy import Proxy
from tests.support.tls import Authority
from tests.support.wire import Recording

_FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nblocked"


class CompanyProxy(Proxy):
    """Passes requests on, and WebSockets too; the others differ from it.

    `is_harmless` may be set while it runs: then it passes everything, as after a move to another
    network.
    """

    is_harmless = False
    sockets = 0
    """WebSockets asked for."""
    posts = 0
    """Connections that carried requests of transport 2."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        recording = Recording()
        self.recordings.append(recording)
        onward: asyncio.StreamWriter | None = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            is_socket = b"upgrade: websocket" in head.lower()
            self.sockets += is_socket
            self.posts += b" /v1/frames" in head
            if is_socket and self._refuses_sockets():
                writer.write(_FORBIDDEN)
                await writer.drain()
                writer.close()
                return
            there, onward = await asyncio.open_connection(
                "127.0.0.1", self.target_port, ssl=self._client_context, server_hostname="127.0.0.1"
            )
            self._open.add(onward)
            recording.chunks["up"].append((time.time(), head))
            onward.write(head)
            passing = {
                asyncio.create_task(self._pass(reader, onward, recording, "up")),
                asyncio.create_task(self._bring(there, writer, recording)),
            }
            await asyncio.wait(passing, timeout=self._life_s())
            writer.transport.abort()
            onward.transport.abort()
            await asyncio.wait(passing)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # either side went away: that is what this proxy is for
        finally:
            for end in (writer, onward):
                if end is not None:
                    self._open.discard(end)
                    end.transport.abort()

    def _refuses_sockets(self) -> bool:
        return False

    def _life_s(self) -> float | None:
        """Return how long a connection may live, in seconds."""
        return None

    async def _bring(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, recording: Recording
    ) -> None:
        """Bring what the relay answers."""
        await self._pass(there, writer, recording, "down")


class RefusingProxy(CompanyProxy):
    """Answers 403 to every upgrade."""

    def _refuses_sockets(self) -> bool:
        return not self.is_harmless


class BufferingProxy(CompanyProxy):
    """Brings an answer only once it is whole; that of an upgrade never is.

    Args:
        authority: See `Proxy`.
        target_port: See `Proxy`.
        passes_heads: Whether a head is brought at once, so that a WebSocket opens and stays mute.
    """

    def __init__(
        self, authority: Authority, target_port: int, *, passes_heads: bool = False
    ) -> None:
        super().__init__(authority, target_port)
        self._passes_heads = passes_heads

    async def _bring(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, recording: Recording
    ) -> None:
        if self.is_harmless:
            await super()._bring(there, writer, recording)
            return
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            while True:
                head = await there.readuntil(b"\r\n\r\n")
                if self._passes_heads:
                    writer.write(head)
                    await writer.drain()
                recording.chunks["down"].append((time.time(), head))
                rest = await _rest(head, there)
                recording.chunks["down"].append((time.time(), rest))
                writer.write(rest if self._passes_heads else head + rest)
                await writer.drain()
        writer.close()


async def _rest(head: bytes, there: asyncio.StreamReader) -> bytes:
    """Wait for the end of an answer."""
    if head.startswith(b"HTTP/1.1 101"):
        return await there.read(-1)
    lines = head.lower().split(b"\r\n")
    lengths = [line.split(b":")[1] for line in lines if line.startswith(b"content-length:")]
    return await there.readexactly(int(lengths[0]) if lengths else 0)


class CuttingProxy(CompanyProxy):
    """Cuts every connection when its time is over, whatever it does just then.

    Args:
        authority: See `Proxy`.
        target_port: See `Proxy`.
        after_s: How long a connection may live.
    """

    def __init__(self, authority: Authority, target_port: int, *, after_s: float = 60.0) -> None:
        super().__init__(authority, target_port)
        self.after_s = after_s

    def _life_s(self) -> float | None:
        return None if self.is_harmless else self.after_s


class LosingProxy(RefusingProxy):
    """Refuses upgrades, and cuts some connections when the relay has answered, before it is told.

    Args:
        authority: See `Proxy`.
        target_port: See `Proxy`.
        every: Of so many answers one is lost.
    """

    def __init__(self, authority: Authority, target_port: int, *, every: int = 3) -> None:
        super().__init__(authority, target_port)
        self._every = every
        self._answers = 0
        self.lost = 0

    async def _bring(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, recording: Recording
    ) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await there.read(65_536):
                recording.chunks["down"].append((time.time(), data))
                self._answers += 1
                if self._answers % self._every == 0 and not self.is_harmless:
                    self.lost += 1
                    break
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

"""A TLS-ending proxy between device and relay: it records what passes, delays it, and cuts it.

Owns one listening port and its recordings; never changes a byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.support.tls import Authority
from tests.support.wire import Direction, Message, Recording, messages

T = TypeVar("T")
_CHUNK = 65_536


class Proxy:
    """Stands on the relay's origin and passes everything on to where the relay really listens.

    Args:
        authority: Issues the proxy's certificate and verifies the relay's.
        target_port: Where the relay listens on the loopback address.
        port: Where to listen; 0 chooses a free port.
    """

    def __init__(self, authority: Authority, target_port: int, port: int = 0) -> None:
        self.port = port
        self.target_port = target_port
        self.delay_s = 0.0
        self.recordings: list[Recording] = []
        self._server_context = authority.server_context("127.0.0.1", "localhost")
        self._client_context = authority.client_context()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_ignore_lost_connections)
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def start(self) -> Proxy:
        """Listen; from here on connections pass."""
        self._thread.start()
        self._call(self._listen())
        return self

    def stop(self) -> None:
        """Cut everything and end the thread."""
        self._call(self._unlisten())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def cut(self) -> None:
        """Cut the network: open connections die at once, new ones are refused."""
        self._call(self._unlisten())

    def mend(self) -> None:
        """Mend the network; whoever tries again gets through."""
        self._call(self._listen())

    @property
    def bytes_passed(self) -> int:
        """Return how many bytes passed inside TLS, both ways."""
        return sum(recording.size for recording in self.recordings)

    def messages(self) -> list[Message]:
        """Return every WebSocket message that passed, oldest first."""
        found = [message for recording in self.recordings for message in messages(recording)]
        return sorted(found, key=lambda message: message.when)

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, ssl=self._server_context, backlog=512
            )
            self.port = self._server.sockets[0].getsockname()[1]

    async def _unlisten(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        for _ in range(100):
            if not self._open:
                break
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        recording = Recording()
        self.recordings.append(recording)
        onward: asyncio.StreamWriter | None = None
        try:
            there, onward = await asyncio.open_connection(
                "127.0.0.1", self.target_port, ssl=self._client_context, server_hostname="127.0.0.1"
            )
            self._open.add(onward)
            passing = {
                asyncio.create_task(self._pass(reader, onward, recording, "up")),
                asyncio.create_task(self._pass(there, writer, recording, "down")),
            }
            await asyncio.wait(passing)
            for task in passing:
                task.result()
        except (OSError, ssl.SSLError):
            pass  # either side went away: that is what this proxy is for
        finally:
            for end in (writer, onward):
                if end is not None:
                    self._open.discard(end)
                    end.transport.abort()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        recording: Recording,
        direction: Direction,
    ) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await reader.read(_CHUNK):
                recording.chunks[direction].append((time.time(), data))
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()


def _ignore_lost_connections(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), OSError | ssl.SSLError):
        loop.default_exception_handler(context)

"""The least a WebSocket server of this kind can do: read frames, and ack them every 10 ms.

The same aiohttp, uvloop and socket options as Candor's relay; no decoding, no checks, no store.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys

import msgspec
import uvloop
from aiohttp import WSMsgType, web

LINGER_S = 0.010
HELLO_AND_SEGMENT = 2
encode = msgspec.msgpack.Encoder().encode


class Connection:
    """Counts frames and owes an ack."""

    __slots__ = ("count", "owes", "socket")

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.count = -HELLO_AND_SEGMENT
        self.owes = False


class Loop:
    """All connections that owe an ack, and the one timer that sends them."""

    def __init__(self) -> None:
        self.owing: list[Connection] = []
        self.loop = asyncio.get_running_loop()

    def owe(self, connection: Connection) -> None:
        """Ack this connection at the next turn."""
        connection.owes = True
        if not self.owing:
            self.loop.call_later(LINGER_S, self.ack)
        self.owing.append(connection)

    def ack(self) -> None:
        """Send one ack to each connection that owes one."""
        owing, self.owing = self.owing, []
        for connection in owing:
            connection.owes = False
            step = connection.socket.send_bytes(encode((3, connection.count, ())))
            try:
                step.send(None)
            except (StopIteration, ConnectionError):
                continue
            finally:
                step.close()


async def serve() -> None:
    """Listen until SIGTERM."""
    acks = Loop()

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            protocols=("candor.v1",),
            compress=False,
            max_msg_size=65_537,
            writer_limit=1 << 62,
            timeout=2.0,
            decode_text=False,
        )
        await socket.prepare(request)
        connection = Connection(socket)
        receive = socket.receive
        while True:
            message = await receive()
            if message.type is not WSMsgType.BINARY:
                break
            connection.count += 1
            if connection.count > 0:
                if not connection.owes:
                    acks.owe(connection)
            elif connection.count == 1 - HELLO_AND_SEGMENT:
                await socket.send_bytes(encode((2, 1, 0, None, None, 0, 64, None, None)))
        return socket

    app = web.Application()
    app.router.add_get("/v1/stream", stream)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4_096).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sys.stdout.write(json.dumps({"port": runner.addresses[0][1]}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())

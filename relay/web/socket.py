"""One WebSocket connection: the line of a conversation.

Owns the socket and its bounds; takes no protocol decision and never waits for one frame.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import WebSocketError, WSMsgType, web

from relay.protocol.effects import Fault, Transport
from relay.protocol.messages import Message, encode
from relay.web.conversation import Conversation
from relay.web.relay import Relay

CLOSE_TIMEOUT_S: Final = 2.0


class Connection:
    """A device's connection from its challenge to its close.

    Args:
        relay: What all connections share.
        socket: A prepared WebSocket.
        transport: The transport below it.
    """

    def __init__(
        self, relay: Relay, socket: web.WebSocketResponse, transport: asyncio.Transport
    ) -> None:
        self.conversation = Conversation(relay, self, Transport.WEBSOCKET)
        self._relay = relay
        self._socket = socket
        self._transport = transport
        self._closing: asyncio.Task[None] | None = None
        self._fault: Fault | None = None

    async def run(self) -> None:
        """Converse until either side ends it."""
        relay, conversation, receive = self._relay, self.conversation, self._socket.receive
        session, carry_out = conversation.session, conversation.carry_out
        clock, writer = relay.loop.time, relay.writer
        carry_out(session.open())
        try:
            while self._closing is None:
                message = await receive()
                if message.type is WSMsgType.BINARY:
                    if relay.draining:
                        continue
                    effects = session.receive(message.data, int(clock() * 1000))
                    if effects:
                        carry_out(effects)
                        if writer.is_full:
                            await writer.room()
                elif message.type is WSMsgType.TEXT:
                    conversation.ended(Fault.TEXT_FRAME)
                elif message.type is WSMsgType.ERROR:
                    self._note_broken(message.data)
                    break
                else:
                    break
        finally:
            if self._closing is not None:
                await self._closing
            conversation.leave(self._fault)

    def send(self, message: Message) -> None:
        """Send without waiting; whoever does not read is closed, and others do not notice."""
        if self._transport.get_write_buffer_size() > self._relay.settings.slow_reader_bytes:
            self.conversation.ended(Fault.SLOW_READER)
            return
        # The writer's limit is out of reach, so sending never suspends: one step is all of it.
        step = self._socket.send_bytes(encode(message))
        try:
            step.send(None)
        except StopIteration:
            return
        except ConnectionError:
            return
        finally:
            step.close()

    def hang_up(self, fault: Fault) -> None:
        """Close the socket with this code."""
        self._closing = self._relay.loop.create_task(self._say_goodbye(fault))

    async def _say_goodbye(self, fault: Fault) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(code=int(fault), message=fault.label.encode())
        except (TimeoutError, ConnectionError):
            pass
        finally:
            self._transport.abort()

    def _note_broken(self, error: object) -> None:
        """Name the fault of a frame that the WebSocket layer itself refused and closed for."""
        if isinstance(error, WebSocketError):
            is_large = error.code == Fault.TOO_LARGE
            self._fault = Fault.TOO_LARGE if is_large else Fault.MALFORMED

"""How a device reaches its relay: the transports it may use, until a challenge came.

Owns the opening of lines; never answers a challenge.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple

from relay.client import wire
from relay.client.lines import Line, LineEndedError, open_exchange, open_socket
from relay.client.transports import DEFAULT_PACE, Choice, Pace
from relay.errors import ProtocolError
from relay.vault.sign import SigningKey


class Way(NamedTuple):
    """How a device reaches its relay.

    Args:
        relay: The relay's origin, from the policy.
        tls: The authorities to trust; the system's where absent.
        key: The device's key, which signs requests.
        choice: Which transports it may use.
        pace: How long it waits for what.
    """

    relay: str
    tls: ssl.SSLContext | None
    key: SigningKey
    choice: Choice = "auto"
    pace: Pace = DEFAULT_PACE

    async def socket(self) -> tuple[Line, wire.Challenge]:
        """Open a WebSocket and wait for its challenge; raises LineEndedError."""
        return await self._challenged(await open_socket(self.relay, self.tls, self.pace))

    async def exchange(self) -> tuple[Line, wire.Challenge]:
        """Open an exchange of requests, which begins with a challenge; raises LineEndedError."""
        return await self._challenged(
            await open_exchange(self.relay, self.tls, self.key, self.pace)
        )

    async def either(self) -> tuple[Line, wire.Challenge]:
        """Open a WebSocket, or an exchange where none can be had; raises LineEndedError."""
        if self.choice != "https":
            try:
                return await self.socket()
            except LineEndedError:
                if self.choice == "websocket":
                    raise
        return await self.exchange()

    async def _challenged(self, line: Line) -> tuple[Line, wire.Challenge]:
        try:
            async with asyncio.timeout(self.pace.challenge_s):
                challenge = wire.unpack(await line.receive())
            if not isinstance(challenge, wire.Challenge):
                raise ProtocolError("The relay did not begin with a challenge.")  # noqa: TRY301
        except TimeoutError:
            line.abort()
            raise LineEndedError(None) from None
        except BaseException:  # also where whoever waits was told to stop
            line.abort()
            raise
        return line, challenge

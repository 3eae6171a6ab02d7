"""The two transports of a session, as a device holds them: a WebSocket, or an exchange of requests.

Owns sockets, requests and their repeats; knows no message but that a challenge comes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from typing import Final, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from relay.client.codec import pack_array, unpack_array
from relay.client.transports import Pace
from relay.client.web import Web
from relay.client.wire import HTTPS, WEBSOCKET
from relay.errors import CandorError, ProtocolError
from relay.model import MAX_FRAME_BYTES
from relay.protocol.transcript import sha256
from relay.vault.sign import SigningKey

SUBPROTOCOL: Final = Subprotocol("candor.v1")
_ATTEMPTS: Final = 5
_MAX_FRAMES: Final = 256
_MAX_FRAMES_BYTES: Final = 3 * MAX_FRAME_BYTES
_LINGER_S: Final = 0.005
_OK: Final = 200
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_SERVER_FAULT: Final = 500
_TIMEOUT: Final = 4408
_MAX_CLOSE: Final = 4_999


class LineEndedError(Exception):
    """A line ended: with the relay's close code, or with None where the network ended it."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the line ended with {code}")
        self.code = code


class Line(Protocol):
    """One way to the relay, for one session."""

    @property
    def transport(self) -> int:
        """The number that its hello states."""

    async def receive(self) -> bytes | str:
        """Return the next frame; raises LineEndedError."""

    async def send(self, frame: bytes) -> None:
        """Send a frame after every earlier one; raises LineEndedError."""

    async def close(self) -> None:
        """End it; whoever receives learns that it ended without a code."""

    def abort(self) -> None:
        """End it without a word."""


class SocketLine:
    """A WebSocket; get one from `open_socket`."""

    transport = WEBSOCKET

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def receive(self) -> bytes | str:
        """Return the next frame."""
        try:
            return await self._socket.recv()
        except ConnectionClosed as closed:
            raise LineEndedError(closed.rcvd.code if closed.rcvd else None) from None

    async def send(self, frame: bytes) -> None:
        """Send a frame."""
        try:
            await self._socket.send(frame)
        except ConnectionClosed as closed:
            raise LineEndedError(closed.rcvd.code if closed.rcvd else None) from None

    async def close(self) -> None:
        """Close the socket."""
        await self._socket.close()

    def abort(self) -> None:
        """Drop the socket."""
        self._socket.transport.abort()


class ExchangeLine:
    """Signed requests, one under way at a time; get one from `open_exchange`."""

    transport = HTTPS

    def __init__(self, web: Web, key: SigningKey, pace: Pace, frames: list[bytes]) -> None:
        self._web = web
        self._key = key
        self._pace = pace
        self._id = _nonce_of(frames[0])
        self._counter = 0
        self._came = deque(frames)
        self._waiting: deque[bytes] = deque()
        self._ended: LineEndedError | None = None
        self._due = asyncio.Event()
        self._news = asyncio.Event()
        self._news.set()
        self._task = asyncio.create_task(self._work())

    async def receive(self) -> bytes | str:
        """Return the next frame."""
        while not self._came:
            if self._ended is not None:
                raise self._ended
            self._news.clear()
            await self._news.wait()
        return self._came.popleft()

    async def send(self, frame: bytes) -> None:
        """Let the frame go with the next request."""
        if self._ended is not None:
            raise self._ended
        self._waiting.append(frame)
        self._due.set()

    async def close(self) -> None:
        """Ask nothing more; the relay ends the session after its time of silence."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._end(None)

    def abort(self) -> None:
        """Ask nothing more."""
        self._task.cancel()
        self._end(None)

    def _end(self, code: int | None) -> None:
        self._ended = self._ended or LineEndedError(code)
        self._news.set()

    async def _work(self) -> None:
        try:
            while self._ended is None:
                await self._due.wait()
                await asyncio.sleep(_LINGER_S)
                await self._request()
        except LineEndedError as ended:
            self._end(ended.code)
        except CandorError:
            self._end(None)

    async def _request(self) -> None:
        frames: list[bytes] = []
        while self._waiting and len(frames) < _MAX_FRAMES:
            if frames and sum(map(len, frames)) + len(self._waiting[0]) > _MAX_FRAMES_BYTES:
                break
            frames.append(self._waiting.popleft())
        if not self._waiting:
            self._due.clear()
        self._counter += 1
        body = pack_array(*frames)
        parts = (self._web.origin, self._id, self._counter, sha256(body))
        signature = self._key.sign("candor/v1/frames", *parts)
        request = pack_array(self._id, self._counter, signature, body)
        for attempt in range(_ATTEMPTS):
            answer = await _try(self._web, "/v1/frames", request)
            if answer is not None:
                came, code = answer
                self._came.extend(came)
                self._news.set()
                if code:
                    raise LineEndedError(code)
                return
            await asyncio.sleep(self._pace.request_s * 2**attempt)
        raise LineEndedError(None)


async def open_socket(relay: str, tls: ssl.SSLContext | None, pace: Pace) -> Line:
    """Connect to the relay's stream endpoint.

    Args:
        relay: The relay's origin.
        tls: The authorities to trust; the system's where absent.
        pace: How long it may take.

    Raises:
        LineEndedError: It cannot be opened.
    """
    secure = relay.startswith("https://")
    try:
        socket = await connect(
            relay.replace("http", "ws", 1) + "/v1/stream",
            subprotocols=[SUBPROTOCOL],
            ssl=(tls or True) if secure else None,
            compression=None,
            ping_interval=None,
            proxy=None,
            open_timeout=pace.challenge_s,
            close_timeout=pace.challenge_s,
            max_size=MAX_FRAME_BYTES,
        )
    except (OSError, WebSocketException, TimeoutError):
        raise LineEndedError(None) from None
    return SocketLine(socket)


async def open_exchange(
    relay: str, tls: ssl.SSLContext | None, key: SigningKey, pace: Pace
) -> Line:
    """Begin an exchange of requests.

    Args:
        relay: The relay's origin, from the policy.
        tls: The authorities to trust; the system's where absent.
        key: The device's key, which signs them.
        pace: How long to wait between repeats.

    Raises:
        LineEndedError: It cannot be opened.
        ProtocolError: The relay did not begin with a challenge.
    """
    web = Web(relay, tls)
    answer = await _try(web, "/v1/frames/open", pack_array(key.public))
    if answer is None or not answer[0]:
        raise LineEndedError(None)
    return ExchangeLine(web, key, pace, answer[0])


async def _try(web: Web, path: str, body: bytes) -> tuple[list[bytes], int] | None:
    """Post once; None if it is worth another try with the same bytes.

    Returns:
        The frames and the close code, 0 for none.
    """
    try:
        status, answer = await asyncio.to_thread(web.ask, path, body)
    except CandorError:
        return None
    if status >= _SERVER_FAULT:
        return None
    if status != _OK:
        raise LineEndedError(_TIMEOUT if status in {_NOT_FOUND, _CONFLICT} else None)
    try:
        return read_answer(answer)
    except ProtocolError:
        return None  # something on the way answered, not the relay


def read_answer(answer: bytes) -> tuple[list[bytes], int]:
    """Read the answer to a request: its frames, and the close code or 0.

    Raises:
        ProtocolError: It is none.
    """
    match unpack_array(answer):
        case [list() as frames, int() | None as code] if all(
            type(frame) is bytes for frame in frames
        ) and (code is None or (type(code) is int and 0 < code <= _MAX_CLOSE)):
            return [bytes(frame) for frame in frames], code or 0
        case _:
            raise ProtocolError("The answer to a request is not a relay's.")


def _nonce_of(frame: bytes) -> bytes:
    """Return the nonce of an exchange's first frame, which names the exchange.

    Raises:
        ProtocolError: It is no challenge.
    """
    match unpack_array(frame):
        case [1, bytes() as nonce, *_]:
            return nonce
        case _:
            raise ProtocolError("The relay did not begin with a challenge.")

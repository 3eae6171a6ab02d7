"""The connection of a device to its relay: hello, credit, acks, and coming back after a cut.

Owns the line in use, what was announced on it, and when to change over to the other transport;
never decides what may be recorded and never sees a plaintext.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from typing import Final, Protocol

from relay.client import transports, wire
from relay.client.lines import Line, LineEndedError
from relay.client.state import State
from relay.client.transports import Seen
from relay.client.way import Way
from relay.client.wire import HTTPS, WEBSOCKET
from relay.errors import CandorError, ProtocolError
from relay.model import DropReason

_FIRST_DELAY_S: Final = 0.2
_MAX_DELAY_S: Final = 30.0
_LONG_DELAY_S: Final = 300.0
_LOOK_AHEAD: Final = 256

# Codes of protocol.md section 6 after which coming back by itself would do harm or no good.
_FINAL_CODES: Final = {
    1003: "text_frame",
    1009: "too_large",
    4403: "unknown_device",
    4409: "superseded",
    4426: "upgrade_required",
}
_LONG_BACK_OFF_CODES: Final = {4400, 4401}
_SEQ_CONFLICT: Final = 4424


class Owner(Protocol):
    """What the device decides while the link is open."""

    def hello(self, challenge: wire.Challenge, transport: int) -> bytes:
        """Return the signed hello for this challenge."""

    def welcomed(self, welcome: wire.Welcome) -> list[bytes] | None:
        """Take a welcome; return control frames to send first, or None to say hello anew."""

    def heard(self, message: wire.RelayMessage) -> None:
        """Take any message but acks and pongs."""

    def settled_some(self) -> None:
        """Learn that seqs were settled or the link failed for good."""

    def start_stream(self) -> None:
        """Begin a new stream: the relay cannot go on with this one."""


class Link:
    """Keeps a device connected until `close`; start it with `start`.

    Args:
        way: How it reaches the relay.
        state: The device's memory.
        owner: Who decides.
    """

    def __init__(self, way: Way, state: State, owner: Owner) -> None:
        self._way = way
        self._state = state
        self._owner = owner
        self._seen = Seen()
        self._other: tuple[Line, wire.Challenge] | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._in_flight: deque[int] = deque()
        self._announced_segments: set[bytes] = set()
        self._controls: deque[bytes] = deque()
        self._credit = 0
        self._retry_s = 0.0
        self.announced = 0
        self.transport: int | None = None
        self.ready = asyncio.Event()
        self.failure: CandorError | None = None

    def start(self) -> None:
        """Connect in the background and stay connected."""
        if self._task is None or self._task.done():
            self.failure = None
            self._task = asyncio.create_task(self._stay())
            self._task.add_done_callback(lambda _: self._owner.settled_some())

    async def close(self) -> None:
        """Disconnect and stay away until `start`."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            self._reset()
        if self._other is not None:
            await self._other[0].close()
            self._other = None

    def check(self) -> None:
        """Go on only if this returns: the link stands, or will come back by itself.

        Raises:
            CandorError: It ended for good.
        """
        if self.failure is not None:
            raise self.failure
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    def send_soon(self, frame: bytes) -> None:
        """Send a control frame on the open session; with none open, `welcomed` must repeat it."""
        if self.ready.is_set():
            self._controls.append(frame)
            self._wake.set()

    def look_again(self) -> None:
        """Notice that the outbox has something new."""
        self._wake.set()

    async def _stay(self) -> None:
        failures = 0
        while True:
            self._retry_s = 0.0
            code = await self._converse()
            if self._other is not None:
                self._reset()
                continue
            failures = 0 if self.ready.is_set() else failures + 1
            self._reset()
            if code == _SEQ_CONFLICT:
                self._owner.start_stream()
            if code in _FINAL_CODES:
                self._fail(
                    CandorError(
                        f"The relay closed the connection for good ({_FINAL_CODES[code]}). See "
                        "protocol.md section 6 for what to do.",
                        code=_FINAL_CODES[code],
                    )
                )
                return
            if self.failure is not None:
                return
            if code in _LONG_BACK_OFF_CODES:
                delay = _LONG_DELAY_S
            else:
                delay = min(_FIRST_DELAY_S * 2**failures, _MAX_DELAY_S)
            jitter = random.SystemRandom().uniform(0.5, 1.0)
            await asyncio.sleep(max(delay * jitter, self._retry_s * (1 + jitter)))

    async def _converse(self) -> int | None:
        """Hold one line; return the code with which it was closed, if one came."""
        try:
            line, challenge = await self._open()
        except LineEndedError as ended:
            return ended.code
        except CandorError as error:
            self._fail(error)
            return None
        since = _now()
        code: int | None = None
        try:
            await self._hold(line, challenge)
        except LineEndedError as ended:
            code = ended.code
            self._learn(line, since, code)
        except TimeoutError:
            self._learn(line, since, None)
        except CandorError as error:
            self._fail(error)
        finally:
            await line.close()
        return code

    async def _open(self) -> tuple[Line, wire.Challenge]:
        """Open the transport that this network is likely to let through."""
        other, self._other = self._other, None
        if other is not None:
            return other
        choice = self._way.choice
        if choice == "https":
            return await self._way.exchange()
        if choice == "websocket" or transports.next_transport(self._seen, _now()) == WEBSOCKET:
            try:
                return await self._way.socket()
            except LineEndedError:
                self._seen = transports.blocked(self._seen, _now(), self._way.pace, _jitter())
                raise
        try:
            return await self._way.exchange()
        except LineEndedError:
            self._seen = transports.unreachable(self._seen)
            raise

    def _learn(self, line: Line, since: float, code: int | None) -> None:
        """Learn from how a WebSocket ended what this network does to them."""
        if line.transport != WEBSOCKET or self._other is not None:
            return
        if _now() - since >= self._way.pace.steady_s:
            self._seen = Seen()
        elif code is None:
            self._seen = transports.cut(self._seen, _now(), self._way.pace, _jitter())

    async def _hold(self, line: Line, challenge: wire.Challenge) -> None:
        if not await self._greet(line, challenge):
            return
        self.transport = line.transport
        helpers = [asyncio.create_task(work) for work in (self._send(line), self._ping(line))]
        if line.transport == HTTPS and self._way.choice == "auto":
            helpers.append(asyncio.create_task(self._try_other(line)))
        try:
            await self._listen(line)
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _try_other(self, line: Line) -> None:
        """Try a WebSocket while requests go on; once it was challenged, it takes over."""
        while True:
            await asyncio.sleep(max(0.0, self._seen.retry_at - _now()))
            try:
                self._other = await self._way.socket()
            except (LineEndedError, CandorError):
                self._seen = transports.blocked(self._seen, _now(), self._way.pace, _jitter())
                continue
            await line.close()
            return

    async def _greet(self, line: Line, challenge: wire.Challenge) -> bool:
        await line.send(self._owner.hello(challenge, line.transport))
        async with asyncio.timeout(self._way.pace.silence_s):
            welcome = wire.unpack(await line.receive())
        if not isinstance(welcome, wire.Welcome):
            raise ProtocolError("The relay did not answer the hello with a welcome.")
        controls = self._owner.welcomed(welcome)
        if controls is None:
            return False
        self.announced = welcome.resume
        self._credit = welcome.credit
        self._controls.extend(controls)
        self.ready.set()
        self._owner.settled_some()
        return True

    async def _listen(self, line: Line) -> None:
        while True:
            async with asyncio.timeout(self._way.pace.silence_s):
                message = wire.unpack(await line.receive())
            match message:
                case wire.Ack():
                    self._settle(message)
                case wire.Retry():
                    self._retry_s = message.after_ms / 1000
                case wire.Pong():
                    pass
                case _:
                    self._owner.heard(message)
            self._wake.set()

    def _settle(self, ack: wire.Ack) -> None:
        if ack.through > self.announced or any(seq > ack.through for seq, _ in ack.refused):
            raise ProtocolError("The relay acked a batch that was never announced.")
        self._state.settle(ack.through, ack.refused)
        while self._in_flight and self._in_flight[0] <= ack.through:
            self._in_flight.popleft()
        self._owner.settled_some()

    async def _send(self, line: Line) -> None:
        while True:
            self._wake.clear()
            while frames := self._next_frames():
                for frame in frames:
                    await line.send(frame)
            await self._wake.wait()

    def _next_frames(self) -> list[bytes]:
        """Decide what goes out next, and count it as announced before it does."""
        if self._controls:
            return [self._controls.popleft()]
        entries = self._state.waiting(self.announced, 1)
        if not entries:
            return []
        entry = entries[0]
        if entry.seq > self.announced + 1:
            # The relay lost what it had acked: say that these will not come again.
            return [self._drop(entry.seq - 1, DropReason.OUTBOX_CORRUPT)]
        if entry.reason is not None:
            last = entry.seq
            for later in self._state.waiting(entry.seq, _LOOK_AHEAD):
                if later.reason != entry.reason or later.seq != last + 1:
                    break
                last = later.seq
            return [self._drop(last, DropReason(entry.reason))]
        if len(self._in_flight) >= self._credit:
            return []
        self.announced = entry.seq
        self._in_flight.append(entry.seq)
        if entry.segment in self._announced_segments:
            return [entry.frame]
        self._announced_segments.add(entry.segment)
        return [self._state.segment_frame(entry.segment), entry.frame]

    def _drop(self, last: int, reason: DropReason) -> bytes:
        first, self.announced = self.announced + 1, last
        return wire.pack(wire.DROPPED, first, last, reason.value)

    async def _ping(self, line: Line) -> None:
        for echo in range(2**31):
            await asyncio.sleep(self._way.pace.ping_s)
            await line.send(wire.pack(wire.PING, echo))

    def _reset(self) -> None:
        self.ready.clear()
        self.transport = None
        self.announced = 0
        self._in_flight.clear()
        self._announced_segments.clear()
        self._controls.clear()

    def _fail(self, error: CandorError) -> None:
        self.failure = error
        self._owner.settled_some()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _jitter() -> float:
    return random.SystemRandom().random()

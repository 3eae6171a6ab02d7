"""One installation without a browser: it enrols, grants, seals, streams, resumes and withdraws.

Owns what is sealed and when; never seals what the newest confirmed receipt and the newest verified
policy do not both allow. Used by tests, measurements and simulations.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from relay.client import wire
from relay.client.consenting import Consent, Grants
from relay.client.enrolment import parse_enrolment
from relay.client.joining import Offer, enrol_device, fetch_offer
from relay.client.lines import LineEndedError
from relay.client.link import Link
from relay.client.outbox import Events, Outbox
from relay.client.state import State
from relay.client.transports import DEFAULT_PACE, Choice, Pace
from relay.client.voice import SALT_BYTES, Voice
from relay.client.way import Way
from relay.consent.document import Policy
from relay.consent.receipt import receipt_hash
from relay.errors import AccessError, CandorError
from relay.model import DeviceKey, DropReason, ReceiptHash, Seq, StreamId
from relay.vault.seal import OpeningKey
from relay.vault.sign import SigningKey

_WAIT_S: Final = 30.0


def system_ms() -> int:
    """Return the system's clock in ms since 1970."""
    return time.time_ns() // 1_000_000


class Device:
    """A device; use it in `async with`, which connects it if it is enrolled.

    Args:
        state: File that keeps everything over a kill; in memory where absent.
        tls: From `web.tls_context`; the system's authorities where absent.
        clock: Returns ms since 1970.
        transport: What it may use: "websocket", "https", or whichever this network lets through.
        pace: How long it waits for what.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], int] = system_ms,
        transport: Choice = "auto",
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self.state = State(state)
        self._tls = tls
        self._clock = clock
        self._transport = transport
        self._pace = pace
        self._key = SigningKey(self._secret("device_seed", SigningKey.generate().seed))
        self.participant_key = OpeningKey(
            self._secret("participant_seed", OpeningKey.generate().seed)
        )
        self._secret("stream_salt", os.urandom(SALT_BYTES))
        self.consent = Consent(self.state, self._key, self.participant_key)
        self._outbox = Outbox(
            self.state, self.consent, self.participant_key.public, self._announced
        )
        self._voice = Voice(self.state, self.consent, self._outbox, self._key, clock)
        self._link: Link | None = None
        self.notice = ""

    async def __aenter__(self) -> Self:
        """Connect if enrolled."""
        if self.is_enrolled:
            self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect and close the state."""
        await self.disconnect()
        self.state.close()

    @property
    def is_enrolled(self) -> bool:
        """Whether the relay knows this device."""
        return self.state.get("enrolled") is not None

    @property
    def policy(self) -> Policy:
        """The pinned policy.

        Raises:
            AccessError: The device is not enrolled.
        """
        return self.consent.pinned

    @property
    def key(self) -> DeviceKey:
        """The device's public key, 32 bytes."""
        return self._voice.key

    @property
    def stream(self) -> StreamId:
        """Id of the stream now written."""
        return self._voice.stream

    @property
    def through(self) -> int:
        """Highest seq up to which every batch has its outcome."""
        return self.state.get_int("through")

    @property
    def last_seq(self) -> int:
        """Highest seq used in this stream."""
        return self.state.get_int("last_seq")

    @property
    def refused(self) -> dict[int, str]:
        """Seqs the relay refused in this stream, with their reasons."""
        return self.state.refused

    @property
    def lost(self) -> int:
        """How many sealed batches could never be sent, since the relay ended their stream."""
        return self.state.get_int("lost")

    @property
    def is_connected(self) -> bool:
        """Whether a session is open."""
        return self._link is not None and self._link.ready.is_set()

    @property
    def transport(self) -> Choice | None:
        """The transport of the open session, or None."""
        if self._link is None or self._link.transport is None:
            return None
        return "https" if self._link.transport == wire.HTTPS else "websocket"

    def connect(self) -> None:
        """Connect in the background and stay connected.

        Raises:
            AccessError: The device is not enrolled.
        """
        if self._link is None:
            self._link = Link(self._way(self.policy.relay), self.state, self._voice)
        self._link.start()

    async def disconnect(self) -> None:
        """Drop the connection and stay away until `connect`; the outbox keeps what waits."""
        if self._link is not None:
            await self._link.close()

    async def offer(self, enrolment: str) -> Offer:
        """Fetch and verify what a person would be asked; enrols nothing.

        Raises:
            CandorError: Anything in it does not verify, or the relay cannot be reached.
        """
        return await asyncio.to_thread(fetch_offer, parse_enrolment(enrolment), self._tls)

    async def enrol(self, enrolment: str) -> Policy:
        """Join a programme with a pasted enrolment string; then `grant` or `decline`.

        Raises:
            AccessError: The relay refused the code or this device.
            InputError: The string is not whole.
            SignatureError: Something does not verify; nothing was agreed.
            CandorError: The relay cannot be reached; retryable.
        """
        parsed = parse_enrolment(enrolment)
        offer = await asyncio.to_thread(fetch_offer, parsed, self._tls)
        tried_before = self.state.get("tried_code") == parsed.code
        self.state.put("tried_code", parsed.code)
        try:
            way = self._way(offer.policy.relay)
            await enrol_device(offer, parsed, self.participant_key, way)
        except AccessError as error:
            # Killed after the relay enrolled this very device with this very code.
            if error.code != "device_exists" or not tried_before:
                raise
        except (LineEndedError, TimeoutError):
            raise CandorError(
                "The relay closed the connection while enrolling. Try again later.",
                code="relay_unreachable",
                retryable=True,
            ) from None
        with self.state.change():
            self.consent.pin(offer.signed)
            self.state.put("enrolled", 1)
            self.state.put("tried_code", None)
        self.notice = offer.notice
        self.connect()
        return offer.policy

    async def grant(
        self, grants: Grants, *, language: str = "en", timeout_s: float = _WAIT_S
    ) -> ReceiptHash:
        """Say yes to these signals, and wait for the relay's signed confirmation.

        Args:
            grants: Granted signal bits by app number; empty says no.
            language: Language in which the notice was read.
            timeout_s: How long to wait, seconds; the receipt is sent again later in any case.

        Raises:
            AccessError: The relay refused; `code` is its reason.
            InputError: The policy does not offer this.
            CandorError: The connection ended for good.
            TimeoutError: It was not confirmed in time.
        """
        if self.state.get("left") is not None:
            await self._leave_stream()
        body, signature = self.consent.draft("pending", grants, self._clock(), language)
        self._voice.refusal = None
        if self._link is not None:
            self._link.send_soon(wire.pack(wire.GRANT, body, signature))
        await self._until(lambda: self.state.get("pending") is None, timeout_s)
        return receipt_hash(body)

    async def decline(self, *, timeout_s: float = _WAIT_S) -> ReceiptHash:
        """Say no: a receipt that grants nothing; raises what `grant` raises."""
        return await self.grant({}, timeout_s=timeout_s)

    def stop(self) -> None:
        """Withdraw at once on this device, also offline; `withdraw` delivers it."""
        if self.state.get("leaving") is not None or self.consent.receipt_hash is None:
            return
        with self.state.change():
            self.consent.draft("leaving", {}, self._clock())
            self.state.put("pending", None)
            self._outbox.forget_keys()
            if self._link is not None and self.is_connected:
                self.state.put("withdraw_through", self._link.announced)
                self.state.drop(self._link.announced, DropReason.WITHDRAWN)
            else:
                self.state.drop(0, DropReason.WITHDRAWN)
        if self._link is not None and self.is_connected:
            self._link.send_soon(self._voice.withdrawal())

    async def withdraw(self, *, timeout_s: float = _WAIT_S) -> None:
        """Withdraw, and wait for the relay's signed confirmation.

        Raises:
            AccessError: The relay refused; `code` is its reason.
            CandorError: The connection ended for good.
            TimeoutError: It was not confirmed in time; it stays withdrawn here and is sent again.
        """
        self._voice.refusal = None
        self.stop()
        await self._until(lambda: self.state.get("leaving") is None, timeout_s)

    def seal(self, app: int, t0: int, document: int, events: Events) -> list[Seq]:
        """Seal events into the outbox, one batch for each group of signals.

        Args:
            app: App number of the policy.
            t0: First event, ticks of 10 ms since 1970.
            document: Random 32-bit number of the page load.
            events: Columns by signal.

        Returns:
            The seqs used, oldest first.

        Raises:
            AccessError: Something of it may not be recorded now; nothing was sealed.
            ColumnsError: It breaks a bound; nothing was sealed.
        """
        seqs = self._outbox.seal(self.stream, app, t0, document, events, self._clock())
        self._look_again()
        return seqs

    def seal_plaintext(self, app: int, group: int, plaintext: bytes) -> Seq:
        """Seal bytes as they are, so that tests can make what readers must refuse.

        Args:
            app: App number of the policy.
            group: 0, or 1 for key timing.
            plaintext: Anything; the gate refuses what is too long.

        Raises:
            AccessError: Nothing may be recorded in this app now.
        """
        seq = self._outbox.seal_plaintext(self.stream, app, group, plaintext, self._clock())
        self._look_again()
        return seq

    async def connected(self, *, timeout_s: float = _WAIT_S) -> None:
        """Wait until a session is open.

        Raises:
            CandorError: The connection ended for good.
            TimeoutError: It took longer than `timeout_s` seconds.
        """
        await self._until(lambda: self.is_connected, timeout_s)

    async def settled(self, *, timeout_s: float = _WAIT_S) -> int:
        """Wait until every sealed batch has its outcome.

        Returns:
            The highest settled seq.

        Raises:
            CandorError: The connection ended for good.
            TimeoutError: It took longer than `timeout_s` seconds.
        """
        await self._until(lambda: self.state.is_empty, timeout_s)
        return self.through

    # Helpers.

    def _way(self, relay: str) -> Way:
        return Way(relay, self._tls, self._key, self._transport, self._pace)

    def _secret(self, name: str, drawn: bytes) -> bytes:
        """Return a kept secret, keeping the one just drawn if there was none."""
        kept = self.state.get(name)
        if kept is None:
            self.state.put(name, drawn)
            return drawn
        return kept

    def _announced(self) -> int:
        return 0 if self._link is None else self._link.announced

    def _look_again(self) -> None:
        if self._link is not None:
            self._link.look_again()

    async def _leave_stream(self) -> None:
        """After a withdrawal a new grant begins a new stream, with a hello of its own."""
        self._voice.start_stream()
        self.state.put("left", None)
        if self._link is not None:
            await self._link.close()
            self._link.start()

    async def _until(self, holds: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while True:
                if self._voice.refusal is not None:
                    raise self._voice.refusal
                if holds():
                    return
                if self._link is not None:
                    self._link.check()
                self._voice.changed.clear()
                await self._voice.changed.wait()

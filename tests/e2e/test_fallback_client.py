"""The Python device behind proxies that do not let WebSockets be: every seq is stored once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from relay.client import Choice, Device, Pace, tls_context
from relay.errors import CandorError
from relay.model import Signal
from tests.support.proxies import (
    BufferingProxy,
    CompanyProxy,
    CuttingProxy,
    LosingProxy,
    RefusingProxy,
)
from tests.support.relay import Relay
from tests.support.tls import Authority

POINTER = {Signal.POINTER: [[0, 1, 2], [400, -3, 0], [300, 4, 0]]}
T0 = 179_560_000_000
QUICK = Pace(
    ping_s=0.3,
    silence_s=3.0,
    challenge_s=0.7,
    steady_s=4.0,
    blocked_s=1.0,
    cut_s=1.0,
    most_s=2.0,
    request_s=0.05,
)
MAKERS: dict[str, Callable[[Authority], CompanyProxy]] = {
    "refused": lambda authority: RefusingProxy(authority, 0),
    "buffered": lambda authority: BufferingProxy(authority, 0),
    "mute": lambda authority: BufferingProxy(authority, 0, passes_heads=True),
    "cut": lambda authority: CuttingProxy(authority, 0, after_s=0.8),
    "lost": lambda authority: LosingProxy(authority, 0, every=3),
}


class Place:
    """A relay behind one proxy, whose origin is the relay's."""

    def __init__(self, folder: Path, make: Callable[[Authority], CompanyProxy]) -> None:
        self.authority = Authority(folder / "authority")
        self.proxy = make(self.authority)
        self.relay = Relay(folder / "programme", self.authority, origin="https://127.0.0.1:0")

    def start(self) -> Place:
        """Start both and publish the policy, past what the proxy does."""
        self.proxy.start()
        self.relay.origin = f"https://127.0.0.1:{self.proxy.port}"
        self.relay.init()
        self.relay.start()
        self.proxy.target_port = self.relay.port
        self.proxy.is_harmless = True
        self.relay.publish()
        return self

    def stop(self) -> None:
        """Stop both."""
        self.proxy.stop()
        self.relay.stop()


@pytest.fixture(params=list(MAKERS), scope="module")
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("place"), MAKERS[request.param]).start()
    yield place
    place.stop()


@contextlib.asynccontextmanager
async def granted(place: Place, transport: Choice = "auto") -> AsyncIterator[Device]:
    """Yield a device that enrolled and was granted behind the proxy at its worst."""
    code = await asyncio.to_thread(place.relay.codes)
    place.proxy.is_harmless = False
    tls = tls_context(place.authority.file)
    async with Device(tls=tls, pace=QUICK, transport=transport) as one:
        await _enrol(one, code[0])
        await one.grant({1: Signal.POINTER})
        yield one


async def _enrol(one: Device, code: str) -> None:
    """Enrol, and try again what a cut connection interrupts."""
    for _ in range(5):
        try:
            await one.enrol(code)
        except CandorError as error:
            if error.code != "relay_unreachable":
                raise
        else:
            return


async def _until(holds: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


async def _seal(one: Device, count: int) -> None:
    for _ in range(count):
        one.seal(1, T0, 7, POINTER)
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def _sealing(one: Device) -> AsyncIterator[None]:
    """Seal a hundred batches a second until the `with` block ends."""
    load = asyncio.create_task(_seal(one, 1_000_000))
    try:
        yield
    finally:
        load.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await load


def _is_whole(place: Place, one: Device) -> bool:
    """Tell whether everything sealed was stored, once and in order."""
    return place.relay.stored_of(one.stream) == list(range(1, one.last_seq + 1))


async def test_every_batch_is_stored_once_behind_every_proxy(place: Place) -> None:
    async with granted(place) as one:
        async with _sealing(one):
            await _until(lambda: one.transport == "https")
        await _seal(one, 100)
        assert await one.settled(timeout_s=40) == one.last_seq
        assert one.refused == {}
        assert _is_whole(place, one)


async def test_the_device_goes_back_to_a_websocket_under_load(place: Place) -> None:
    async with granted(place) as one:
        async with _sealing(one):
            await _until(lambda: one.transport == "https")
            place.proxy.is_harmless = True
            await _until(lambda: one.transport == "websocket")
        assert await one.settled(timeout_s=40) == one.last_seq
        assert one.transport == "websocket"
        assert _is_whole(place, one)


async def test_changing_over_again_and_again_loses_and_doubles_nothing(place: Place) -> None:
    used: set[object] = set()
    async with granted(place) as one:
        async with _sealing(one):
            for _ in range(6):
                place.proxy.is_harmless = not place.proxy.is_harmless
                place.proxy.cut()
                place.proxy.mend()
                for _ in range(30):
                    await asyncio.sleep(0.05)
                    used.add(one.transport)
        place.proxy.is_harmless = True
        assert await one.settled(timeout_s=60) == one.last_seq
        assert used >= {"https", "websocket"}
        assert _is_whole(place, one)


@pytest.fixture(scope="module")
def losing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return a place where every other answer is lost."""
    folder = tmp_path_factory.mktemp("losing")
    place = Place(folder, lambda authority: LosingProxy(authority, 0, every=2)).start()
    yield place
    place.stop()


async def test_a_lost_answer_is_given_again(losing: Place) -> None:
    async with granted(losing, "https") as one:
        await _seal(one, 100)
        assert await one.settled(timeout_s=40) == 100
        assert isinstance(losing.proxy, LosingProxy)
        assert losing.proxy.lost > 5
        assert losing.relay.stored_of(one.stream) == list(range(1, 101))


async def test_a_killed_relay_loses_and_doubles_nothing(losing: Place) -> None:
    losing.relay.port = losing.proxy.target_port
    async with granted(losing, "https") as one:
        for _ in range(2):
            await _seal(one, 50)
            await asyncio.to_thread(losing.relay.kill)
            await _seal(one, 10)
            await asyncio.to_thread(losing.relay.start)
        await one.settled(timeout_s=60)
        assert losing.relay.stored_of(one.stream) == list(range(1, 121))


async def test_a_withdrawal_is_confirmed_and_ends_the_stream(losing: Place) -> None:
    async with granted(losing, "https") as one:
        await _seal(one, 20)
        await one.settled()
        await one.withdraw()
        assert losing.relay.stored_of(one.stream) == list(range(1, 21))
        await one.grant({1: Signal.POINTER})
        await _seal(one, 5)
        await one.settled()
        assert losing.relay.stored_of(one.stream) == list(range(1, 6))


async def test_a_device_told_to_use_websockets_only_does_not_fall_back(losing: Place) -> None:
    losing.proxy.is_harmless = True
    code = await asyncio.to_thread(losing.relay.codes)
    tls = tls_context(losing.authority.file)
    async with Device(tls=tls, pace=QUICK, transport="websocket") as one:
        await one.enrol(code[0])
        await one.grant({1: Signal.POINTER})
        losing.proxy.is_harmless = False
        posts = losing.proxy.posts
        losing.proxy.cut()
        losing.proxy.mend()
        one.seal(1, T0, 7, POINTER)
        with pytest.raises(TimeoutError):
            await one.settled(timeout_s=3)
        assert losing.proxy.posts == posts

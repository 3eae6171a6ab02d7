"""The Python device against a real `candor serve` over TLS: two codecs, one protocol."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.client import Device, tls_context
from relay.errors import AccessError, ColumnsError, InputError, SignatureError
from relay.model import Signal
from tests.support.relay import ROOT, Relay
from tests.support.running import start_relay

POINTER = {Signal.POINTER: [[0, 1, 2], [400, -3, 0], [300, 4, 0]]}
CLICK = {Signal.CLICK: [[0], [0], [0], [0]]}
ALL = Signal.POINTER | Signal.CLICK
T0 = 179_560_000_000


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    with start_relay(tmp_path_factory.mktemp("relay")) as started:
        yield started


def device(relay: Relay, state: Path | None = None) -> Device:
    return Device(state, tls=tls_context(relay.authority.file))


async def granted(relay: Relay, one: Device) -> Device:
    await one.enrol(relay.codes()[0])
    await one.grant({1: ALL})
    return one


async def test_what_is_sealed_is_stored_once_and_acked(relay: Relay) -> None:
    async with device(relay) as one:
        await granted(relay, one)
        seqs = [seq for _ in range(200) for seq in one.seal(1, T0, 7, POINTER)]
        assert seqs == list(range(1, 201))
        assert await one.settled() == 200
        assert one.refused == {}
        assert relay.stored_of(one.stream) == seqs


async def test_key_timing_is_sealed_apart(relay: Relay) -> None:
    async with device(relay) as one:
        await one.enrol(relay.codes()[0])
        await one.grant({1: Signal.POINTER | Signal.KEY_TIMING})
        seqs = one.seal(1, T0, 7, {**POINTER, Signal.KEY_TIMING: [[0], [8], [1]]})
        assert seqs == [1, 2]
        await one.settled()
        assert relay.stored_of(one.stream) == [1, 2]


async def test_a_cut_connection_loses_and_repeats_nothing(relay: Relay) -> None:
    async with device(relay) as one:
        await granted(relay, one)
        for _ in range(5):
            for _ in range(20):
                one.seal(1, T0, 7, POINTER)
            await asyncio.sleep(0.01)
            await one.disconnect()
            one.seal(1, T0, 7, POINTER)
            one.connect()
        await one.settled()
        assert relay.stored_of(one.stream) == list(range(1, 106))


async def test_a_killed_device_loses_nothing_it_sealed(relay: Relay, tmp_path: Path) -> None:
    state = tmp_path / "device.sqlite"
    async with device(relay, state) as one:
        await granted(relay, one)
        stream = one.stream
    program = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from relay.client import Device, tls_context
        from relay.model import Signal

        async def main():
            async with Device(Path(sys.argv[1]), tls=tls_context(Path(sys.argv[2]))) as one:
                while True:
                    one.seal(1, 179560000000, 7, {Signal.POINTER: [[0], [1], [1]]})
                    print(one.last_seq, flush=True)
                    await asyncio.sleep(0)

        asyncio.run(main())
        """
    )
    sealed = 0
    for _ in range(3):
        sealed = await asyncio.to_thread(_seal_and_kill, program, state, relay)
    async with device(relay, state) as one:
        assert one.stream == stream
        assert one.last_seq >= sealed > 0
        await one.settled()
        assert relay.stored_of(stream) == list(range(1, one.last_seq + 1))


def _seal_and_kill(program: str, state: Path, relay: Relay) -> int:
    """Run a device in a process of its own, kill it at work, and return what it had sealed."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(state), str(relay.authority.file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(100)]
    process.kill()
    said += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    return max(int(line) for line in said if line.endswith(b"\n"))


async def test_a_killed_relay_loses_and_repeats_nothing(tmp_path: Path) -> None:
    with start_relay(tmp_path) as relay:
        async with device(relay) as one:
            await granted(relay, one)
            for _ in range(3):
                for _ in range(100):
                    one.seal(1, T0, 7, POINTER)
                    await asyncio.sleep(0.001)
                await asyncio.to_thread(relay.kill)
                one.seal(1, T0, 7, POINTER)
                await asyncio.to_thread(relay.start)
            await one.settled(timeout_s=60)
            assert relay.stored_of(one.stream) == list(range(1, 304))


async def test_nothing_is_sealed_without_a_grant(relay: Relay) -> None:
    async with device(relay) as one:
        with pytest.raises(AccessError, match="not enrolled"):
            one.seal(1, T0, 7, POINTER)
        await one.enrol(relay.codes()[0])
        with pytest.raises(AccessError) as raised:
            one.seal(1, T0, 7, POINTER)
        assert raised.value.code == "not_granted"
        await one.decline()
        with pytest.raises(AccessError) as raised:
            one.seal(1, T0, 7, POINTER)
        assert raised.value.code == "withdrawn"


async def test_only_granted_signals_and_apps_are_sealed(relay: Relay) -> None:
    async with device(relay) as one:
        await granted(relay, one)
        with pytest.raises(AccessError) as raised:
            one.seal(1, T0, 7, {Signal.SCROLL: [[0], [1], [1]]})
        assert raised.value.code == "signal_not_granted"
        with pytest.raises(AccessError) as raised:
            one.seal(2, T0, 7, POINTER)
        assert raised.value.code == "app_not_allowed"
        with pytest.raises(ColumnsError):
            one.seal(1, T0, 7, {Signal.POINTER: [[0], [1], [40_000]]})
        assert one.last_seq == 0


async def test_withdrawal_is_confirmed_and_nothing_follows(relay: Relay) -> None:
    async with device(relay) as one:
        await granted(relay, one)
        for _ in range(20):
            one.seal(1, T0, 7, POINTER)
        await one.withdraw()
        with pytest.raises(AccessError) as raised:
            one.seal(1, T0, 7, POINTER)
        assert raised.value.code == "withdrawn"
        await one.settled()
        assert one.through == 20
        first = one.stream
        stored = relay.stored_of(first)
        assert stored == list(range(1, len(stored) + 1))
        await one.grant({1: ALL})
        assert one.stream != first
        assert one.seal(1, T0, 7, POINTER) == [1]
        await one.settled()
        assert relay.stored_of(first) == stored
        assert relay.stored_of(one.stream) == [1]


async def test_withdrawing_offline_purges_at_once_and_is_delivered_later(
    relay: Relay, tmp_path: Path
) -> None:
    state = tmp_path / "device.sqlite"
    async with device(relay, state) as one:
        await granted(relay, one)
        await one.disconnect()
        for _ in range(10):
            one.seal(1, T0, 7, POINTER)
        one.stop()
        assert one.state.counts() == (0, 0)
        stream = one.stream
    async with device(relay, state) as one:
        await one.withdraw()
        await one.settled()
        assert one.through == 10
        assert relay.stored_of(stream) == []


async def test_a_used_code_is_refused(relay: Relay) -> None:
    code = relay.codes()[0]
    async with device(relay) as one, device(relay) as other:
        await one.enrol(code)
        with pytest.raises(AccessError) as raised:
            await other.enrol(code)
        assert raised.value.code == "code_spent"


async def test_an_old_copy_of_the_state_starts_a_new_stream(relay: Relay, tmp_path: Path) -> None:
    state = tmp_path / "device.sqlite"
    async with device(relay, state) as one:
        await granted(relay, one)
        stream = one.stream
    old = state.read_bytes()
    async with device(relay, state) as one:
        one.seal(1, T0, 7, POINTER)
        await one.settled()
    restored = tmp_path / "restored.sqlite"
    restored.write_bytes(old)
    async with device(relay, restored) as one:
        await one.connected()
        assert one.stream != stream
        one.seal(1, T0, 7, POINTER)
        await one.settled()
        assert relay.stored_of(one.stream) == [1]
    assert relay.stored_of(stream) == [1]


async def test_a_second_session_of_a_stream_supersedes_the_first(
    relay: Relay, tmp_path: Path
) -> None:
    state = tmp_path / "device.sqlite"
    async with device(relay, state) as one:
        await granted(relay, one)
        copy = tmp_path / "copy.sqlite"
        one.state.close()
        copy.write_bytes(state.read_bytes())
        async with device(relay, copy) as other:
            other.seal(1, T0, 7, POINTER)
            await other.settled()
            assert other.through == 1


async def test_strings_of_other_programmes_are_refused(relay: Relay) -> None:
    async with device(relay) as one:
        with pytest.raises(InputError):
            await one.enrol("candor1.AAAA")
        string = relay.codes()[0]
        body = bytearray(string.encode())
        body[len("candor1.") + 60] ^= 1
        with pytest.raises((SignatureError, InputError)):
            await one.enrol(body.decode())
        assert not one.is_enrolled


async def test_a_narrower_policy_reaches_the_device_and_holds_at_once(tmp_path: Path) -> None:
    with start_relay(tmp_path) as relay:
        async with device(relay) as one:
            await granted(relay, one)
            one.seal(1, T0, 7, POINTER)
            await one.settled()
            await asyncio.to_thread(_narrow, relay)
            async with asyncio.timeout(20):
                while one.policy.number == 1:  # noqa: ASYNC110 - a frame is on its way
                    await asyncio.sleep(0.05)
            with pytest.raises(AccessError) as raised:
                one.seal(1, T0, 7, POINTER)
            assert raised.value.code == "signal_not_granted"
            assert one.seal(1, T0, 7, CLICK) == [2]
            await one.settled()
            assert one.refused == {}


def _narrow(relay: Relay) -> None:
    """Publish a second policy under which pointers are no longer recorded."""
    draft = relay.policy.read_text()
    assert '"pointer"' in draft
    draft = re.sub(r"(?m)^number = 1$", "number = 2", draft)
    relay.policy.write_text(re.sub(r'"pointer",?', "", draft))
    relay.sign()
    relay.publish()

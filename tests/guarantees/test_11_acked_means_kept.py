"""Promise 11: acked means kept, and nothing is stored twice.

Workers and relay are killed in the middle of the stream. Limit: one machine; and what a page holds
in its last second is lost if it is closed while the worker lies dead, since nobody is left to keep
it: it was never acked.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest
from playwright.sync_api import Playwright

from relay.client import Device, tls_context
from relay.model import Signal
from tests.support import traffic
from tests.support.apps import CRM
from tests.support.aside import aside
from tests.support.counter import PATH, click_some, counter_page
from tests.support.events import clicks
from tests.support.pages import agree_by_message, settled
from tests.support.sabotage import sabotaged_extension
from tests.support.setting import Programme, Setting

pytestmark = pytest.mark.timeout(600)  # real browsers on a busy machine

RELAY_KILLS = 5
WORKER_KILLS = 6
STREAM_S = 0.7
"""How long devices stream between two kills of the relay."""


def _crash(setting: Setting) -> set[tuple[bytes, int]]:
    """Kill the relay, start it again; return what was acked before and is not on disk."""
    setting.relay.kill()
    acked = {tuple(place) for place in traffic.read(setting.proxy.recordings).stored}
    kept = setting.relay.kept()
    assert len(kept) == len(set(kept)), "a batch is stored twice"
    setting.relay.start()
    return acked - set(kept)


def acked_and_lost(
    setting: Setting, *, devices: int = 3, settle: bool = True
) -> tuple[set[tuple[bytes, int]], list[int]]:
    """Let devices stream while the relay is killed again and again.

    Args:
        setting: Whose relay is killed.
        devices: How many stream at once.
        settle: Whether to wait in the end until everything is settled; with a relay that lost what
            it acked, that never comes.

    Returns:
        What was acked and not kept, and the number inside of every batch that was sealed.
    """
    lost: set[tuple[bytes, int]] = set()
    marks: list[int] = []
    chance = random.Random(11)

    async def stream(device: Device, stop: asyncio.Event) -> None:
        while not stop.is_set():
            marks.append(len(marks) + 1)
            columns = [[0], [5], [7]]
            device.seal(1, int(time.time() * 100), marks[-1], {Signal.POINTER: columns})
            await asyncio.sleep(chance.uniform(0.002, 0.02))

    async def run() -> None:
        tls = tls_context(setting.authority.file)
        stop = asyncio.Event()
        people = [Device(None, tls=tls) for _ in range(devices)]
        for device, code in zip(people, setting.relay.codes(devices), strict=True):
            await device.enrol(code)
            await device.grant({1: Signal.POINTER})
        streams = [asyncio.create_task(stream(device, stop)) for device in people]
        for _ in range(RELAY_KILLS):
            await asyncio.sleep(STREAM_S + chance.uniform(0, 0.5))
            lost.update(await asyncio.to_thread(_crash, setting))
        stop.set()
        await asyncio.gather(*streams)
        for device in people:
            if settle:
                await device.settled(timeout_s=60)
                assert device.through == device.last_seq
                assert device.refused == {}
            await device.disconnect()
            device.state.close()

    aside(run)
    return lost, marks


@pytest.fixture(scope="module")
def setting(make_setting: Callable[..., Setting]) -> Setting:
    return make_setting()


def test_what_was_acked_is_on_disk_after_each_kill(setting: Setting) -> None:
    lost, marks = acked_and_lost(setting)
    assert lost == set()
    opened = [msgpack.unpackb(one.plaintext)[5] for one in setting.read(("crm",)).decrypted()]
    assert len(marks) > 100
    assert sorted(opened) == marks


def clicks_lost(setting: Setting, driver: Playwright, *, relay_kills: int) -> int:
    """Click while the worker, and the relay too, are killed; return how many clicks are missing."""
    browser = setting.browser(driver)
    agree_by_message(browser, setting.relay.codes()[0], ("click",))
    page = browser.context.new_page()
    page.goto(CRM + PATH)
    before = clicks(setting.read().open())
    chance = random.Random(12)
    seen = click_some(page, 3)
    for number in range(WORKER_KILLS):
        seen += click_some(page, 4)
        page.wait_for_timeout(chance.uniform(0, 1100))
        browser.stop_worker(page)
        seen += click_some(page, 4)
        if number < relay_kills:
            page.wait_for_timeout(chance.uniform(0, 1500))
            assert _crash(setting) == set()
            page.bring_to_front()
        page.wait_for_timeout(1300)  # the page's last second, see the limit above
    settled(browser, seconds=90)
    dropped = sum(setting.relay.dropped().values())
    assert setting.relay.refused() == {}
    assert dropped == 0
    return seen - (clicks(setting.read().open()) - before)


def test_every_click_arrives_although_worker_and_relay_are_killed(
    make_setting: Callable[..., Setting], driver: Playwright, extension: Path
) -> None:
    setting = make_setting(Programme(extension=extension, pages=((PATH, counter_page),)))
    assert clicks_lost(setting, driver, relay_kills=RELAY_KILLS) == 0
    seen = traffic.read(setting.proxy.recordings)
    stored = setting.relay.stored()
    assert len(seen.stored) == len(stored) == len({(row.stream, row.seq) for row in stored})


# ------------------------------------------------------------------------------------ sabotage


def test_sabotage_acking_before_the_commit_is_seen(make_setting: Callable[..., Setting]) -> None:
    setting = make_setting(Programme(serve=("-m", "tests.support.hasty_relay")))
    lost, _ = acked_and_lost(setting, settle=False)
    assert lost != set()


def test_sabotage_a_page_that_does_not_wait_for_the_worker_is_seen(
    make_setting: Callable[..., Setting], driver: Playwright, tmp_path: Path
) -> None:
    forgetful = sabotaged_extension(
        tmp_path,
        (
            "background/outbox.ts",
            'for (const entry of entries) transaction.put("outbox", entry);',
            "",
        ),
    )
    setting = make_setting(Programme(extension=forgetful, pages=((PATH, counter_page),)))
    assert clicks_lost(setting, driver, relay_kills=0) > 0

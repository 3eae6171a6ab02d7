"""JupyterLab and datasette: everything is recorded, nothing is told, nothing is disturbed.

One round of work without any extension, and the same with the extension recording; both in apps
that no one here wrote, with editors, canvases, shadow roots, virtual lists and sandboxed frames.
"""

from __future__ import annotations

import difflib
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.demo.search import everywhere
from tests.real_apps.install import WORK, CannotInstallError, install
from tests.real_apps.processes import DATA, LAB
from tests.real_apps.worked import APPS, Round, plain_browser, served, work
from tests.support.browser import Browser
from tests.support.canary import Canaries, Hit
from tests.support.events import Event, between, by_signal
from tests.support.pages import agree_by_message, settled
from tests.support.setting import SIGNALS, Programme, Setting
from tests.support.tls import Authority

pytestmark = pytest.mark.timeout(900)

FIGURES = WORK / "cost.json"
IDS = dict(zip(APPS, ("lab", "data"), strict=True))
REPETITIONS = 3


@dataclass
class Comparison:
    """Rounds without and with the extension, and what was recorded in the first of the latter."""

    without: list[Round] = field(default_factory=list)
    recorded: list[Round] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    searched: dict[str, int] = field(default_factory=dict)
    canaries: Canaries = field(default_factory=lambda: Canaries(1))

    def of(self, app: str) -> list[Event]:
        """Return what was recorded in one app."""
        return [event for event in self.events if event["app"] == IDS[app]]


@pytest.fixture(scope="module")
def python() -> Path:
    """Return a Python that has the apps."""
    try:
        return install()
    except CannotInstallError as error:
        pytest.skip(f"JupyterLab and datasette could not be installed: {error}")


def _without(python: Path, folder: Path, driver: Playwright) -> Round:
    folder.mkdir()
    authority, canaries = Authority(folder / "authority"), Canaries(1)
    with (
        served(python, folder, authority, canaries) as gateway,
        plain_browser(driver, folder / "browser", authority, gateway.hosts) as context,
    ):
        return work(context.pages[0], gateway, folder, canaries)


def _recorded(python: Path, folder: Path, driver: Playwright, setting: Setting) -> Comparison:
    """Work with the extension on; return that round and what both keys open of it."""
    folder.mkdir()
    found = Comparison(canaries=setting.canaries)
    with served(python, folder, setting.authority, setting.canaries) as gateway:
        browser = Browser(
            driver,
            folder / "browser",
            setting.authority,
            hosts=gateway.hosts,
            granted=[LAB, DATA],
            extension=setting.programme.extension,
        ).start()
        try:
            agree_by_message(browser, setting.relay.codes()[0], SIGNALS)
            page = browser.context.new_page()
            found.recorded.append(work(page, gateway, folder, setting.canaries))
            page.goto("about:blank")
            settled(browser)
            reading = setting.read(tuple(IDS.values()))
            found.events = reading.open()
            found.hits, found.searched = everywhere(
                setting.canaries, browser, setting.proxy, setting.relay, reading
            )
        finally:
            browser.close()
    return found


@pytest.fixture(scope="module")
def compared(
    python: Path,
    make_setting: Callable[..., Setting],
    extension: Path,
    driver: Playwright,
    tmp_path_factory: pytest.TempPathFactory,
    full_effort: bool,  # noqa: FBT001 - a fixture
) -> Comparison:
    """Work without and with the extension in turn, and write down what both cost."""
    folder = tmp_path_factory.mktemp("real-apps")
    programme = Programme(apps=(LAB, DATA), granted=(LAB, DATA), extension=extension)
    compared = Comparison()
    for number in range(REPETITIONS if full_effort else 1):
        compared.without.append(_without(python, folder / f"without-{number}", driver))
        setting = make_setting(programme)
        recorded = _recorded(python, folder / f"with-{number}", driver, setting)
        recorded.without = compared.without
        recorded.recorded = compared.recorded + recorded.recorded
        compared = recorded
    _write_figures(compared)
    return compared


def _write_figures(compared: Comparison) -> None:
    """Write what the pages' main threads did; figures to look at, not to pass."""
    figures = {
        app: {
            kind: {
                what: [one.cost[app][what] for one in rounds] for what in ("script_ms", "task_ms")
            }
            for kind, rounds in (("without", compared.without), ("with", compared.recorded))
        }
        for app in APPS
    }
    ratios = {
        app: {
            what: round(
                statistics.median(of["with"][what]) / statistics.median(of["without"][what]), 3
            )
            for what in ("script_ms", "task_ms")
        }
        for app, of in figures.items()
    }
    FIGURES.write_text(
        json.dumps(
            {"measured_at": round(time.time()), "ratios": ratios, "figures": figures}, indent=1
        )
    )


# ------------------------------------------------------------------------------ what is recorded


@pytest.mark.parametrize("app", APPS)
def test_every_signal_arrives(compared: Comparison, app: str) -> None:
    assert set(by_signal(compared.of(app))) == set(SIGNALS)


def test_every_click_arrives_as_what_it_was_on(compared: Comparison) -> None:
    """A press of Enter in datasette's filter clicks its button, says the browser."""
    [done] = compared.recorded[-1:]
    found = {app: by_signal(compared.of(app))["click"] for app in APPS}
    assert found == {
        "jupyterlab": done.clicks["jupyterlab"],
        "datasette": done.clicks["datasette"] + 1,
    }
    targets = {event["target"] for event in compared.events if event["signal"] == "click"}
    assert targets >= {
        "canvas in region",  # a table, and a terminal
        "div role=textbox in region",  # a cell's editor
        "input type=search in search",  # in a shadow root
        "input type=text",  # in a sandboxed frame
        "li role=menuitem in navigation",
        "a in navigation",
    }


@pytest.mark.parametrize("app", APPS)
def test_every_key_typed_in_a_field_is_counted(compared: Comparison, app: str) -> None:
    typed: Counter[str] = Counter()
    for event in compared.of(app):
        if event["signal"] == "typing":
            typed[event["field"]] += event["count"]
    assert typed == compared.recorded[-1].typed[app]


def test_moving_about_is_told_in_both_apps_and_between_them(compared: Comparison) -> None:
    moves = [event for event in compared.events if event["signal"] == "navigation"]
    kinds = Counter((event["app"], event["kind"], event["from_app"]) for event in moves)
    assert kinds["lab", "load", 0] == 1
    assert kinds["lab", "within", 1] >= 4  # one for each document opened
    assert kinds["data", "load", 1] == 1
    assert kinds["data", "load", 2] == kinds["data", "leave", 2] - 1


@pytest.mark.parametrize(("app", "pixels"), [("jupyterlab", 3000), ("datasette", 1500)])
def test_scrolling_is_told_and_typing_scrolls_nothing(
    compared: Comparison, app: str, pixels: int
) -> None:
    """The hidden fields of editors and terminals follow each letter by its width."""
    scrolls = [event for event in compared.of(app) if event["signal"] == "scroll"]
    assert sum(event["dy"] for event in scrolls if event["dy"] > 0) == pixels
    assert sum(event["dy"] for event in scrolls) == 0
    assert {event["dx"] for event in scrolls} == {0}


# ------------------------------------------------------------------------------ what is not told


def test_a_password_in_a_cell_gives_no_key(compared: Comparison) -> None:
    """What is typed before the password into the cell is told; of the password, nothing."""
    start, end = compared.recorded[-1].steps["answer_getpass"]
    keys = [
        event["class"]
        for event in between(compared.events, start, end)
        if event["signal"] == "key_timing"
    ]
    shown = compared.recorded[-1].typed["jupyterlab"]["rich text"]
    assert 0 < len(keys) <= shown
    assert keys[-1] == "submit"  # which ran the cell; the password's own Enter would be a second
    assert keys.count("submit") == 2  # one began editing


def test_a_terminal_gives_no_key(compared: Comparison) -> None:
    start, end = compared.recorded[-1].steps["use_terminal"]
    signals = by_signal(between(compared.events, start, end))
    assert signals["click"] > 0
    assert signals["key_timing"] == signals["typing"] == 0


def test_no_canary_is_anywhere(compared: Comparison) -> None:
    assert compared.hits == []
    assert min(compared.searched.values()) > 1000


def test_the_canaries_were_in_the_apps(compared: Comparison) -> None:
    """Without this, nothing found would prove nothing."""
    [done] = compared.recorded[-1:]
    places = json.dumps(done.states) + " ".join(sorted(set().union(*done.asked.values())))
    absent = {slot for slot, text in compared.canaries.drawn.items() if text not in places}
    # Drawn on a canvas, cleared again, shown as dots, typed into a frame that no script may enter.
    assert absent == {"lab.column", "lab.filter", "lab.password", "lab.frame"}


# ---------------------------------------------------------------------------- what is undisturbed


def _differences(before: object, after: object) -> str:
    assert isinstance(before, list)
    assert isinstance(after, list)
    return "\n".join(difflib.unified_diff(before, after, lineterm="", n=1))


@pytest.mark.parametrize("app", APPS)
def test_the_work_ends_the_same(compared: Comparison, app: str) -> None:
    """Files, pages, elements, values, globals."""
    first = compared.without[0].states[app]
    for done in compared.without[1:] + compared.recorded:
        state = done.states[app]
        different = _differences(first["page"], state["page"])
        assert not different, different
        assert state == first


@pytest.mark.parametrize("app", APPS)
def test_the_console_says_nothing_more(compared: Comparison, app: str) -> None:
    usual = set().union(*(done.console[app] for done in compared.without))
    for done in compared.recorded:
        assert done.console[app] - usual == set()


def test_the_console_is_heard(compared: Comparison) -> None:
    """The browser itself complains of JupyterLab's password box."""
    for done in compared.without + compared.recorded:
        assert any("Password field" in text for text in done.console["jupyterlab"])


@pytest.mark.parametrize("app", APPS)
def test_the_servers_are_asked_for_nothing_more(compared: Comparison, app: str) -> None:
    usual = set().union(*(done.asked[app] for done in compared.without))
    for done in compared.recorded:
        assert done.asked[app] - usual == set()


def test_what_it_costs_is_written_down(compared: Comparison) -> None:
    written = json.loads(FIGURES.read_text("utf-8"))
    assert set(written["ratios"]) == set(APPS)
    for app in APPS:
        assert min(written["figures"][app]["with"]["script_ms"]) > 0

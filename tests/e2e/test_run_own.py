"""The README's second path, by its own lines: one's own app allowlisted, enrolled and recorded."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.demo.run_own import OwnRelay, app_origin
from tests.support.browser import ROOT, SHIPPED, Browser
from tests.support.human import Hand
from tests.support.pages import agree, settled
from tests.support.person import Person
from tests.support.relay import environment
from tests.support.tls import Authority

pytestmark = pytest.mark.timeout(600)  # real browsers on a busy machine

PAGE = b"""<!doctype html><html lang="en"><title>My own app</title>
<main><button style="width:200px;height:80px">Press</button></main></html>"""
MARK = "<!-- own-app: tests/e2e/test_run_own.py runs these lines -->"


class _OwnApp(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def own_app() -> Iterator[str]:
    """Serve an app of one's own and return its origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _OwnApp) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()


def readme_lines(app: str) -> list[str]:
    """Return the README's lines for one's own app, with this app in the place of its example."""
    after = (ROOT / "README.md").read_text("utf-8").partition(MARK)[2]
    block = re.search(r"```console\n(.*?)```", after, re.DOTALL)
    assert block, f"the README has no console block after {MARK}"
    lines = [line.removeprefix("$ ") for line in block[1].splitlines() if line.startswith("$ ")]
    changed = [re.sub(r"APP=\S+", f"APP={app}", line) for line in lines]
    assert changed != lines, "the README's lines name no app"
    return changed


class Run:
    """The README's command, running, and what it printed."""

    def __init__(self, app: str) -> None:
        (command,) = readme_lines(app)
        self.process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout
        self.lines: list[str] = []
        for line in self.process.stdout:
            self.lines.append(line)
            if "Ctrl-C" in line:
                break
        self.text = "".join(self.lines)

    def enrolment(self) -> str:
        (code,) = re.findall(r"candor1\.\S+", self.text)
        return str(code)

    def reading_commands(self) -> list[str]:
        """Return the printed commands of step 4, one string each."""
        joined = self.text.replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines() if ".venv/bin/candor " in line]

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=30)
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture(scope="module")
def run(own_app: str) -> Iterator[Run]:
    running = Run(own_app)
    yield running
    running.stop()
    shutil.rmtree(ROOT / "var" / "run" / re.sub(r"[^a-z0-9]+", "-", own_app))


def test_its_lines_record_ones_own_app(
    run: Run, own_app: str, driver: Playwright, tmp_path: Path
) -> None:
    assert str(SHIPPED) in run.text
    authority = Authority(tmp_path / "authority")
    browser = Browser(driver, tmp_path / "browser", authority, hosts={}, granted=[own_app]).start()
    try:
        found = agree(
            browser,
            run.enrolment(),
            ("click", "pointer"),
            secret="Tq7mXw2LbZ9R",
            picture=lambda _name, _page: None,
        )
        assert found == 0
        page = browser.context.new_page()
        page.goto(own_app)
        person = Person(page, Hand(4, pace=3))
        for _ in range(3):
            person.click(page.get_by_role("button"))
        settled(browser)
    finally:
        browser.close()
    request, unlock, open_ = run.reading_commands()
    outputs = [
        subprocess.run(
            ["bash", "-c", command],
            cwd=ROOT,
            env=environment(),
            input="y\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for command in (request, unlock, open_)
    ]
    assert outputs[-1].count("click") == 3
    assert "pointer" in outputs[-1]


def test_running_again_goes_on_with_the_same_programme(run: Run, own_app: str) -> None:
    first = re.search(r"runs at (\S+)\.", run.text)
    run.stop()
    again = Run(own_app)
    run.process = again.process
    second = re.search(r"runs at (\S+)\.", again.text)
    assert first
    assert second
    assert first[1] == second[1]
    assert again.enrolment() != run.enrolment()


@pytest.mark.parametrize(
    ("named", "origin"),
    [
        ("https://App.example:443", "https://app.example"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://Intranet.example/start?x=1", "https://intranet.example"),
        ("intranet.example:8443", "https://intranet.example:8443"),
        ("http://localhost:8000/", "http://localhost:8000"),
    ],
)
def test_any_address_of_an_app_names_its_origin(named: str, origin: str) -> None:
    assert app_origin(named) == origin


@pytest.mark.parametrize(
    "named",
    [
        *("http://intranet.example", "ftp://intranet.example", "https://"),
        *("https://intranet.example:99999", "https://*.example"),
    ],
)
def test_an_app_that_cannot_be_approved_is_refused_in_words(named: str) -> None:
    with pytest.raises(ValueError, match=r"\. (Give one|Only an app)"):
        app_origin(named)


def started(app: str) -> subprocess.CompletedProcess[str]:
    """Run the command behind the README's line to its end, which is a refusal."""
    return subprocess.run(
        [sys.executable, "-m", "tests.demo.run_own", app],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def own() -> Iterator[OwnRelay]:
    """Give the relay of an app that nobody else names, and leave nothing behind."""
    relay = OwnRelay(f"http://localhost:{20_000 + os.getpid() % 20_000}")
    shutil.rmtree(relay.folder, ignore_errors=True)
    yield relay
    relay.stop()
    shutil.rmtree(relay.folder, ignore_errors=True)


def test_a_second_one_beside_it_says_why_it_does_not_start(own: OwnRelay) -> None:
    own.prepare()
    own.serve()
    second = started(own.app)
    assert second.returncode == 1
    assert second.stdout == ""
    assert "The relay did not start. candor: " in second.stderr
    assert "[store_locked]" in second.stderr
    assert "serve.log" in second.stderr
    assert "Traceback" not in second.stderr
    assert own.code().startswith("candor1.")


@pytest.mark.parametrize("left", [("candor.toml",), ("candor.toml", "keys", "policy.toml")])
def test_an_interrupted_start_is_repaired(own: OwnRelay, left: tuple[str, ...]) -> None:
    own.prepare()
    for path in own.folder.iterdir():
        if path.name in left or path.name == "ledger.key":
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    own.prepare()
    own.serve()
    assert own.code().startswith("candor1.")


def test_a_failing_command_is_told_in_its_own_line(own: OwnRelay) -> None:
    own.prepare()
    own.policy.write_text(own.policy.read_text("utf-8").replace("k = 10", "k = 0"), "utf-8")
    own.signatures[0].unlink()
    failed = started(own.app)
    assert failed.returncode == 2
    assert failed.stderr.startswith("candor: k: is 0.")
    assert len(failed.stderr.splitlines()) == 1

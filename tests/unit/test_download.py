"""The extension's download: the same files, the same bytes, and their hash beside them."""

import base64
import hashlib
import io
import os
import zipfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from relay.errors import SettingsError
from relay.settings import Settings
from relay.web.download import Download, pack

FILES = {"manifest.json": b"{}", "icons/16.png": b"png", "a.js": b"1"}
Fetch = Callable[[str], Coroutine[None, None, tuple[int, dict[str, str], bytes]]]


def build(folder: Path, names: list[str]) -> Path:
    """Write these of `FILES` in this order."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[name])
    return folder


@pytest.fixture
async def fetch(tmp_path: Path) -> AsyncIterator[Fetch]:
    """Serve a built extension and return a function that fetches a path."""
    build(tmp_path / "chromium", list(FILES))
    app = web.Application()
    app.add_routes(Download(Settings(extension_dir=str(tmp_path))).routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    async with ClientSession(f"http://{host}:{port}") as session:

        async def get(path: str) -> tuple[int, dict[str, str], bytes]:
            async with session.get(path) as answer:
                return answer.status, dict(answer.headers), await answer.read()

        yield get
    await runner.cleanup()


def test_order_time_and_mode_of_the_files_do_not_matter(tmp_path: Path) -> None:
    one = build(tmp_path / "one", list(FILES))
    other = build(tmp_path / "other", list(reversed(FILES)))
    os.utime(other / "a.js", (10**9, 10**9))
    (other / "a.js").chmod(0o600)
    assert pack(one) == pack(other)


def test_a_changed_byte_and_a_changed_name_do(tmp_path: Path) -> None:
    folder = build(tmp_path / "one", list(FILES))
    before = pack(folder)
    (folder / "a.js").write_bytes(b"2")
    changed = pack(folder)
    (folder / "a.js").rename(folder / "b.js")
    assert len({before, changed, pack(folder)}) == 3


async def test_it_is_served_whole_with_its_hash(fetch: Fetch) -> None:
    status, headers, body = await fetch("/extension/chromium.zip")
    assert (status, headers["Content-Type"]) == (200, "application/zip")
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert headers["Repr-Digest"] == f"sha-256=:{digest}:"
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES


@pytest.mark.parametrize("name", ["firefox", "..", "%2e%2e%2fchromium", "chromium%2f..%2fchromium"])
async def test_nothing_else_is_served(fetch: Fetch, name: str) -> None:
    status, _, _ = await fetch(f"/extension/{name}.zip")
    assert status == 404


def test_a_directory_without_a_build_is_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no built extension"):
        Download(Settings(extension_dir=str(tmp_path)))

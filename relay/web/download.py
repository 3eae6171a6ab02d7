"""The built extension for download.

Owns packing it; the same files give the same bytes, so that their hash can be compared.
"""

from __future__ import annotations

import base64
import io
import zipfile
from http import HTTPStatus
from pathlib import Path
from typing import Final

from aiohttp import web

from relay.errors import SettingsError
from relay.protocol.transcript import sha256
from relay.settings import Settings
from relay.web.problems import problem

_MANIFEST: Final = "manifest.json"
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_PLAIN_FILE: Final = 0o100644 << 16


class Download:
    """The download route of one relay.

    Args:
        settings: `extension_dir` is read at once; where empty, nothing is offered.

    Raises:
        SettingsError: It holds no built extension.
    """

    def __init__(self, settings: Settings) -> None:
        self._archives: dict[str, bytes] = {}
        if settings.extension_dir:
            self._archives = _pack_all(settings.path("extension_dir"))

    def routes(self) -> list[web.RouteDef]:
        """Return every route."""
        return [web.get("/extension/{browser}.zip", self.archive)]

    async def archive(self, request: web.Request) -> web.Response:
        """Answer one browser's build as a zip, with its SHA-256 beside it.

        Source: RFC 9530, section 3.
        """
        archive = self._archives.get(request.match_info["browser"])
        if archive is None:
            return problem(
                HTTPStatus.NOT_FOUND,
                "extension_absent",
                "This relay does not offer an extension for this browser. Ask your "
                "representative where to get it.",
            )
        digest = base64.b64encode(sha256(archive)).decode()
        return web.Response(
            body=archive,
            content_type="application/zip",
            headers={
                "Content-Disposition": "attachment",
                "Repr-Digest": f"sha-256=:{digest}:",
                "X-Content-Type-Options": "nosniff",
            },
        )


def pack(folder: Path) -> bytes:
    """Return a folder's files as a zip that depends on their names and bytes only.

    They are stored as they are, since compressed bytes differ from one zlib to the next.

    Raises:
        OSError: A file cannot be read.
    """
    files = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _PLAIN_FILE
            archive.writestr(entry, files[name].read_bytes())
    return target.getvalue()


def _pack_all(directory: Path) -> dict[str, bytes]:
    try:
        found = {path.parent.name: pack(path.parent) for path in directory.glob(f"*/{_MANIFEST}")}
    except OSError as error:
        raise SettingsError(
            f"extension_dir: a file in it cannot be read: {error.strerror}. Check its permissions."
        ) from None
    if not found:
        raise SettingsError(
            "extension_dir: holds no built extension, which is a folder with a manifest.json. "
            "Build one with `make build`, or leave the setting empty."
        )
    return found

"""A screen that can be locked: the session bus and the one service on it that browsers ask.

Owns a bus of its own; speaks just enough of the D-Bus protocol to answer and to signal.

Source: D-Bus Specification, "Message Protocol" and "Authentication Protocol".
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import Self

_NAME = "org.freedesktop.ScreenSaver"
_PATHS = ("/org/freedesktop/ScreenSaver", "/ScreenSaver")
_CALL, _RETURN, _SIGNAL = 1, 2, 4
_PATH, _INTERFACE, _MEMBER, _REPLY, _DESTINATION, _SENDER, _SIGNATURE = 1, 2, 3, 5, 6, 7, 8


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def _padded(data: bytes, to: int) -> bytes:
    return data + b"\0" * (-len(data) % to)


def _message(kind: int, serial: int, fields: dict[int, str | int], body: bytes = b"") -> bytes:
    """Marshal a message whose header fields are of their usual types."""
    array = b""
    for code, value in fields.items():
        signature = {_PATH: b"o", _REPLY: b"u", _SIGNATURE: b"g"}.get(code, b"s")
        array = _padded(array, 8) + bytes([code, 1]) + signature + b"\0"
        if isinstance(value, int):
            array = _padded(array, 4) + struct.pack("<I", value)
        elif code == _SIGNATURE:
            array += bytes([len(value)]) + value.encode() + b"\0"
        else:
            array = _padded(array, 4) + _text(value)
    head = struct.pack("<cBBBII", b"l", kind, 0, 1, len(body), serial)
    return _padded(head + struct.pack("<I", len(array)) + array, 8) + body


def _fields(array: bytes) -> dict[int, str | int]:
    """Read header fields; those of other types end the reading, since none of them is needed."""
    found: dict[int, str | int] = {}
    at = 0
    while at < len(array):
        at += -at % 8
        code, kind = array[at], array[at + 2 : at + 3]
        at += 4
        if kind == b"g":
            length = array[at]
            found[code] = array[at + 1 : at + 1 + length].decode()
            at += length + 2
            continue
        at += -at % 4
        (value,) = struct.unpack_from("<I", array, at)
        at += 4
        if kind in b"os":
            found[code] = array[at : at + value].decode()
            at += value + 1
        else:
            found[code] = value
    return found


class Screen:
    """A lockable screen on a session bus of its own.

    Args:
        folder: An empty folder for the bus's socket and settings.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "bus"
        self._settings = folder / "bus.conf"
        self.address = f"unix:path={self._path}"
        self._is_locked = False
        self._serial = 0
        self._sending = threading.Lock()
        self._socket: socket.socket
        self._bus: subprocess.Popen[bytes]

    @staticmethod
    def is_possible() -> bool:
        """Tell whether a bus can be started here."""
        return shutil.which("dbus-daemon") is not None

    def __enter__(self) -> Self:
        """Start the bus, take the service's name, answer from now on."""
        self._settings.write_text(
            '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"'
            ' "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd"><busconfig>'
            f"<type>session</type><listen>{self.address}</listen>"
            '<policy context="default"><allow send_destination="*" eavesdrop="true"/>'
            '<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>'
        )
        command = ["dbus-daemon", f"--config-file={self._settings}", "--nofork", "--print-address"]
        self._bus = subprocess.Popen(command, stdout=subprocess.PIPE)
        if self._bus.stdout is not None:
            self._bus.stdout.readline()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(self._path))
        identity = str(os.getuid()).encode().hex()
        self._socket.sendall(b"\0AUTH EXTERNAL " + identity.encode() + b"\r\n")
        said = self._socket.recv(4096)
        if not said.startswith(b"OK"):
            message = f"the bus did not let the screen in: {said!r}"
            raise ConnectionError(message)
        self._socket.sendall(b"BEGIN\r\n")
        self._ask_bus("Hello")
        self._ask_bus("RequestName", "su", _padded(_text(_NAME), 4) + struct.pack("<I", 0))
        threading.Thread(target=self._answer, name="screen", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the bus."""
        self._bus.terminate()
        self._bus.wait(timeout=10)
        if self._bus.stdout is not None:
            self._bus.stdout.close()
        self._socket.close()

    def lock(self) -> None:
        """Lock the screen."""
        self._change(to=True)

    def unlock(self) -> None:
        """Unlock the screen."""
        self._change(to=False)

    def _change(self, *, to: bool) -> None:
        self._is_locked = to
        for path in _PATHS:
            fields: dict[int, str | int] = {
                _PATH: path,
                _INTERFACE: _NAME,
                _MEMBER: "ActiveChanged",
                _SIGNATURE: "b",
            }
            self._send(_SIGNAL, fields, struct.pack("<I", to))

    def _send(self, kind: int, fields: dict[int, str | int], body: bytes = b"") -> None:
        with self._sending:
            self._serial += 1
            self._socket.sendall(_message(kind, self._serial, fields, body))

    def _ask_bus(self, member: str, signature: str = "", body: bytes = b"") -> None:
        name = "org.freedesktop.DBus"
        fields: dict[int, str | int] = {
            _PATH: "/org/freedesktop/DBus",
            _INTERFACE: name,
            _MEMBER: member,
            _DESTINATION: name,
        }
        if signature:
            fields[_SIGNATURE] = signature
        self._send(_CALL, fields, body)

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = self._socket.recv(length - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def _answer(self) -> None:
        """Answer every call with whether the screen is locked, until the bus ends."""
        try:
            while True:
                head = self._exactly(16)
                _, kind, _, _, body, serial, array = struct.unpack("<cBBBIII", head)
                rest = self._exactly(array + -array % 8 + body)
                fields = _fields(rest[:array])
                if kind == _CALL:
                    reply: dict[int, str | int] = {
                        _REPLY: serial,
                        _DESTINATION: fields.get(_SENDER, ""),
                        _SIGNATURE: "b",
                    }
                    self._send(_RETURN, reply, struct.pack("<I", self._is_locked))
        except (EOFError, OSError):
            return

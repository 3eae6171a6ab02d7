"""The peer in FastAPI: pydantic for the frames, SQLAlchemy for the store, uvicorn on uvloop.

    python fastapi_peer.py FOLDER     FOLDER/peer.json says what is granted

Written as well as those three allow: strict models, one validator per message, one bulk insert per
commit in a thread of its own with synchronous=FULL every 10 ms, one ack per session and commit.
It verifies no signature; that happens once per connection.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import socket as sockets_of_the_system
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import msgpack
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
)

LINGER_S = 0.010
CREDIT = 64
MAX_CIPHERTEXT = 16_384
MAX_FRAME = 65_536
HELLO, SEGMENT, BATCH = 32, 36, 37
GROUP_SIGNALS = {0: 239, 1: 16}
WELCOME = -1

folder = Path(sys.argv[1])
granted = json.loads((folder / "peer.json").read_text())
receipts = {bytes.fromhex(text) for text in granted["receipts"]}
apps = {row["app"]: row["signals"] for row in granted["apps"]}

metadata = MetaData()
streams = Table(
    "streams",
    metadata,
    Column("stream", Integer, primary_key=True),
    Column("id", LargeBinary, nullable=False, unique=True),
)
segments = Table(
    "segments",
    metadata,
    Column("segment", Integer, primary_key=True),
    Column("stream", Integer, nullable=False),
    Column("id", LargeBinary, nullable=False),
    Column("app", Integer, nullable=False),
    Column("frame", LargeBinary, nullable=False),
    UniqueConstraint("stream", "id"),
)
batches = Table(
    "batches",
    metadata,
    Column("batch", Integer, primary_key=True),
    Column("stream", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("segment", Integer, nullable=False),
    Column("signals", Integer, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("day", Integer, nullable=False),
    UniqueConstraint("stream", "seq"),
)
TABLES = (streams, segments, batches)
Rows = dict[Table, list[dict[str, object]]]
engine = create_engine(f"sqlite:///{folder / 'relay.sqlite'}")


@event.listens_for(engine, "connect")
def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    """Make every commit durable, as the others do."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")


class Frame(BaseModel):
    """Strict: a bool is no integer, nothing is converted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Batch(Frame):
    """One sealed batch."""

    seq: Annotated[int, Field(ge=1, le=2**53 - 1)]
    segment: Annotated[bytes, Field(min_length=16, max_length=16)]
    signals: Annotated[int, Field(ge=1, le=255)]
    nonce: Annotated[bytes, Field(min_length=12, max_length=12)]
    ciphertext: Annotated[bytes, Field(min_length=1, max_length=65_000)]


class Segment(Frame):
    """The clear header of a segment, as far as the gate asks."""

    id: Annotated[bytes, Field(min_length=16, max_length=16)]
    app: Annotated[int, Field(ge=1, le=65_535)]
    group: Annotated[int, Field(ge=0, le=1)]
    receipt: Annotated[bytes, Field(min_length=32, max_length=32)]


class Session:
    """One connection."""

    __slots__ = ("announced", "owes", "refused", "segments", "socket", "stream", "through")

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.stream = 0
        self.announced = 0
        self.through = 0
        self.owes = False
        self.refused: list[tuple[int, str]] = []
        self.segments: dict[bytes, tuple[int, Segment]] = {}


class Store:
    """Admitted batches until their commit, and the sessions that wait for it."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.rows: Rows = {table: [] for table in TABLES}
        self.owing: list[Session] = []
        self.wanted = asyncio.Event()

    def owe(self, session: Session) -> None:
        """Have the session acked after the next commit."""
        if not session.owes:
            session.owes = True
            self.owing.append(session)
            self.wanted.set()

    async def run(self) -> None:
        """Commit every 10 ms while there is something to commit."""
        while True:
            await self.wanted.wait()
            await asyncio.sleep(LINGER_S)
            self.wanted.clear()
            rows, self.rows = self.rows, {table: [] for table in TABLES}
            owing, self.owing = self.owing, []
            through = []
            for session in owing:
                session.owes = False
                through.append((session, session.announced))
            await asyncio.to_thread(commit, rows)
            for session, announced in through:
                session.through = announced
                refused, session.refused = session.refused, []
                try:
                    await session.socket.send_bytes(msgpack.packb((3, announced, refused)))
                except (RuntimeError, WebSocketDisconnect):
                    continue


def commit(rows: Rows) -> None:
    """Insert everything in one transaction."""
    with engine.begin() as connection:
        for table, values in rows.items():
            if values:
                connection.execute(insert(table), values)


def refusal(segment: Segment | None, signals: int, size: int) -> str | None:
    """Ask the gate; None admits."""
    if size > MAX_CIPHERTEXT:
        return "too_large"
    if segment is None:
        return "segment_unknown"
    if segment.receipt not in receipts:
        return "receipt_unknown"
    if segment.app not in apps:
        return "app_not_allowed"
    if signals & ~(apps[segment.app] & GROUP_SIGNALS[segment.group]):
        return "signal_not_granted"
    return None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the store as long as the app."""
    metadata.create_all(engine)
    app.state.store = Store()
    task = asyncio.create_task(app.state.store.run())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """Converse with one device."""
    await socket.accept(subprotocol="candor.v1")
    session = Session(socket)
    store: Store = app.state.store
    try:
        while True:
            frame = await socket.receive_bytes()
            code = take(session, store, msgpack.unpackb(frame), frame)
            if code == WELCOME:
                await socket.send_bytes(msgpack.packb((2, 1, 0, None, None, 0, CREDIT, None, None)))
            elif code:
                await socket.close(code)
                return
    except (ValueError, msgpack.UnpackException):
        await socket.close(4400)
    except WebSocketDisconnect:
        return


def take(session: Session, store: Store, message: list[Any], frame: bytes) -> int:
    """Take one message; returns a close code, WELCOME, or 0."""
    kind = message[0]
    if kind == BATCH and session.stream:
        _, seq, segment_id, signals, nonce, ciphertext = message
        try:
            batch = Batch(
                seq=seq, segment=segment_id, signals=signals, nonce=nonce, ciphertext=ciphertext
            )
        except ValidationError:
            return 4400
        if batch.seq != session.announced + 1:
            return 4423
        if session.announced - session.through >= CREDIT:
            return 4429
        session.announced = batch.seq
        row, segment = session.segments.get(batch.segment, (0, None))
        reason = refusal(segment, batch.signals, len(batch.ciphertext))
        if reason is None:
            store.rows[batches].append(
                {
                    "stream": session.stream,
                    "seq": batch.seq,
                    "segment": row,
                    "signals": batch.signals,
                    "nonce": batch.nonce,
                    "ciphertext": batch.ciphertext,
                    "day": int(time.time()) // 86_400,
                }
            )
        else:
            session.refused.append((batch.seq, reason))
        store.owe(session)
        return 0
    if kind == SEGMENT and session.stream:
        segment = Segment(id=message[1], app=message[2], group=message[3], receipt=message[4])
        row = next(store.numbers)
        store.rows[segments].append(
            {
                "segment": row,
                "stream": session.stream,
                "id": segment.id,
                "app": segment.app,
                "frame": frame,
            }
        )
        store.wanted.set()
        session.segments[segment.id] = (row, segment)
        return 0
    if kind == HELLO and not session.stream:
        session.stream = next(store.numbers)
        store.rows[streams].append({"stream": session.stream, "id": message[1] + message[2]})
        store.wanted.set()
        return WELCOME
    return 4422


class Announcing(uvicorn.Server):
    """Says its port once it listens."""

    async def startup(self, sockets: list[sockets_of_the_system.socket] | None = None) -> None:
        """Start, and print the port."""
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(json.dumps({"port": port}) + "\n")

    sys.stdout.flush()


if __name__ == "__main__":
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    Announcing(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            loop="uvloop",
            http="httptools",
            ws=sys.argv[2] if len(sys.argv) > 2 else "websockets-sansio",
            ws_max_size=MAX_FRAME,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            backlog=4_096,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    ).run()

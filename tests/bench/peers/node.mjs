// The peer in Node: `ws`, msgpackr and better-sqlite3, with the relay's checks and its group commit.
//
//   node node.mjs FOLDER      FOLDER/peer.json says what is granted; FOLDER/relay.sqlite is made.
//
// It decodes each frame, checks types and bounds, asks the same gate (segment, receipt, app, signals,
// size), holds seqs to their order, keeps UNIQUE(stream, seq), commits with synchronous=FULL every
// 10 ms and acks afterwards. It verifies no signature; that happens once per connection.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.BENCH_MODULES, "package.json"));
const Database = require("better-sqlite3");
const { Packr, Unpackr } = require("msgpackr");
const { WebSocketServer } = require("ws");

const LINGER_MS = 10;
const CREDIT = 64;
const MAX_CIPHERTEXT = 16_384;
const MAX_FRAME = 65_536;
const [HELLO, SEGMENT, BATCH] = [32, 36, 37];

const folder = process.argv[2];
const granted = JSON.parse(readFileSync(join(folder, "peer.json"), "utf8"));
const receipts = new Set(granted.receipts);
const apps = new Map(granted.apps.map(({ app, signals }) => [app, signals]));

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: false });

const db = new Database(join(folder, "relay.sqlite"));
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.pragma("cache_size = -65536");
db.exec(`
  CREATE TABLE streams (stream INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);
  CREATE TABLE segments (segment INTEGER PRIMARY KEY, stream INTEGER NOT NULL, id BLOB NOT NULL,
    app INTEGER NOT NULL, frame BLOB NOT NULL, UNIQUE (stream, id));
  CREATE TABLE batches (batch INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    segment INTEGER NOT NULL, signals INTEGER NOT NULL, nonce BLOB NOT NULL,
    ciphertext BLOB NOT NULL, day INTEGER NOT NULL, UNIQUE (stream, seq));`);
const addStream = db.prepare("INSERT INTO streams (stream, id) VALUES (?, ?)");
const addSegment = db.prepare(
  "INSERT INTO segments (segment, stream, id, app, frame) VALUES (?, ?, ?, ?, ?)",
);
const addBatch = db.prepare(
  "INSERT INTO batches (stream, seq, segment, signals, nonce, ciphertext, day) VALUES (?, ?, ?, ?, ?, ?, ?)",
);
const begin = db.prepare("BEGIN IMMEDIATE");
const commit = db.prepare("COMMIT");

/** New streams and segments, admitted batches of the coming commit, and who waits for an ack. */
let numbers = 0;
let news = [];
let pending = [];
let owing = new Set();
let timer;

function flush() {
  timer = undefined;
  const rows = pending;
  const firsts = news;
  news = [];
  const sessions = owing;
  pending = [];
  owing = new Set();
  const day = Math.floor(Date.now() / 86_400_000);
  begin.run();
  for (const [statement, values] of firsts) statement.run(...values);
  for (const { session, seq, segment, signals, nonce, ciphertext } of rows) {
    addBatch.run(session.stream, seq, segment, signals, nonce, ciphertext, day);
  }
  commit.run();
  for (const session of sessions) {
    session.through = session.announced;
    const refused = session.refused;
    if (refused.length > 0) session.refused = [];
    session.socket.send(packr.pack([3, session.through, refused]), { binary: true });
  }
}

function add(statement, ...values) {
  news.push([statement, [++numbers, ...values]]);
  timer ??= setTimeout(flush, LINGER_MS);
  return numbers;
}

function settle(session) {
  owing.add(session);
  timer ??= setTimeout(flush, LINGER_MS);
}

const isBin = (value, length) => value instanceof Uint8Array && value.length === length;
const isInt = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;

function isBatch(message) {
  return (
    message.length === 6 &&
    isInt(message[1], 1, Number.MAX_SAFE_INTEGER) &&
    isBin(message[2], 16) &&
    isInt(message[3], 1, 255) &&
    isBin(message[4], 12) &&
    message[5] instanceof Uint8Array &&
    message[5].length >= 1 &&
    message[5].length <= 65_000
  );
}

/** Why the gate refuses a batch; undefined admits it. */
function refusal(segment, signals, size) {
  if (size > MAX_CIPHERTEXT) return "too_large";
  if (segment === undefined) return "segment_unknown";
  if (!receipts.has(segment.receipt)) return "receipt_unknown";
  const allowed = apps.get(segment.app);
  if (allowed === undefined) return "app_not_allowed";
  if ((signals & ~(allowed & segment.group)) !== 0) return "signal_not_granted";
  return undefined;
}

function onBatch(session, message) {
  if (!isBatch(message)) return session.socket.close(4400);
  const [, seq, id, signals, nonce, ciphertext] = message;
  if (seq !== session.announced + 1) return session.socket.close(4423);
  if (session.announced - session.through >= CREDIT) return session.socket.close(4429);
  session.announced = seq;
  const segment = session.segments.get(id.toString("latin1"));
  const reason = refusal(segment, signals, ciphertext.length);
  if (reason === undefined) {
    pending.push({ session, seq, segment: segment.row, signals, nonce, ciphertext });
  } else {
    session.refused.push([seq, reason]);
  }
  settle(session);
}

function onSegment(session, message, frame) {
  const [, id, app, group, receipt] = message;
  if (message.length !== 13 || !isBin(id, 16)) return session.socket.close(4400);
  const row = add(addSegment, session.stream, id, app, frame);
  session.segments.set(Buffer.from(id).toString("latin1"), {
    row,
    app,
    group: group === 1 ? 16 : 239,
    receipt: Buffer.from(receipt).toString("hex"),
  });
}

function onHello(session, message) {
  session.stream = add(addStream, Buffer.concat([message[1], message[2]]));
  session.socket.send(packr.pack([2, 1, 0, null, null, 0, CREDIT, null, null]));
}

const server = new WebSocketServer(
  {
    host: "127.0.0.1",
    port: 0,
    backlog: 4096,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME,
    clientTracking: true,
    handleProtocols: () => "candor.v1",
  },
  () => console.log(JSON.stringify({ port: server.address().port })),
);
server.on("connection", (socket) => {
  const session = {
    socket,
    stream: undefined,
    announced: 0,
    through: 0,
    refused: [],
    segments: new Map(),
  };
  socket.on("message", (frame, isBinary) => {
    if (!isBinary) return socket.close(1003);
    let message;
    try {
      message = unpackr.unpack(frame);
    } catch {
      return socket.close(4400);
    }
    if (!Array.isArray(message)) return socket.close(4400);
    if (message[0] === BATCH && session.stream !== undefined) return onBatch(session, message);
    if (message[0] === SEGMENT && session.stream !== undefined) {
      return onSegment(session, message, frame);
    }
    if (message[0] === HELLO && session.stream === undefined) return onHello(session, message);
    return socket.close(4422);
  });
  socket.on("error", () => {});
});
process.on("SIGTERM", () => {
  if (timer !== undefined) flush();
  process.exit(0);
});

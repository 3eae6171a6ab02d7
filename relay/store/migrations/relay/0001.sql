-- Keys of rows about people are random, so that their order tells nothing; dates are days.

CREATE TABLE policies (
  number BIGINT PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  body BLOB NOT NULL,
  controller_signature BLOB NOT NULL,
  representative_signature BLOB NOT NULL,
  notice BLOB NOT NULL,
  day BIGINT NOT NULL
);

-- Only hashes of spent codes, in no order and with no link to a device.
CREATE TABLE spent_codes (
  code BLOB PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE devices (
  device INTEGER PRIMARY KEY,
  device_key BLOB NOT NULL UNIQUE,
  newest_receipt BLOB,
  epoch BIGINT NOT NULL,
  contact_day BIGINT NOT NULL
);

-- Apart from devices because every commit looks at epochs: small rows stay in memory.
CREATE TABLE enrolments (
  device INTEGER PRIMARY KEY,
  participant_key BLOB NOT NULL,
  sealed_code BLOB NOT NULL
);

CREATE TABLE receipts (
  receipt BLOB PRIMARY KEY,
  device BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  body BLOB NOT NULL,
  signature BLOB NOT NULL,
  day BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX receipts_of_device ON receipts (device, epoch);

CREATE TABLE streams (
  stream INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  salt BLOB NOT NULL,
  device BIGINT NOT NULL
);

-- Apart from streams because every commit rewrites it: small rows touch few pages.
CREATE TABLE positions (
  stream INTEGER PRIMARY KEY,
  session BIGINT NOT NULL,
  through BIGINT NOT NULL
);

CREATE TABLE segments (
  segment INTEGER PRIMARY KEY,
  stream BIGINT NOT NULL,
  id BLOB NOT NULL,
  app BIGINT NOT NULL,
  signal_group BIGINT NOT NULL,
  receipt BLOB NOT NULL,
  policy BLOB NOT NULL,
  inner_key BLOB NOT NULL,
  outer_key BLOB NOT NULL,
  participant_key BLOB NOT NULL,
  root_hash BLOB NOT NULL,
  sealed_root BLOB NOT NULL,
  sealed_participant_root BLOB NOT NULL,
  day BIGINT NOT NULL,
  UNIQUE (stream, id)
);

CREATE TABLE batches (
  batch INTEGER PRIMARY KEY,
  stream BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  segment BIGINT NOT NULL,
  signals BIGINT NOT NULL,
  nonce BLOB NOT NULL,
  ciphertext BLOB NOT NULL,
  day BIGINT NOT NULL,
  UNIQUE (stream, seq)
);

-- A refused batch is not kept; its digest shows whether a repeat is the same.
CREATE TABLE refused (
  stream BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  reason TEXT NOT NULL,
  digest BLOB NOT NULL,
  day BIGINT NOT NULL,
  PRIMARY KEY (stream, seq)
) WITHOUT ROWID;

CREATE TABLE dropped (
  stream BIGINT NOT NULL,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL,
  reason TEXT NOT NULL,
  day BIGINT NOT NULL,
  PRIMARY KEY (stream, first)
) WITHOUT ROWID;

CREATE TABLE counts (
  day BIGINT NOT NULL,
  app BIGINT NOT NULL,
  signals BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  total BIGINT NOT NULL,
  PRIMARY KEY (day, app, signals, outcome)
) WITHOUT ROWID;

-- One row, rewritten to find out whether the store can be written.
CREATE TABLE probes (
  probe BIGINT PRIMARY KEY,
  day BIGINT NOT NULL
);

-- Deleting a row is the erasure of its segment; keep this file out of every backup.
CREATE TABLE salts (
  segment BLOB PRIMARY KEY,
  salt BLOB NOT NULL,
  day BIGINT NOT NULL
) WITHOUT ROWID;

-- One row: the end of the chain, its beginning, and what stands for the whole store.
CREATE TABLE head (
	id             INTEGER PRIMARY KEY CHECK (id = 1),
	seq            INTEGER NOT NULL,
	hash           TEXT    NOT NULL,
	size           INTEGER NOT NULL,
	anchor_seq     INTEGER NOT NULL, -- the line before the first that is kept
	anchor_hash    TEXT    NOT NULL,
	anchor_size    INTEGER NOT NULL,
	floor          INTEGER NOT NULL, -- what was issued at or before it is refused; instants are nanoseconds since 1970
	sightings      INTEGER NOT NULL, -- rows of that table
	card           INTEGER NOT NULL, -- form in which records name cards
	created        INTEGER NOT NULL,
	complete_since INTEGER NOT NULL, -- from then on the observations are complete
	list_version   INTEGER NOT NULL, -- seq of the last change of a list
	probes         INTEGER NOT NULL  -- writes that only asked whether writing works
);

CREATE TABLE records (
	seq      INTEGER PRIMARY KEY,
	at       INTEGER NOT NULL,
	decision INTEGER, -- the first eight bytes of SHA-256 over the id
	event    INTEGER,
	line     TEXT NOT NULL
);
CREATE INDEX records_decision ON records (decision) WHERE decision IS NOT NULL;
CREATE INDEX records_event ON records (event) WHERE event IS NOT NULL;

CREATE TABLE sightings (
	key          BLOB PRIMARY KEY, -- SHA-256 of the replay key
	issued_at    INTEGER NOT NULL,
	digest       TEXT    NOT NULL,
	route        TEXT    NOT NULL,
	until        INTEGER NOT NULL, -- up to which copies get the answer
	status       INTEGER NOT NULL, -- 0: the answer was blanked
	content_type TEXT    NOT NULL,
	body         BLOB    NOT NULL
) WITHOUT ROWID;
CREATE INDEX sightings_issued ON sightings (issued_at);
CREATE INDEX sightings_until ON sightings (until) WHERE status <> 0;

CREATE TABLE observations (
	seq    INTEGER PRIMARY KEY, -- of the record
	newest INTEGER NOT NULL,    -- the latest instant in it
	data   BLOB NOT NULL
);

-- Observations that are not needed one by one any more, packed.
CREATE TABLE segments (
	last_seq  INTEGER PRIMARY KEY,
	first_seq INTEGER NOT NULL,
	newest    INTEGER NOT NULL, -- the latest instant in it
	data      BLOB    NOT NULL
);

CREATE TABLE list_entries (
	list  TEXT    NOT NULL,
	value TEXT    NOT NULL,
	who   TEXT    NOT NULL,
	why   TEXT    NOT NULL,
	at    INTEGER NOT NULL,
	until INTEGER, -- NULL: until it is removed
	seq   INTEGER NOT NULL, -- of the change in the chain
	PRIMARY KEY (list, value)
) WITHOUT ROWID;

CREATE TABLE approvals (
	pack     TEXT    NOT NULL,
	approver TEXT    NOT NULL,
	at       INTEGER NOT NULL,
	seq      INTEGER NOT NULL,
	PRIMARY KEY (pack, approver)
) WITHOUT ROWID;

-- Always empty: what Health writes and deletes again, to see whether there is room.
CREATE TABLE probe (
	id   INTEGER PRIMARY KEY,
	data BLOB NOT NULL
);

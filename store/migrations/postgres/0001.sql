-- One row: the end of the chain, its beginning, and what stands for the whole store.
CREATE TABLE head (
	id             SMALLINT PRIMARY KEY CHECK (id = 1),
	seq            BIGINT NOT NULL,
	hash           TEXT   NOT NULL,
	size           BIGINT NOT NULL,
	anchor_seq     BIGINT NOT NULL, -- the line before the first that is kept
	anchor_hash    TEXT   NOT NULL,
	anchor_size    BIGINT NOT NULL,
	floor          BIGINT NOT NULL, -- what was issued at or before it is refused; instants are nanoseconds since 1970
	sightings      BIGINT NOT NULL, -- rows of that table
	card           BIGINT NOT NULL, -- form in which records name cards
	created        BIGINT NOT NULL,
	complete_since BIGINT NOT NULL, -- from then on the observations are complete
	list_version   BIGINT NOT NULL, -- seq of the last change of a list
	probes         BIGINT NOT NULL  -- writes that only asked whether writing works
) WITH (fillfactor = 10); -- it is updated by every commit, in place

CREATE TABLE records (
	seq      BIGINT PRIMARY KEY,
	at       BIGINT NOT NULL,
	decision BIGINT, -- the first eight bytes of SHA-256 over the id
	event    BIGINT,
	line     TEXT NOT NULL
);
CREATE INDEX records_decision ON records (decision) WHERE decision IS NOT NULL;
CREATE INDEX records_event ON records (event) WHERE event IS NOT NULL;

CREATE TABLE sightings (
	key          BYTEA PRIMARY KEY, -- SHA-256 of the replay key
	issued_at    BIGINT NOT NULL,
	digest       TEXT   NOT NULL,
	route        TEXT   NOT NULL,
	until        BIGINT NOT NULL, -- up to which copies get the answer
	status       INTEGER NOT NULL, -- 0: the answer was blanked
	content_type TEXT   NOT NULL,
	body         BYTEA  NOT NULL
);
CREATE INDEX sightings_issued ON sightings (issued_at, key);
CREATE INDEX sightings_until ON sightings (until) WHERE status <> 0;

CREATE TABLE observations (
	seq    BIGINT PRIMARY KEY, -- of the record
	newest BIGINT NOT NULL,    -- the latest instant in it
	data   BYTEA NOT NULL
);

-- Observations that are not needed one by one any more, packed.
CREATE TABLE segments (
	last_seq  BIGINT PRIMARY KEY,
	first_seq BIGINT NOT NULL,
	newest    BIGINT NOT NULL, -- the latest instant in it
	data      BYTEA  NOT NULL
);

CREATE TABLE list_entries (
	list  TEXT   NOT NULL,
	value TEXT   NOT NULL,
	who   TEXT   NOT NULL,
	why   TEXT   NOT NULL,
	at    BIGINT NOT NULL,
	until BIGINT, -- NULL: until it is removed
	seq   BIGINT NOT NULL, -- of the change in the chain
	PRIMARY KEY (list, value)
);

CREATE TABLE approvals (
	pack     TEXT   NOT NULL,
	approver TEXT   NOT NULL,
	at       BIGINT NOT NULL,
	seq      BIGINT NOT NULL,
	PRIMARY KEY (pack, approver)
);

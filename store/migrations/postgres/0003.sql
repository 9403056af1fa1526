-- The keys under which the events of records are sealed, each sealed to the auditors.
-- Retention leaves them: a record is worth nothing to its auditor without its key.
CREATE TABLE data_keys (
	id      TEXT    NOT NULL PRIMARY KEY,
	wrapped TEXT    NOT NULL,
	at      BIGINT  NOT NULL,
	seq     BIGINT  NOT NULL -- of the line in the chain
);

-- The newest signed file that was put in force in each place, by name.
CREATE TABLE marks (
	place    TEXT    NOT NULL,
	name     TEXT    NOT NULL,
	revision BIGINT  NOT NULL,
	sha256   TEXT    NOT NULL,
	at       BIGINT  NOT NULL,
	seq      BIGINT  NOT NULL, -- of the line in the chain
	PRIMARY KEY (place, name)
);

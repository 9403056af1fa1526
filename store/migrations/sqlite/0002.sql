-- A masking entry speaks alone for its value: the pack's own entry does not count.
ALTER TABLE list_entries ADD COLUMN mask INTEGER NOT NULL DEFAULT 0;

-- What the lines of kind "list" say. Retention leaves it, so that the lists of any
-- instant can be made again.
CREATE TABLE list_changes (
	seq    INTEGER PRIMARY KEY, -- of the line in the chain
	list   TEXT    NOT NULL,
	action TEXT    NOT NULL, -- put, mask or remove
	value  TEXT    NOT NULL,
	who    TEXT    NOT NULL,
	why    TEXT    NOT NULL,
	at     INTEGER NOT NULL,
	until  INTEGER
);
CREATE INDEX list_changes_list ON list_changes (list, seq);

CREATE TABLE pack_approvals (
	pack      TEXT    NOT NULL,
	lists     TEXT    NOT NULL, -- digest of the lists that were approved with it
	approver  TEXT    NOT NULL,
	signed    TEXT    NOT NULL, -- statement and signature
	at        INTEGER NOT NULL,
	seq       INTEGER NOT NULL,
	PRIMARY KEY (pack, lists, approver)
) WITHOUT ROWID;
DROP TABLE approvals;

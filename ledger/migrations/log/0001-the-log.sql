-- expand
-- Facts, in the order of the log and of each stream. "C" orders names by their bytes, as SQLite does.
CREATE TABLE ledger.facts (
    position bigint PRIMARY KEY,
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    recorded_at bigint NOT NULL,
    UNIQUE (originator_id, originator_version)
);
-- Facts only come; vacuum has nothing to do but to freeze. Canonical JSON of some hundred bytes is not worth packing.
ALTER TABLE ledger.facts ALTER COLUMN state SET STORAGE EXTERNAL;
ALTER TABLE ledger.facts SET (autovacuum_analyze_scale_factor = 0.02, fillfactor = 100);

CREATE FUNCTION ledger.refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% are never edited or deleted', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
$body$;
CREATE TRIGGER facts_are_not_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.facts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_edit();
ALTER TABLE ledger.facts ENABLE ALWAYS TRIGGER facts_are_not_edited;

CREATE TABLE ledger.reference_facts (position bigint PRIMARY KEY);
CREATE TRIGGER reference_facts_are_not_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.reference_facts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_edit();
ALTER TABLE ledger.reference_facts ENABLE ALWAYS TRIGGER reference_facts_are_not_edited;

CREATE TABLE ledger.receipts (
    principal text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    request_hash bytea NOT NULL,
    stream text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    recorded bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    PRIMARY KEY (principal, key)
);
CREATE TRIGGER receipts_are_not_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.receipts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_edit();
ALTER TABLE ledger.receipts ENABLE ALWAYS TRIGGER receipts_are_not_edited;

-- How far each follower is, and what the scheduler acted on; losing these means only following again.
CREATE TABLE ledger.followers (name text COLLATE "C" PRIMARY KEY, position bigint NOT NULL);
CREATE TABLE ledger.acted (subject text COLLATE "C" PRIMARY KEY);

GRANT USAGE ON SCHEMA ledger TO ledger_application;
GRANT SELECT ON ledger.facts, ledger.reference_facts, ledger.receipts TO ledger_application;
GRANT SELECT, INSERT, UPDATE, DELETE ON ledger.followers, ledger.acted TO ledger_application;

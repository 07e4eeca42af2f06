-- expand
-- The transparency log: a Merkle tree over the facts, and what is signed of it. See ledger/transparency/tables.py.
CREATE TABLE ledger.tiles (
    level int NOT NULL,
    nth bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (level, nth)
);
ALTER TABLE ledger.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
CREATE TABLE ledger.checkpoints (
    origin text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    note text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    PRIMARY KEY (origin, size)
);
CREATE TABLE ledger.cosignatures (
    origin text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    witness text COLLATE "C" NOT NULL,
    line text COLLATE "C" NOT NULL,
    PRIMARY KEY (origin, size, witness)
);
CREATE TABLE ledger.log_keys (verifier text COLLATE "C" PRIMARY KEY, made_us bigint NOT NULL, until_us bigint);
CREATE TABLE ledger.halts (at_us bigint PRIMARY KEY, sentence text COLLATE "C" NOT NULL, accepted_us bigint);

-- While a head that does not follow from the published one is not accepted, nothing is recorded, whoever tries.
CREATE FUNCTION ledger.refuse_while_halted() RETURNS trigger LANGUAGE plpgsql SET search_path = ledger AS $body$
DECLARE
    why text;
BEGIN
    SELECT h.sentence INTO why FROM ledger.halts h WHERE h.accepted_us IS NULL ORDER BY h.at_us LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING MESSAGE = why, ERRCODE = 'LG001';
    END IF;
    RETURN NULL;
END
$body$;
CREATE TRIGGER nothing_is_recorded_while_halted BEFORE INSERT ON ledger.facts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_while_halted();

GRANT SELECT, INSERT, UPDATE ON ledger.tiles, ledger.checkpoints, ledger.cosignatures, ledger.log_keys, ledger.halts
    TO ledger_application;

-- expand
-- Messages that the intake could not take, by where they stand; what was in them is not copied, for it may be personal.
CREATE TABLE ledger.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text COLLATE "C" NOT NULL,
    partition int NOT NULL,
    kafka_offset bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    reason_code text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'retried', 'skipped')),
    published_us bigint,
    decided_us bigint,
    decided_by text COLLATE "C",
    because text COLLATE "C",
    UNIQUE (topic, partition, kafka_offset)
);
CREATE INDEX dead_letters_waiting ON ledger.dead_letters (id) WHERE state = 'waiting';
CREATE INDEX dead_letters_unpublished ON ledger.dead_letters (id) WHERE published_us IS NULL;
GRANT SELECT, INSERT, UPDATE ON ledger.dead_letters TO ledger_application;

-- expand
CREATE TABLE ledger.data_keys (learner text COLLATE "C" PRIMARY KEY, wrapped bytea, destroyed_us bigint);
CREATE TABLE ledger.about (name text COLLATE "C" PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE ledger.accounts (
    id text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    ref text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    email text COLLATE "C",
    UNIQUE (kind, ref)
);
CREATE TABLE ledger.api_keys (
    hash bytea PRIMARY KEY,
    id text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    created_us bigint NOT NULL,
    expires_us bigint,
    last_used_us bigint
);
GRANT USAGE ON SCHEMA ledger TO ledger_application;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ledger TO ledger_application;

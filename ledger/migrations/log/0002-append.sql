-- expand
-- Many appends in one call and one commit: what `ledger.store.Store.append` promises, for a group of callers.
--
-- Callers, appends and facts come as arrays, each in order; an append says which caller's it is, and a fact which
-- append's, both counting from 1. Streams and keys that are the same have the same number, for plpgsql has no maps;
-- an append without a key has the number 0.
-- Answers: the first position of each append's facts, 0 where it had none and was taken, NULL where it was left out;
-- for each caller NULL, or the position of the reference fact that it did not know of; the position of the last fact.
--
-- The lock is advisory. LOCK TABLE would wait for vacuum and for whoever analyses the table, and asks for the right to
-- delete; and a lock that ends with the commit is what lets positions become visible in their order, without gaps.
CREATE FUNCTION ledger.append(
    caller_now bigint[], caller_catalogue bigint[],
    append_caller int[], append_stream int[], append_after bigint[], append_facts int[], append_key int[],
    streams text[], stream_is_reference bool[],
    fact_append int[], fact_nth int[], fact_stream text[], fact_topic text[], fact_state bytea[],
    key_principal text[], key_key text[],
    receipt_append int[], receipt_principal text[], receipt_key text[], receipt_hash bytea[], receipt_stream text[],
    receipt_version bigint[], receipt_position bigint[], receipt_recorded bigint[], receipt_status text[],
    OUT firsts bigint[], OUT moved bigint[], OUT head bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    newest bigint;
    recorded bigint;
    reference_head bigint;
    versions bigint[];
    taken bool[];
    left_out bool[];
    recordeds bigint[];
    any_reference bool := false;
    caller int := 0;
    blocked bool := false;
    stream int;
    facts int;
BEGIN
    PERFORM pg_advisory_xact_lock(4991233000);
    SELECT f.position, f.recorded_at INTO newest, recorded FROM ledger.facts f ORDER BY f.position DESC LIMIT 1;
    newest := coalesce(newest, 0);
    recorded := coalesce(recorded, 0);
    SELECT r.position INTO reference_head FROM ledger.reference_facts r ORDER BY r.position DESC LIMIT 1;
    reference_head := coalesce(reference_head, 0);
    head := newest;
    SELECT array_agg(coalesce((SELECT f.originator_version FROM ledger.facts f WHERE f.originator_id = s.name
                               ORDER BY f.originator_version DESC LIMIT 1), 0) ORDER BY s.nth)
        INTO versions FROM unnest(streams) WITH ORDINALITY AS s (name, nth);
    IF cardinality(key_key) > 0 THEN
        SELECT array_agg(EXISTS (SELECT FROM ledger.receipts r WHERE r.principal = k.principal AND r.key = k.key)
                         ORDER BY k.nth)
            INTO taken FROM unnest(key_principal, key_key) WITH ORDINALITY AS k (principal, key, nth);
    END IF;
    firsts := array_fill(NULL::bigint, ARRAY[cardinality(append_stream)]);
    recordeds := array_fill(0::bigint, ARRAY[cardinality(append_stream)]);
    moved := array_fill(NULL::bigint, ARRAY[cardinality(caller_now)]);
    FOR i IN 1 .. cardinality(append_stream) LOOP
        WHILE caller < append_caller[i] LOOP
            caller := caller + 1;
            blocked := reference_head > caller_catalogue[caller];
            IF blocked THEN
                moved[caller] := reference_head;
            ELSE
                recorded := greatest(recorded, caller_now[caller]);
            END IF;
            left_out := NULL;
        END LOOP;
        CONTINUE WHEN blocked;
        stream := append_stream[i];
        IF versions[stream] <> append_after[i] OR left_out[stream] OR taken[append_key[i]] THEN
            left_out[stream] := true;
            CONTINUE;
        END IF;
        facts := append_facts[i];
        IF append_key[i] > 0 THEN
            taken[append_key[i]] := true;
        END IF;
        IF facts = 0 THEN
            firsts[i] := 0;
            CONTINUE;
        END IF;
        firsts[i] := head + 1;
        recordeds[i] := recorded;
        head := head + facts;
        versions[stream] := append_after[i] + facts;
        IF stream_is_reference[stream] THEN
            reference_head := head;
            any_reference := true;
        END IF;
    END LOOP;
    IF head > newest THEN
        INSERT INTO ledger.facts (position, originator_id, originator_version, topic, state, recorded_at)
            SELECT firsts[f.append] + f.nth, f.stream, append_after[f.append] + f.nth + 1, f.topic, f.state,
                   recordeds[f.append]
            FROM unnest(fact_append, fact_nth, fact_stream, fact_topic, fact_state)
                AS f (append, nth, stream, topic, state)
            WHERE firsts[f.append] IS NOT NULL;
        IF any_reference THEN
            INSERT INTO ledger.reference_facts (position)
                SELECT firsts[f.append] + f.nth FROM unnest(fact_append, fact_nth) AS f (append, nth)
                WHERE firsts[f.append] IS NOT NULL AND stream_is_reference[append_stream[f.append]];
        END IF;
        PERFORM pg_notify('ledger', head::text);
    END IF;
    IF cardinality(receipt_append) > 0 THEN
        INSERT INTO ledger.receipts (principal, key, request_hash, stream, version, position, recorded, status)
            SELECT r.principal, r.key, r.hash, r.stream,
                CASE WHEN facts.n > 0 THEN append_after[r.append] + facts.n ELSE r.version END,
                CASE WHEN facts.n > 0 THEN firsts[r.append] + facts.n - 1 ELSE r.position END,
                CASE WHEN facts.n > 0 THEN facts.n ELSE r.recorded END, r.status
            FROM unnest(receipt_append, receipt_principal, receipt_key, receipt_hash, receipt_stream, receipt_version,
                        receipt_position, receipt_recorded, receipt_status)
                AS r (append, principal, key, hash, stream, version, position, recorded, status),
                LATERAL (SELECT append_facts[r.append] AS n) AS facts
            WHERE firsts[r.append] IS NOT NULL;
    END IF;
END
$body$;
REVOKE ALL ON FUNCTION ledger.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.append TO ledger_application;

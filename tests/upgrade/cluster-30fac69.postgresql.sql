CREATE FUNCTION public.carry_source_kinds() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO source_kinds VALUES (NEW.tenant, NEW.source, NEW.partition, NEW.kinds)
    ON CONFLICT (tenant, source, partition) DO UPDATE SET kinds = excluded.kinds;
  RETURN NULL;
END $$;
CREATE TABLE public.agents (
    tenant text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    agent text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    since_ms bigint NOT NULL,
    device text COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C"
);
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.api_keys (
    id text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    scopes text NOT NULL COLLATE pg_catalog."C",
    switches text NOT NULL COLLATE pg_catalog."C",
    label text NOT NULL COLLATE pg_catalog."C",
    created_at_ms bigint NOT NULL,
    revoked_at_ms bigint
);
CREATE TABLE public.breaches (
    call_id text NOT NULL COLLATE pg_catalog."C",
    n integer NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    rule text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL,
    limit_s double precision,
    actual_s double precision,
    agent text COLLATE pg_catalog."C",
    queue text COLLATE pg_catalog."C"
);
CREATE TABLE public.calls (
    call_id text NOT NULL COLLATE pg_catalog."C",
    key_hash bigint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    incarnation bigint NOT NULL,
    partition integer NOT NULL,
    born bigint NOT NULL,
    opened_at_ms bigint NOT NULL,
    direction text COLLATE pg_catalog."C",
    ended_at_ms bigint,
    timeline_kept integer DEFAULT 1 NOT NULL
);
CREATE TABLE public.commands (
    id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    call_id text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    no bigint NOT NULL,
    rule text NOT NULL COLLATE pg_catalog."C",
    command text NOT NULL COLLATE pg_catalog."C",
    occurrence text NOT NULL COLLATE pg_catalog."C",
    due_at_ms bigint NOT NULL,
    issued_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    state text NOT NULL COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C",
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.copies (
    partition integer NOT NULL,
    no bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    body bytea NOT NULL
);
CREATE TABLE public.dead_letters (
    partition integer NOT NULL,
    "position" bigint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    detail text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL,
    body bytea NOT NULL,
    replayed_at_ms bigint
);
CREATE TABLE public.engines (
    owner text NOT NULL COLLATE pg_catalog."C",
    beat bigint NOT NULL
);
CREATE TABLE public.event_log (
    partition integer NOT NULL,
    "position" bigint NOT NULL,
    appended_at_ms bigint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    body bytea NOT NULL
);
CREATE TABLE public.event_log_heads (
    partition integer NOT NULL,
    "position" bigint NOT NULL,
    appended_at_ms bigint NOT NULL,
    purged bigint NOT NULL
);
CREATE TABLE public.partitions (
    partition integer NOT NULL,
    epoch bigint NOT NULL,
    "position" bigint NOT NULL,
    command_no bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.records (
    call_id text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    opened_at_ms bigint NOT NULL,
    ended_at_ms bigint NOT NULL,
    outcome text NOT NULL COLLATE pg_catalog."C",
    direction text COLLATE pg_catalog."C",
    queue text COLLATE pg_catalog."C",
    agent text COLLATE pg_catalog."C",
    wait_ms bigint NOT NULL,
    queued integer NOT NULL,
    answer_ms bigint,
    talk_ms bigint NOT NULL,
    hold_ms bigint NOT NULL,
    transfers bigint NOT NULL,
    notices_owed bigint NOT NULL,
    notices_played bigint NOT NULL,
    record text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.source_kinds (
    tenant text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    kinds text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.sources (
    tenant text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    partition integer NOT NULL,
    kinds text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.switches (
    tenant text NOT NULL COLLATE pg_catalog."C",
    switch text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    declaration text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.timeline (
    partition integer NOT NULL,
    born bigint NOT NULL,
    "position" bigint NOT NULL,
    n integer NOT NULL,
    at_ms bigint NOT NULL,
    appended_at_ms bigint NOT NULL,
    sequence bigint,
    kind text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    body_hash bigint NOT NULL,
    data text NOT NULL COLLATE pg_catalog."C"
)
PARTITION BY RANGE (appended_at_ms);
CREATE TABLE public.timeline_20261129 (
    partition integer CONSTRAINT timeline_partition_not_null NOT NULL,
    born bigint CONSTRAINT timeline_born_not_null NOT NULL,
    "position" bigint CONSTRAINT timeline_position_not_null NOT NULL,
    n integer CONSTRAINT timeline_n_not_null NOT NULL,
    at_ms bigint CONSTRAINT timeline_at_ms_not_null NOT NULL,
    appended_at_ms bigint CONSTRAINT timeline_appended_at_ms_not_null NOT NULL,
    sequence bigint,
    kind text CONSTRAINT timeline_kind_not_null NOT NULL COLLATE pg_catalog."C",
    event_id text CONSTRAINT timeline_event_id_not_null NOT NULL COLLATE pg_catalog."C",
    body_hash bigint CONSTRAINT timeline_body_hash_not_null NOT NULL,
    data text CONSTRAINT timeline_data_not_null NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.timeline_20261130 (
    partition integer CONSTRAINT timeline_partition_not_null NOT NULL,
    born bigint CONSTRAINT timeline_born_not_null NOT NULL,
    "position" bigint CONSTRAINT timeline_position_not_null NOT NULL,
    n integer CONSTRAINT timeline_n_not_null NOT NULL,
    at_ms bigint CONSTRAINT timeline_at_ms_not_null NOT NULL,
    appended_at_ms bigint CONSTRAINT timeline_appended_at_ms_not_null NOT NULL,
    sequence bigint,
    kind text CONSTRAINT timeline_kind_not_null NOT NULL COLLATE pg_catalog."C",
    event_id text CONSTRAINT timeline_event_id_not_null NOT NULL COLLATE pg_catalog."C",
    body_hash bigint CONSTRAINT timeline_body_hash_not_null NOT NULL,
    data text CONSTRAINT timeline_data_not_null NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.timeline_20261201 (
    partition integer CONSTRAINT timeline_partition_not_null NOT NULL,
    born bigint CONSTRAINT timeline_born_not_null NOT NULL,
    "position" bigint CONSTRAINT timeline_position_not_null NOT NULL,
    n integer CONSTRAINT timeline_n_not_null NOT NULL,
    at_ms bigint CONSTRAINT timeline_at_ms_not_null NOT NULL,
    appended_at_ms bigint CONSTRAINT timeline_appended_at_ms_not_null NOT NULL,
    sequence bigint,
    kind text CONSTRAINT timeline_kind_not_null NOT NULL COLLATE pg_catalog."C",
    event_id text CONSTRAINT timeline_event_id_not_null NOT NULL COLLATE pg_catalog."C",
    body_hash bigint CONSTRAINT timeline_body_hash_not_null NOT NULL,
    data text CONSTRAINT timeline_data_not_null NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.timeline_20261202 (
    partition integer CONSTRAINT timeline_partition_not_null NOT NULL,
    born bigint CONSTRAINT timeline_born_not_null NOT NULL,
    "position" bigint CONSTRAINT timeline_position_not_null NOT NULL,
    n integer CONSTRAINT timeline_n_not_null NOT NULL,
    at_ms bigint CONSTRAINT timeline_at_ms_not_null NOT NULL,
    appended_at_ms bigint CONSTRAINT timeline_appended_at_ms_not_null NOT NULL,
    sequence bigint,
    kind text CONSTRAINT timeline_kind_not_null NOT NULL COLLATE pg_catalog."C",
    event_id text CONSTRAINT timeline_event_id_not_null NOT NULL COLLATE pg_catalog."C",
    body_hash bigint CONSTRAINT timeline_body_hash_not_null NOT NULL,
    data text CONSTRAINT timeline_data_not_null NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.timeline_default (
    partition integer CONSTRAINT timeline_partition_not_null NOT NULL,
    born bigint CONSTRAINT timeline_born_not_null NOT NULL,
    "position" bigint CONSTRAINT timeline_position_not_null NOT NULL,
    n integer CONSTRAINT timeline_n_not_null NOT NULL,
    at_ms bigint CONSTRAINT timeline_at_ms_not_null NOT NULL,
    appended_at_ms bigint CONSTRAINT timeline_appended_at_ms_not_null NOT NULL,
    sequence bigint,
    kind text CONSTRAINT timeline_kind_not_null NOT NULL COLLATE pg_catalog."C",
    event_id text CONSTRAINT timeline_event_id_not_null NOT NULL COLLATE pg_catalog."C",
    body_hash bigint CONSTRAINT timeline_body_hash_not_null NOT NULL,
    data text CONSTRAINT timeline_data_not_null NOT NULL COLLATE pg_catalog."C"
);
ALTER TABLE ONLY public.timeline ATTACH PARTITION public.timeline_20261129 FOR VALUES FROM ('1795910400000') TO ('1795996800000');
ALTER TABLE ONLY public.timeline ATTACH PARTITION public.timeline_20261130 FOR VALUES FROM ('1795996800000') TO ('1796083200000');
ALTER TABLE ONLY public.timeline ATTACH PARTITION public.timeline_20261201 FOR VALUES FROM ('1796083200000') TO ('1796169600000');
ALTER TABLE ONLY public.timeline ATTACH PARTITION public.timeline_20261202 FOR VALUES FROM ('1796169600000') TO ('1796256000000');
ALTER TABLE ONLY public.timeline ATTACH PARTITION public.timeline_default DEFAULT;
INSERT INTO public.agents VALUES ('grid', '/switches/one', '1001', 0, 'busy', 1772000000000, '8001', NULL);
INSERT INTO public.agents VALUES ('grid', '/switches/one', '1002', 0, 'ready', 1772000000000, NULL, 'lunch');
INSERT INTO public.alembic_version VALUES ('0005');
INSERT INTO public.api_keys VALUES ('k1', 'digest', 'grid', 'events:write', 'one', 'a label', 1772000000000, NULL);
INSERT INTO public.api_keys VALUES ('k2', 'other', 'other', 'admin', '*', '', 1772000000001, 1772000000002);
INSERT INTO public.breaches VALUES ('ended', 0, 'grid', '/switches/one', 'RING-1', 1772000012000, 12, 12.05, '1001', 'power');
INSERT INTO public.breaches VALUES ('ended', 1, 'grid', '/switches/one', 'HOLD-2', 1772000012000, NULL, 12.05, '1001', 'power');
INSERT INTO public.calls VALUES ('live', -4611686018427387902, 'grid', '/switches/one', 'subject of live', 0, 0, 2, 1772000000002, NULL, NULL, 1);
INSERT INTO public.calls VALUES ('other', 4611686018427387904, 'grid', '/switches/one', '呼叫', 0, 3, 1, 1772000000001, 'inbound', NULL, 1);
INSERT INTO public.calls VALUES ('ended', -4611686018427387903, 'grid', '/switches/one', 'subject of ended', 0, 0, 1, 1772000000001, 'inbound', 1772172800000, 1);
INSERT INTO public.commands VALUES ('open', 'grid', '/switches/one', 'live', 0, 2, 'RING-1', 'deflectCall', 'offer:0', 1772000012000, 1772000012001, 1772000020000, 'open', NULL, '{"if_state":"alerting"}');
INSERT INTO public.commands VALUES ('observed', 'grid', '/switches/one', '', 0, 3, 'RING-1', 'deflectCall', 'offer:0', 1772000012000, 1772000012001, 1772000020000, 'observed', NULL, '{"if_state":"alerting"}');
INSERT INTO public.commands VALUES ('other', 'grid', '/switches/one', 'other', 3, 1, 'RING-1', 'deflectCall', 'offer:0', 1772000012000, 1772000012001, 1772000020000, 'refused', 'busy', '{"if_state":"alerting"}');
INSERT INTO public.commands VALUES ('done', 'grid', '/switches/one', 'ended', 0, 1, 'RING-1', 'deflectCall', 'offer:0', 1772000012000, 1772000012001, 1772000020000, 'done', NULL, '{"if_state":"alerting"}');
INSERT INTO public.dead_letters VALUES (0, 9, 'grid', 'unreadable', 'no JSON', 1772000000000, '\x00ff7b', NULL);
INSERT INTO public.event_log VALUES (2, 1, 1772000000000, 'grid', '\x7b226e223a307d');
INSERT INTO public.event_log VALUES (2, 2, 1772000000000, 'grid', '\x7b226e223a317d');
INSERT INTO public.event_log VALUES (0, 1, 1772000000000, 'grid', '\x7b226e223a327d');
INSERT INTO public.event_log VALUES (1, 1, 1772000000000, 'grid', '\x7b226e223a337d');
INSERT INTO public.event_log VALUES (3, 1, 1772000000000, 'grid', '\x7b226e223a347d');
INSERT INTO public.event_log VALUES (0, 2, 1772000000000, 'grid', '\x7b226e223a357d');
INSERT INTO public.event_log VALUES (0, 3, 1772000000000, 'grid', '\x7b226e223a367d');
INSERT INTO public.event_log VALUES (0, 4, 1772000000000, 'grid', '\x7b226e223a377d');
INSERT INTO public.event_log VALUES (0, 5, 1772000000000, 'grid', '\x7b226e223a387d');
INSERT INTO public.event_log VALUES (1, 2, 1772000000000, 'grid', '\x00ff0a275c');
INSERT INTO public.event_log_heads VALUES (0, 5, 1772000000000, 0);
INSERT INTO public.event_log_heads VALUES (1, 2, 1772000000000, 0);
INSERT INTO public.event_log_heads VALUES (2, 2, 1772000000000, 0);
INSERT INTO public.event_log_heads VALUES (3, 1, 1772000000000, 0);
INSERT INTO public.partitions VALUES (0, 1, 9, 3, 'engine');
INSERT INTO public.partitions VALUES (1, 1, 4, 0, 'engine');
INSERT INTO public.partitions VALUES (2, 1, 0, 0, 'engine');
INSERT INTO public.partitions VALUES (3, 1, 5, 1, 'engine');
INSERT INTO public.records VALUES ('ended', 'grid', '/switches/one', 2, 1772000000000, 1772172800000, 'answered', 'inbound', 'power', '1001', 10000, 1, NULL, 50000, 20000, 0, 1, 1, '{"call":"ended"}');
INSERT INTO public.source_kinds VALUES ('grid', '/switches/one', 0, 'delivered offered');
INSERT INTO public.switches VALUES ('grid', 'one', '/switches/one', '{"commands":["deflectCall"]}');
INSERT INTO public.timeline_default VALUES (0, 2, 2, 0, 1772000000000, 1772000000000, NULL, 'offered', 'event-2', -9223372036854775806, '{"connection":"振铃"}');
INSERT INTO public.timeline_default VALUES (0, 2, 3, 0, 1772086400000, 1772086400000, NULL, 'offered', 'event-3', -9223372036854775805, '{"connection":"振铃"}');
INSERT INTO public.timeline_default VALUES (0, 2, 4, 0, 1772172800000, 1772172800000, NULL, 'offered', 'event-4', -9223372036854775804, '{"connection":"振铃"}');
INSERT INTO public.timeline_default VALUES (0, 1, 1, 0, 1772000000001, 1772000000004, NULL, 'offered', 'event-1', -9223372036854775807, '{"connection":"振铃"}');
INSERT INTO public.timeline_default VALUES (0, 1, 1, 1, 1772000000001, 1772000000004, 4611686018427387904, 'offered', 'event-1', -9223372036854775807, '{"connection":"振铃"}');
INSERT INTO public.timeline_default VALUES (0, 1, 6, 0, 1772000000006, 1772000000009, NULL, 'offered', 'event-6', -9223372036854775802, '{"agent":"1001","音":"嘟"}');
INSERT INTO public.timeline_default VALUES (3, 1, 1, 0, 1772000000001, 1772000000004, NULL, 'offered', 'event-1', -9223372036854775808, '{"connection":"振铃"}');
ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_pkey PRIMARY KEY (tenant, source, agent);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.breaches
    ADD CONSTRAINT breaches_pkey PRIMARY KEY (call_id, n);
ALTER TABLE ONLY public.calls
    ADD CONSTRAINT calls_pkey PRIMARY KEY (call_id);
ALTER TABLE ONLY public.commands
    ADD CONSTRAINT commands_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.copies
    ADD CONSTRAINT copies_pkey PRIMARY KEY (partition, no);
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (partition, "position");
ALTER TABLE ONLY public.engines
    ADD CONSTRAINT engines_pkey PRIMARY KEY (owner);
ALTER TABLE ONLY public.event_log_heads
    ADD CONSTRAINT event_log_heads_pkey PRIMARY KEY (partition);
ALTER TABLE ONLY public.event_log
    ADD CONSTRAINT event_log_pkey PRIMARY KEY (partition, "position");
ALTER TABLE ONLY public.partitions
    ADD CONSTRAINT partitions_pkey PRIMARY KEY (partition);
ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (tenant, call_id);
ALTER TABLE ONLY public.source_kinds
    ADD CONSTRAINT source_kinds_pkey PRIMARY KEY (tenant, source, partition);
ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (tenant, source);
ALTER TABLE ONLY public.switches
    ADD CONSTRAINT switches_pkey PRIMARY KEY (tenant, switch);
ALTER TABLE ONLY public.timeline
    ADD CONSTRAINT timeline_pkey PRIMARY KEY (partition, born, "position", n, appended_at_ms);
ALTER TABLE ONLY public.timeline_20261129
    ADD CONSTRAINT timeline_20261129_pkey PRIMARY KEY (partition, born, "position", n, appended_at_ms);
ALTER TABLE ONLY public.timeline_20261130
    ADD CONSTRAINT timeline_20261130_pkey PRIMARY KEY (partition, born, "position", n, appended_at_ms);
ALTER TABLE ONLY public.timeline_20261201
    ADD CONSTRAINT timeline_20261201_pkey PRIMARY KEY (partition, born, "position", n, appended_at_ms);
ALTER TABLE ONLY public.timeline_20261202
    ADD CONSTRAINT timeline_20261202_pkey PRIMARY KEY (partition, born, "position", n, appended_at_ms);
ALTER TABLE ONLY public.timeline_default
    ADD CONSTRAINT timeline_default_pkey PRIMARY KEY (partition, born, "position", n, appended_at_ms);
CREATE INDEX breaches_at ON public.breaches USING btree (tenant, at_ms, call_id, n);
CREATE INDEX calls_key_hash ON public.calls USING btree (key_hash);
CREATE INDEX calls_live ON public.calls USING btree (partition, born) WHERE (ended_at_ms IS NULL);
CREATE INDEX calls_opened ON public.calls USING btree (tenant, opened_at_ms, call_id);
CREATE INDEX calls_subject ON public.calls USING btree (tenant, subject);
CREATE INDEX calls_timeline_dropped ON public.calls USING btree (ended_at_ms) WHERE (timeline_kept = 0);
CREATE INDEX calls_timeline_kept ON public.calls USING btree (ended_at_ms) WHERE ((ended_at_ms IS NOT NULL) AND (timeline_kept = 1));
CREATE INDEX commands_call ON public.commands USING btree (call_id);
CREATE INDEX commands_callless ON public.commands USING btree (issued_at_ms) WHERE (call_id = ''::text);
CREATE INDEX commands_due ON public.commands USING btree (tenant, due_at_ms);
CREATE INDEX commands_no ON public.commands USING btree (partition, no);
CREATE INDEX commands_open ON public.commands USING btree (tenant, source) WHERE (state = ANY (ARRAY['open'::text, 'accepted'::text]));
CREATE INDEX dead_letters_at ON public.dead_letters USING btree (at_ms);
CREATE INDEX records_opened ON public.records USING btree (tenant, opened_at_ms);
ALTER INDEX public.timeline_pkey ATTACH PARTITION public.timeline_20261129_pkey;
ALTER INDEX public.timeline_pkey ATTACH PARTITION public.timeline_20261130_pkey;
ALTER INDEX public.timeline_pkey ATTACH PARTITION public.timeline_20261201_pkey;
ALTER INDEX public.timeline_pkey ATTACH PARTITION public.timeline_20261202_pkey;
ALTER INDEX public.timeline_pkey ATTACH PARTITION public.timeline_default_pkey;
CREATE TRIGGER carry_source_kinds AFTER INSERT OR UPDATE ON public.sources FOR EACH ROW EXECUTE FUNCTION public.carry_source_kinds();

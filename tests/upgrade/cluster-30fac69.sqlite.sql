BEGIN TRANSACTION;
CREATE TABLE agents (
	tenant TEXT NOT NULL, 
	source TEXT NOT NULL, 
	agent TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	since_ms BIGINT NOT NULL, 
	device TEXT, 
	reason TEXT, 
	PRIMARY KEY (tenant, source, agent)
)
 WITHOUT ROWID

;
INSERT INTO "agents" VALUES('grid','/switches/one','1001',0,'busy',1772000000000,'8001',NULL);
INSERT INTO "agents" VALUES('grid','/switches/one','1002',0,'ready',1772000000000,NULL,'lunch');
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE api_keys (
	id TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	switches TEXT NOT NULL, 
	label TEXT NOT NULL, 
	created_at_ms BIGINT NOT NULL, 
	revoked_at_ms BIGINT, 
	PRIMARY KEY (id)
)
 WITHOUT ROWID

;
INSERT INTO "api_keys" VALUES('k1','digest','grid','events:write','one','a label',1772000000000,NULL);
INSERT INTO "api_keys" VALUES('k2','other','other','admin','*','',1772000000001,1772000000002);
CREATE TABLE breaches (
	call_id TEXT NOT NULL, 
	n INTEGER NOT NULL, 
	tenant TEXT NOT NULL, 
	source TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	at_ms BIGINT NOT NULL, 
	limit_s FLOAT, 
	actual_s FLOAT, 
	agent TEXT, 
	queue TEXT, 
	PRIMARY KEY (call_id, n)
);
INSERT INTO "breaches" VALUES('ended',0,'grid','/switches/one','RING-1',1772000012000,12.0,12.05,'1001','power');
INSERT INTO "breaches" VALUES('ended',1,'grid','/switches/one','HOLD-2',1772000012000,NULL,12.05,'1001','power');
CREATE TABLE calls (
	call_id TEXT NOT NULL, 
	key_hash BIGINT NOT NULL, 
	tenant TEXT NOT NULL, 
	source TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	incarnation BIGINT NOT NULL, 
	partition INTEGER NOT NULL, 
	born BIGINT NOT NULL, 
	opened_at_ms BIGINT NOT NULL, 
	direction TEXT, 
	ended_at_ms BIGINT, 
	timeline_kept INTEGER DEFAULT 1 NOT NULL, 
	PRIMARY KEY (call_id)
);
INSERT INTO "calls" VALUES('live',-4611686018427387902,'grid','/switches/one','subject of live',0,0,2,1772000000002,NULL,NULL,1);
INSERT INTO "calls" VALUES('ended',-4611686018427387903,'grid','/switches/one','subject of ended',0,0,1,1772000000001,'inbound',1772172800000,1);
INSERT INTO "calls" VALUES('other',4611686018427387904,'grid','/switches/one','呼叫',0,3,1,1772000000001,'inbound',NULL,1);
CREATE TABLE commands (
	id TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	source TEXT NOT NULL, 
	call_id TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	no BIGINT NOT NULL, 
	rule TEXT NOT NULL, 
	command TEXT NOT NULL, 
	occurrence TEXT NOT NULL, 
	due_at_ms BIGINT NOT NULL, 
	issued_at_ms BIGINT NOT NULL, 
	expires_at_ms BIGINT NOT NULL, 
	state TEXT NOT NULL, 
	reason TEXT, 
	body TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "commands" VALUES('done','grid','/switches/one','ended',0,1,'RING-1','deflectCall','offer:0',1772000012000,1772000012001,1772000020000,'done',NULL,'{"if_state":"alerting"}');
INSERT INTO "commands" VALUES('open','grid','/switches/one','live',0,2,'RING-1','deflectCall','offer:0',1772000012000,1772000012001,1772000020000,'open',NULL,'{"if_state":"alerting"}');
INSERT INTO "commands" VALUES('observed','grid','/switches/one','',0,3,'RING-1','deflectCall','offer:0',1772000012000,1772000012001,1772000020000,'observed',NULL,'{"if_state":"alerting"}');
INSERT INTO "commands" VALUES('other','grid','/switches/one','other',3,1,'RING-1','deflectCall','offer:0',1772000012000,1772000012001,1772000020000,'refused','busy','{"if_state":"alerting"}');
CREATE TABLE copies (
	partition INTEGER NOT NULL, 
	no BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	id TEXT NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (partition, no)
)
 WITHOUT ROWID

;
CREATE TABLE dead_letters (
	partition INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	tenant TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	at_ms BIGINT NOT NULL, 
	body BLOB NOT NULL, replayed_at_ms BIGINT, 
	PRIMARY KEY (partition, position)
)
 WITHOUT ROWID

;
INSERT INTO "dead_letters" VALUES(0,9,'grid','unreadable','no JSON',1772000000000,X'00FF7B',NULL);
CREATE TABLE engines (
	owner TEXT NOT NULL, 
	beat BIGINT NOT NULL, 
	PRIMARY KEY (owner)
)
 WITHOUT ROWID

;
CREATE TABLE event_log (
	partition INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	appended_at_ms BIGINT NOT NULL, 
	tenant TEXT NOT NULL, 
	body BLOB NOT NULL, 
	PRIMARY KEY (partition, position)
)
 WITHOUT ROWID

;
INSERT INTO "event_log" VALUES(0,1,1772000000000,'grid',X'7B226E223A327D');
INSERT INTO "event_log" VALUES(0,2,1772000000000,'grid',X'7B226E223A357D');
INSERT INTO "event_log" VALUES(0,3,1772000000000,'grid',X'7B226E223A367D');
INSERT INTO "event_log" VALUES(0,4,1772000000000,'grid',X'7B226E223A377D');
INSERT INTO "event_log" VALUES(0,5,1772000000000,'grid',X'7B226E223A387D');
INSERT INTO "event_log" VALUES(1,1,1772000000000,'grid',X'7B226E223A337D');
INSERT INTO "event_log" VALUES(1,2,1772000000000,'grid',X'00FF0A275C');
INSERT INTO "event_log" VALUES(2,1,1772000000000,'grid',X'7B226E223A307D');
INSERT INTO "event_log" VALUES(2,2,1772000000000,'grid',X'7B226E223A317D');
INSERT INTO "event_log" VALUES(3,1,1772000000000,'grid',X'7B226E223A347D');
CREATE TABLE event_log_heads (
	partition INTEGER NOT NULL, 
	position BIGINT NOT NULL, 
	appended_at_ms BIGINT NOT NULL, 
	purged BIGINT NOT NULL, 
	PRIMARY KEY (partition)
)
 WITHOUT ROWID

;
INSERT INTO "event_log_heads" VALUES(0,5,1772000000000,0);
INSERT INTO "event_log_heads" VALUES(1,2,1772000000000,0);
INSERT INTO "event_log_heads" VALUES(2,2,1772000000000,0);
INSERT INTO "event_log_heads" VALUES(3,1,1772000000000,0);
CREATE TABLE partitions (
	partition INTEGER NOT NULL, 
	epoch BIGINT NOT NULL, 
	position BIGINT NOT NULL, 
	command_no BIGINT NOT NULL, 
	owner TEXT NOT NULL, 
	PRIMARY KEY (partition)
)
 WITHOUT ROWID

;
INSERT INTO "partitions" VALUES(0,1,9,3,'engine');
INSERT INTO "partitions" VALUES(1,1,4,0,'engine');
INSERT INTO "partitions" VALUES(2,1,0,0,'engine');
INSERT INTO "partitions" VALUES(3,1,5,1,'engine');
CREATE TABLE records (
	call_id TEXT NOT NULL, 
	tenant TEXT NOT NULL, 
	source TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	opened_at_ms BIGINT NOT NULL, 
	ended_at_ms BIGINT NOT NULL, 
	outcome TEXT NOT NULL, 
	direction TEXT, 
	queue TEXT, 
	agent TEXT, 
	wait_ms BIGINT NOT NULL, 
	queued INTEGER NOT NULL, 
	answer_ms BIGINT, 
	talk_ms BIGINT NOT NULL, 
	hold_ms BIGINT NOT NULL, 
	transfers BIGINT NOT NULL, 
	notices_owed BIGINT NOT NULL, 
	notices_played BIGINT NOT NULL, 
	record TEXT NOT NULL, 
	PRIMARY KEY (tenant, call_id)
);
INSERT INTO "records" VALUES('ended','grid','/switches/one',2,1772000000000,1772172800000,'answered','inbound','power','1001',10000,1,NULL,50000,20000,0,1,1,'{"call":"ended"}');
CREATE TABLE source_kinds (
	tenant TEXT NOT NULL, 
	source TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	kinds TEXT NOT NULL, 
	PRIMARY KEY (tenant, source, partition)
)
 WITHOUT ROWID

;
INSERT INTO "source_kinds" VALUES('grid','/switches/one',0,'delivered offered');
CREATE TABLE sources (
	tenant TEXT NOT NULL, 
	source TEXT NOT NULL, 
	partition INTEGER NOT NULL, 
	kinds TEXT NOT NULL, 
	PRIMARY KEY (tenant, source)
)
 WITHOUT ROWID

;
CREATE TABLE switches (
	tenant TEXT NOT NULL, 
	switch TEXT NOT NULL, 
	source TEXT NOT NULL, 
	declaration TEXT NOT NULL, 
	PRIMARY KEY (tenant, switch)
)
 WITHOUT ROWID

;
INSERT INTO "switches" VALUES('grid','one','/switches/one','{"commands":["deflectCall"]}');
CREATE TABLE timeline (
	partition INTEGER NOT NULL, 
	born BIGINT NOT NULL, 
	position BIGINT NOT NULL, 
	n INTEGER NOT NULL, 
	at_ms BIGINT NOT NULL, 
	appended_at_ms BIGINT NOT NULL, 
	sequence BIGINT, 
	kind TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	body_hash BIGINT NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (partition, born, position, n)
);
INSERT INTO "timeline" VALUES(0,2,2,0,1772000000000,1772000000000,NULL,'offered','event-2',-9223372036854775806,'{"connection":"振铃"}');
INSERT INTO "timeline" VALUES(0,2,3,0,1772086400000,1772086400000,NULL,'offered','event-3',-9223372036854775805,'{"connection":"振铃"}');
INSERT INTO "timeline" VALUES(0,2,4,0,1772172800000,1772172800000,NULL,'offered','event-4',-9223372036854775804,'{"connection":"振铃"}');
INSERT INTO "timeline" VALUES(0,1,1,0,1772000000001,1772000000004,NULL,'offered','event-1',-9223372036854775807,'{"connection":"振铃"}');
INSERT INTO "timeline" VALUES(0,1,1,1,1772000000001,1772000000004,4611686018427387904,'offered','event-1',-9223372036854775807,'{"connection":"振铃"}');
INSERT INTO "timeline" VALUES(0,1,6,0,1772000000006,1772000000009,NULL,'offered','event-6',-9223372036854775802,'{"agent":"1001","音":"嘟"}');
INSERT INTO "timeline" VALUES(3,1,1,0,1772000000001,1772000000004,NULL,'offered','event-1',-9223372036854775808,'{"connection":"振铃"}');
CREATE INDEX calls_key_hash ON calls (key_hash);
CREATE INDEX calls_live ON calls (partition, born) WHERE ended_at_ms IS NULL;
CREATE INDEX calls_opened ON calls (tenant, opened_at_ms, call_id);
CREATE INDEX calls_subject ON calls (tenant, subject);
CREATE INDEX calls_timeline_dropped ON calls (ended_at_ms) WHERE timeline_kept = 0;
CREATE INDEX calls_timeline_kept ON calls (ended_at_ms) WHERE ended_at_ms IS NOT NULL AND timeline_kept = 1;
CREATE INDEX records_opened ON records (tenant, opened_at_ms);
CREATE INDEX breaches_at ON breaches (tenant, at_ms, call_id, n);
CREATE INDEX commands_call ON commands (call_id);
CREATE INDEX commands_callless ON commands (issued_at_ms) WHERE call_id = '';
CREATE INDEX commands_due ON commands (tenant, due_at_ms);
CREATE INDEX commands_no ON commands (partition, no);
CREATE INDEX commands_open ON commands (tenant, source) WHERE state IN ('open', 'accepted');
CREATE INDEX dead_letters_at ON dead_letters (at_ms);
COMMIT;

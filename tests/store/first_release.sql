BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE batches (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	state TEXT NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	priority INTEGER DEFAULT '0' NOT NULL, 
	models_json TEXT NOT NULL, 
	rotate TEXT DEFAULT 'prefer' NOT NULL, 
	max_calls INTEGER, 
	calls INTEGER DEFAULT '0' NOT NULL, 
	job_json TEXT NOT NULL, 
	input TEXT NOT NULL, 
	columns_json TEXT NOT NULL, 
	first_job INTEGER NOT NULL, 
	rows INTEGER NOT NULL, 
	loaded INTEGER DEFAULT '0' NOT NULL, 
	ready INTEGER DEFAULT '0' NOT NULL, 
	waiting INTEGER DEFAULT '0' NOT NULL, 
	running INTEGER DEFAULT '0' NOT NULL, 
	succeeded INTEGER DEFAULT '0' NOT NULL, 
	failed INTEGER DEFAULT '0' NOT NULL, 
	created_at_ms INTEGER NOT NULL, 
	CONSTRAINT batches_pkey PRIMARY KEY (id), 
	CONSTRAINT batches_digest_key UNIQUE (digest), 
	CONSTRAINT batches_known_state CHECK (state IN ('loading', 'active', 'paused', 'cancelled')), 
	CONSTRAINT batches_known_rotate CHECK (rotate IN ('prefer', 'spread')), 
	CONSTRAINT batches_counts_not_negative CHECK (ready >= 0 AND waiting >= 0 AND running >= 0 AND succeeded >= 0 AND failed >= 0 AND calls >= 0), 
	CONSTRAINT batches_loaded_within_rows CHECK (loaded BETWEEN 0 AND rows), 
	CONSTRAINT batches_every_row_counted_once CHECK (ready + waiting + running + succeeded + failed = loaded)
);
INSERT INTO "batches" VALUES(1,'letters','letters:(''Qwen/Qwen3-8B'',):40','active','',0,'["Qwen/Qwen3-8B"]','prefer',NULL,64,'{"answer":{"kind":"label","labels":["a","b","c"],"max_asks":3},"job":{"model":"Qwen/Qwen3-8B","models":[],"name":"letters","priority":0,"rotate":"prefer"},"limits":{"max_attempts":6,"max_calls":null,"timeout_s":300.0},"parameters":{},"prompt":{"system":null,"user":"Which letter is {{ text }}?"}}','in.csv','["text"]',1,40,40,6,3,5,25,1,1767542430000);
INSERT INTO "batches" VALUES(2,'halfway','halfway:Qwen/Qwen3-8B','loading','',0,'["Qwen/Qwen3-8B"]','prefer',NULL,5,'{"answer":{"kind":"label","labels":["a","b","c"],"max_asks":3},"job":{"model":"Qwen/Qwen3-8B","models":[],"name":"letters","priority":0,"rotate":"prefer"},"limits":{"max_attempts":6,"max_calls":null,"timeout_s":300.0},"parameters":{},"prompt":{"system":null,"user":"Which letter is {{ text }}?"}}','in.csv','["text"]',41,8,3,0,0,0,3,0,1767542430000);
CREATE TABLE calls (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	runner_id INTEGER NOT NULL, 
	account TEXT NOT NULL, 
	model TEXT NOT NULL, 
	day TEXT NOT NULL, 
	held_json TEXT NOT NULL, 
	state TEXT NOT NULL, 
	probe INTEGER DEFAULT '0' NOT NULL, 
	rows INTEGER DEFAULT '0' NOT NULL, 
	status INTEGER, 
	why TEXT DEFAULT '' NOT NULL, 
	prompt_tokens INTEGER, 
	completion_tokens INTEGER, 
	reserved_at_ms INTEGER NOT NULL, 
	settled_at_ms INTEGER, 
	CONSTRAINT calls_pkey PRIMARY KEY (id), 
	CONSTRAINT calls_known_state CHECK (state IN ('reserved', 'unseen', 'done', 'throttled', 'spent', 'transient', 'rejected', 'unauthorised', 'gone', 'local')), 
	CONSTRAINT calls_settled_once CHECK ((state = 'reserved') = (settled_at_ms IS NULL))
);
INSERT INTO "calls" VALUES(1,1,1,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',1,1,200,'',32,1,1767542430000,1767542430421);
INSERT INTO "calls" VALUES(2,2,41,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767542430421,1767542431125);
INSERT INTO "calls" VALUES(3,2,42,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767542430421,1767542431474);
INSERT INTO "calls" VALUES(4,1,2,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,NULL,'RemoteProtocolError: peer closed connection without sending complete message body',NULL,NULL,1767542431125,1767542432075);
INSERT INTO "calls" VALUES(5,1,3,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767542431125,1767542431447);
INSERT INTO "calls" VALUES(6,2,42,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767544575346,1767544576026);
INSERT INTO "calls" VALUES(7,1,2,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,NULL,'RemoteProtocolError: peer closed connection without sending complete message body',NULL,NULL,1767546719567,1767546720077);
INSERT INTO "calls" VALUES(8,2,42,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',56,1,1767548863788,1767548864107);
INSERT INTO "calls" VALUES(9,1,2,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767550951583,1767550952777);
INSERT INTO "calls" VALUES(10,2,43,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767553039378,1767553040318);
INSERT INTO "calls" VALUES(11,1,3,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',56,1,1767555127173,1767555127746);
INSERT INTO "calls" VALUES(12,1,4,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767557214968,1767557215798);
INSERT INTO "calls" VALUES(13,1,4,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767559302763,1767559303218);
INSERT INTO "calls" VALUES(14,1,4,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',56,21,1767561390559,1767561391254);
INSERT INTO "calls" VALUES(15,1,4,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767563478354,1767563479095);
INSERT INTO "calls" VALUES(16,1,4,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',56,21,1767565566149,1767565566983);
INSERT INTO "calls" VALUES(17,1,5,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767567653944,1767567654938);
INSERT INTO "calls" VALUES(18,1,5,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',56,1,1767569741739,1767569742897);
INSERT INTO "calls" VALUES(19,1,6,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767571829534,1767571830696);
INSERT INTO "calls" VALUES(20,1,6,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767573917329,1767573918296);
INSERT INTO "calls" VALUES(21,1,7,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767576005124,1767576005474);
INSERT INTO "calls" VALUES(22,1,8,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767578092919,1767578093655);
INSERT INTO "calls" VALUES(23,1,8,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',56,21,1767580180714,1767580181565);
INSERT INTO "calls" VALUES(24,1,8,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',56,1,1767582268509,1767582269335);
INSERT INTO "calls" VALUES(25,1,9,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767584356304,1767584356834);
INSERT INTO "calls" VALUES(26,1,10,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767586444099,1767586444412);
INSERT INTO "calls" VALUES(27,1,11,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767588531894,1767588532504);
INSERT INTO "calls" VALUES(28,1,11,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767590619689,1767590620234);
INSERT INTO "calls" VALUES(29,1,12,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767592707484,1767592707805);
INSERT INTO "calls" VALUES(30,1,12,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',56,21,1767594795279,1767594796389);
INSERT INTO "calls" VALUES(31,1,12,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767596883074,1767596883392);
INSERT INTO "calls" VALUES(32,1,12,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',56,1,1767598970869,1767598971803);
INSERT INTO "calls" VALUES(33,1,13,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767601058664,1767601059682);
INSERT INTO "calls" VALUES(34,1,13,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',56,21,1767603146459,1767603147277);
INSERT INTO "calls" VALUES(35,1,13,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',56,1,1767605234254,1767605235426);
INSERT INTO "calls" VALUES(36,1,14,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767607322049,1767607323195);
INSERT INTO "calls" VALUES(37,1,15,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767609409844,1767609410935);
INSERT INTO "calls" VALUES(38,1,15,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767611497639,1767611498093);
INSERT INTO "calls" VALUES(39,1,16,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767613585434,1767613586074);
INSERT INTO "calls" VALUES(40,1,16,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767615673229,1767615673703);
INSERT INTO "calls" VALUES(41,1,16,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',56,1,1767617761024,1767617761617);
INSERT INTO "calls" VALUES(42,1,17,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767619848819,1767619849414);
INSERT INTO "calls" VALUES(43,1,18,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',32,1,1767621936614,1767621937521);
INSERT INTO "calls" VALUES(44,1,19,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',32,21,1767624024409,1767624025328);
INSERT INTO "calls" VALUES(45,1,19,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,NULL,'RemoteProtocolError: peer closed connection without sending complete message body',NULL,NULL,1767626112204,1767626112580);
INSERT INTO "calls" VALUES(46,1,20,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','spent',1,0,429,'HTTP 429, You have exceeded today''s quota, please try again tomorrow',NULL,NULL,1767626112580,1767626112880);
INSERT INTO "calls" VALUES(47,1,19,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',1,1,200,'',56,1,1767628800403,1767628801484);
INSERT INTO "calls" VALUES(48,1,20,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767628801484,1767628802280);
INSERT INTO "calls" VALUES(49,1,21,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',32,1,1767628801484,1767628802494);
INSERT INTO "calls" VALUES(50,1,22,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',32,1,1767628801484,1767628802124);
INSERT INTO "calls" VALUES(51,1,23,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',32,1,1767628801484,1767628802586);
INSERT INTO "calls" VALUES(52,1,24,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',32,1,1767628801484,1767628802493);
INSERT INTO "calls" VALUES(53,1,25,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',32,1,1767628801484,1767628801887);
INSERT INTO "calls" VALUES(54,1,26,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, We have to rate limit you for model Qwen/Qwen3-8B. Please wait a moment and try again.',NULL,NULL,1767628801484,1767628801784);
INSERT INTO "calls" VALUES(55,1,27,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, 429: We have to rate limit you for model Qwen/Qwen3-8B. Please wait a moment and try again.',NULL,NULL,1767628801484,1767628801784);
INSERT INTO "calls" VALUES(56,1,28,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, We have to rate limit you for model Qwen/Qwen3-8B. Please wait a moment and try again.',NULL,NULL,1767628801484,1767628801784);
INSERT INTO "calls" VALUES(57,1,20,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','transient',1,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767628841784,1767628842119);
INSERT INTO "calls" VALUES(58,1,26,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',1,0,200,'',32,21,1767628842119,1767628842824);
INSERT INTO "calls" VALUES(59,1,26,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','reserved',0,0,NULL,'',NULL,NULL,1767628842824,NULL);
INSERT INTO "calls" VALUES(60,1,27,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',32,1,1767628842824,1767628843613);
INSERT INTO "calls" VALUES(61,1,28,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','transient',0,0,NULL,'RemoteProtocolError: peer closed connection without sending complete message body',NULL,NULL,1767628842824,1767628843400);
INSERT INTO "calls" VALUES(62,1,29,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',32,1,1767628842824,1767628843527);
INSERT INTO "calls" VALUES(63,1,30,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,0,200,'',32,21,1767628842824,1767628843400);
INSERT INTO "calls" VALUES(64,1,20,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','reserved',0,0,NULL,'',NULL,NULL,1767628843400,NULL);
INSERT INTO "calls" VALUES(65,1,30,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767628843400,1767628843920);
INSERT INTO "calls" VALUES(66,1,31,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','transient',0,0,502,'HTTP 502, not JSON: 502 Bad Gateway 502 Bad Gateway Tengine',NULL,NULL,1767628843527,1767628843890);
INSERT INTO "calls" VALUES(67,1,32,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','reserved',0,0,NULL,'',NULL,NULL,1767628843613,NULL);
INSERT INTO "calls" VALUES(68,1,33,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','reserved',0,0,NULL,'',NULL,NULL,1767628843613,NULL);
INSERT INTO "calls" VALUES(69,1,34,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','reserved',0,0,NULL,'',NULL,NULL,1767628843890,NULL);
CREATE TABLE jobs (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	claims INTEGER DEFAULT '0' NOT NULL, 
	faults INTEGER DEFAULT '0' NOT NULL, 
	asks INTEGER DEFAULT '0' NOT NULL, 
	due_at_ms INTEGER, 
	runner_id INTEGER, 
	CONSTRAINT jobs_pkey PRIMARY KEY (id), 
	CONSTRAINT jobs_known_state CHECK (state IN ('ready', 'waiting', 'running', 'succeeded', 'failed')), 
	CONSTRAINT jobs_counts_not_negative CHECK (claims >= 0 AND faults >= 0 AND asks >= 0), 
	CONSTRAINT jobs_due_while_waiting CHECK ((state = 'waiting') = (due_at_ms IS NOT NULL)), 
	CONSTRAINT jobs_owned_while_running CHECK ((state = 'running') = (runner_id IS NOT NULL))
);
INSERT INTO "jobs" VALUES(1,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(2,1,'succeeded',3,2,0,NULL,NULL);
INSERT INTO "jobs" VALUES(3,1,'succeeded',2,0,1,NULL,NULL);
INSERT INTO "jobs" VALUES(4,1,'failed',5,2,2,NULL,NULL);
INSERT INTO "jobs" VALUES(5,1,'succeeded',2,0,1,NULL,NULL);
INSERT INTO "jobs" VALUES(6,1,'succeeded',2,1,0,NULL,NULL);
INSERT INTO "jobs" VALUES(7,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(8,1,'succeeded',3,0,2,NULL,NULL);
INSERT INTO "jobs" VALUES(9,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(10,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(11,1,'succeeded',2,1,0,NULL,NULL);
INSERT INTO "jobs" VALUES(12,1,'succeeded',4,1,2,NULL,NULL);
INSERT INTO "jobs" VALUES(13,1,'succeeded',3,0,2,NULL,NULL);
INSERT INTO "jobs" VALUES(14,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(15,1,'succeeded',2,1,0,NULL,NULL);
INSERT INTO "jobs" VALUES(16,1,'succeeded',3,1,1,NULL,NULL);
INSERT INTO "jobs" VALUES(17,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(18,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(19,1,'succeeded',3,1,1,NULL,NULL);
INSERT INTO "jobs" VALUES(20,1,'running',3,2,0,NULL,1);
INSERT INTO "jobs" VALUES(21,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(22,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(23,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(24,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(25,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(26,1,'running',2,0,1,NULL,1);
INSERT INTO "jobs" VALUES(27,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(28,1,'waiting',1,1,0,1767628844228,NULL);
INSERT INTO "jobs" VALUES(29,1,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(30,1,'waiting',2,1,1,1767628844669,NULL);
INSERT INTO "jobs" VALUES(31,1,'waiting',1,1,0,1767628845238,NULL);
INSERT INTO "jobs" VALUES(32,1,'running',1,0,0,NULL,1);
INSERT INTO "jobs" VALUES(33,1,'running',1,0,0,NULL,1);
INSERT INTO "jobs" VALUES(34,1,'running',1,0,0,NULL,1);
INSERT INTO "jobs" VALUES(35,1,'ready',0,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(36,1,'ready',0,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(37,1,'ready',0,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(38,1,'ready',0,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(39,1,'ready',0,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(40,1,'ready',0,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(41,2,'succeeded',1,0,0,NULL,NULL);
INSERT INTO "jobs" VALUES(42,2,'succeeded',3,1,1,NULL,NULL);
INSERT INTO "jobs" VALUES(43,2,'succeeded',1,0,0,NULL,NULL);
CREATE TABLE payloads (
	job_id INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT payloads_pkey PRIMARY KEY (job_id)
);
INSERT INTO "payloads" VALUES(1,'{"text":"letters 0"}');
INSERT INTO "payloads" VALUES(2,'{"text":"letters 1"}');
INSERT INTO "payloads" VALUES(3,'{"text":"letters 2"}');
INSERT INTO "payloads" VALUES(4,'{"text":"letters 3"}');
INSERT INTO "payloads" VALUES(5,'{"text":"letters 4"}');
INSERT INTO "payloads" VALUES(6,'{"text":"letters 5"}');
INSERT INTO "payloads" VALUES(7,'{"text":"letters 6"}');
INSERT INTO "payloads" VALUES(8,'{"text":"letters 7"}');
INSERT INTO "payloads" VALUES(9,'{"text":"letters 8"}');
INSERT INTO "payloads" VALUES(10,'{"text":"letters 9"}');
INSERT INTO "payloads" VALUES(11,'{"text":"letters 10"}');
INSERT INTO "payloads" VALUES(12,'{"text":"letters 11"}');
INSERT INTO "payloads" VALUES(13,'{"text":"letters 12"}');
INSERT INTO "payloads" VALUES(14,'{"text":"letters 13"}');
INSERT INTO "payloads" VALUES(15,'{"text":"letters 14"}');
INSERT INTO "payloads" VALUES(16,'{"text":"letters 15"}');
INSERT INTO "payloads" VALUES(17,'{"text":"letters 16"}');
INSERT INTO "payloads" VALUES(18,'{"text":"letters 17"}');
INSERT INTO "payloads" VALUES(19,'{"text":"letters 18"}');
INSERT INTO "payloads" VALUES(20,'{"text":"letters 19"}');
INSERT INTO "payloads" VALUES(21,'{"text":"letters 20"}');
INSERT INTO "payloads" VALUES(22,'{"text":"letters 21"}');
INSERT INTO "payloads" VALUES(23,'{"text":"letters 22"}');
INSERT INTO "payloads" VALUES(24,'{"text":"letters 23"}');
INSERT INTO "payloads" VALUES(25,'{"text":"letters 24"}');
INSERT INTO "payloads" VALUES(26,'{"text":"letters 25"}');
INSERT INTO "payloads" VALUES(27,'{"text":"letters 26"}');
INSERT INTO "payloads" VALUES(28,'{"text":"letters 27"}');
INSERT INTO "payloads" VALUES(29,'{"text":"letters 28"}');
INSERT INTO "payloads" VALUES(30,'{"text":"letters 29"}');
INSERT INTO "payloads" VALUES(31,'{"text":"letters 30"}');
INSERT INTO "payloads" VALUES(32,'{"text":"letters 31"}');
INSERT INTO "payloads" VALUES(33,'{"text":"letters 32"}');
INSERT INTO "payloads" VALUES(34,'{"text":"letters 33"}');
INSERT INTO "payloads" VALUES(35,'{"text":"letters 34"}');
INSERT INTO "payloads" VALUES(36,'{"text":"letters 35"}');
INSERT INTO "payloads" VALUES(37,'{"text":"letters 36"}');
INSERT INTO "payloads" VALUES(38,'{"text":"letters 37"}');
INSERT INTO "payloads" VALUES(39,'{"text":"letters 38"}');
INSERT INTO "payloads" VALUES(40,'{"text":"letters 39"}');
INSERT INTO "payloads" VALUES(41,'{"text":"halfway 0"}');
INSERT INTO "payloads" VALUES(42,'{"text":"halfway 1"}');
INSERT INTO "payloads" VALUES(43,'{"text":"halfway 2"}');
CREATE TABLE results (
	job_id INTEGER NOT NULL, 
	call_id INTEGER, 
	answer TEXT, 
	reply TEXT, 
	error TEXT, 
	recorded_at_ms INTEGER NOT NULL, 
	CONSTRAINT results_pkey PRIMARY KEY (job_id), 
	CONSTRAINT results_answer_or_error CHECK ((answer IS NULL) = (error IS NOT NULL))
);
INSERT INTO "results" VALUES(1,1,'b',NULL,NULL,1767542430421);
INSERT INTO "results" VALUES(2,9,'a',NULL,NULL,1767550952777);
INSERT INTO "results" VALUES(3,11,'a',NULL,NULL,1767555127746);
INSERT INTO "results" VALUES(4,16,NULL,'That depends on how one looks at it; there is something to be said on either side.','no valid answer in 3 asked: the reply is not one of the labels: "That depends on how one looks at it; there is something to be said on either sid…"',1767565566983);
INSERT INTO "results" VALUES(5,18,'a',NULL,NULL,1767569742897);
INSERT INTO "results" VALUES(6,20,'c',NULL,NULL,1767573918296);
INSERT INTO "results" VALUES(7,21,'b',NULL,NULL,1767576005474);
INSERT INTO "results" VALUES(8,24,'b',NULL,NULL,1767582269335);
INSERT INTO "results" VALUES(9,25,'c',NULL,NULL,1767584356834);
INSERT INTO "results" VALUES(10,26,'b',NULL,NULL,1767586444412);
INSERT INTO "results" VALUES(11,28,'a',NULL,NULL,1767590620234);
INSERT INTO "results" VALUES(12,32,'b',NULL,NULL,1767598971803);
INSERT INTO "results" VALUES(13,35,'b',NULL,NULL,1767605235426);
INSERT INTO "results" VALUES(14,36,'a',NULL,NULL,1767607323195);
INSERT INTO "results" VALUES(15,38,'b',NULL,NULL,1767611498093);
INSERT INTO "results" VALUES(16,41,'b',NULL,NULL,1767617761617);
INSERT INTO "results" VALUES(17,42,'a',NULL,NULL,1767619849414);
INSERT INTO "results" VALUES(18,43,'b',NULL,NULL,1767621937521);
INSERT INTO "results" VALUES(19,47,'a',NULL,NULL,1767628801484);
INSERT INTO "results" VALUES(21,49,'a',NULL,NULL,1767628802494);
INSERT INTO "results" VALUES(22,50,'c',NULL,NULL,1767628802124);
INSERT INTO "results" VALUES(23,51,'c',NULL,NULL,1767628802586);
INSERT INTO "results" VALUES(24,52,'a',NULL,NULL,1767628802493);
INSERT INTO "results" VALUES(25,53,'c',NULL,NULL,1767628801887);
INSERT INTO "results" VALUES(27,60,'c',NULL,NULL,1767628843613);
INSERT INTO "results" VALUES(29,62,'c',NULL,NULL,1767628843527);
INSERT INTO "results" VALUES(41,2,'c',NULL,NULL,1767542431125);
INSERT INTO "results" VALUES(42,8,'c',NULL,NULL,1767548864107);
INSERT INTO "results" VALUES(43,10,'a',NULL,NULL,1767553040318);
CREATE TABLE runners (
	id INTEGER NOT NULL, 
	pid INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	started_at_ms INTEGER NOT NULL, 
	ended_at_ms INTEGER, 
	CONSTRAINT runners_pkey PRIMARY KEY (id)
);
INSERT INTO "runners" VALUES(1,4711,'laptop',1767542430000,NULL);
CREATE TABLE windows (
	account TEXT NOT NULL, 
	model TEXT NOT NULL, 
	quota TEXT NOT NULL, 
	day TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	period TEXT NOT NULL, 
	is_primary INTEGER NOT NULL, 
	is_latest INTEGER DEFAULT '1' NOT NULL, 
	starts_at_ms INTEGER NOT NULL, 
	resets_at_ms INTEGER NOT NULL, 
	"limit" INTEGER, 
	limit_source TEXT NOT NULL, 
	limit_learned_at_ms INTEGER, 
	reserve INTEGER NOT NULL, 
	spent INTEGER NOT NULL, 
	reserved INTEGER NOT NULL, 
	carried INTEGER NOT NULL, 
	started_at_ms INTEGER, 
	counted_at_ms INTEGER NOT NULL, 
	recent_json TEXT DEFAULT '[]' NOT NULL, 
	doubts_json TEXT DEFAULT '[]' NOT NULL, 
	opens_at_ms INTEGER NOT NULL, 
	probe INTEGER NOT NULL, 
	probing INTEGER NOT NULL, 
	cause TEXT NOT NULL, 
	refusals INTEGER NOT NULL, 
	faults INTEGER NOT NULL, 
	answered INTEGER NOT NULL, 
	why TEXT NOT NULL, 
	CONSTRAINT windows_pkey PRIMARY KEY (account, model, quota, day), 
	CONSTRAINT windows_known_unit CHECK (unit IN ('calls', 'tokens', 'credits')), 
	CONSTRAINT windows_known_limit_source CHECK (limit_source IN ('preset', 'configured', 'refusal', 'header', 'balance')), 
	CONSTRAINT windows_known_cause CHECK (cause IN ('', 'reset', 'spent', 'throttled', 'ambiguous', 'offline', 'gone', 'faulty', 'early')), 
	CONSTRAINT windows_counts_not_negative CHECK (reserve >= 0 AND spent >= 0 AND reserved >= 0 AND carried >= 0 AND refusals >= 0 AND faults >= 0), 
	CONSTRAINT windows_has_length CHECK (starts_at_ms < resets_at_ms), 
	CONSTRAINT windows_only_a_probe_is_probing CHECK (probing <= probe)
);
INSERT INTO "windows" VALUES('mine','','calls_per_day','2026-01-05','calls','day of Asia/Shanghai',1,0,1767542400000,1767628800000,45,'header',1767626112880,0,45,0,0,1767626112580,1767542430000,'[]','[]',1767628800000,1,0,'spent',1,0,1,'HTTP 429, You have exceeded today''s quota, please try again tomorrow');
INSERT INTO "windows" VALUES('mine','','credits','','credits','grant',0,1,1767542430000,253370764800000,NULL,'preset',NULL,0,0,5000,0,1767628843890,1767542430000,'[]','[]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','Qwen/Qwen3-8B','calls_per_day_per_model','2026-01-05','calls','day of Asia/Shanghai',1,0,1767542400000,1767628800000,NULL,'preset',NULL,0,45,0,0,1767626112580,1767542430000,'[]','[]',0,0,0,'',0,1,1,'');
INSERT INTO "windows" VALUES('mine','','calls_per_day','2026-01-06','calls','day of Asia/Shanghai',1,1,1767628800000,1767715200000,45,'header',1767628843613,0,16,5,45,1767628843890,1767628800403,'[]','[[1767628843000,1],[1767628844000,3]]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','Qwen/Qwen3-8B','calls_per_day_per_model','2026-01-06','calls','day of Asia/Shanghai',1,1,1767628800000,1767715200000,NULL,'preset',NULL,0,15,5,45,1767628843890,1767628800403,'[]','[]',0,0,0,'',0,2,1,'');
CREATE INDEX jobs_running ON jobs (runner_id) WHERE state = 'running';
CREATE INDEX jobs_ready ON jobs (id) WHERE state = 'ready';
CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'failed';
CREATE INDEX jobs_waiting ON jobs (due_at_ms) WHERE state = 'waiting';
CREATE INDEX calls_reserved ON calls (runner_id) WHERE state = 'reserved';
CREATE INDEX calls_day ON calls (day);
CREATE UNIQUE INDEX windows_latest ON windows (account, model, quota) WHERE is_latest = 1;
CREATE INDEX runners_unended ON runners (id) WHERE ended_at_ms IS NULL;
COMMIT;

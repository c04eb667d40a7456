BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE asks (
	job_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	call_id INTEGER NOT NULL, 
	reply TEXT NOT NULL, 
	why TEXT NOT NULL, 
	CONSTRAINT asks_pkey PRIMARY KEY (job_id, number)
);
INSERT INTO "asks" VALUES(28,1,19,'That depends on how one looks at it; there is something to be said on either side.','the reply is not one of the labels: "That depends on how one looks at it; there is something to be said on either sid…"');
INSERT INTO "asks" VALUES(51,1,29,'That depends on how one looks at it; there is something to be said on either side.','the reply is not one of the labels: "That depends on how one looks at it; there is something to be said on either sid…"');
INSERT INTO "asks" VALUES(49,1,27,'That depends on how one looks at it; there is something to be said on either side.','the reply is not one of the labels: "That depends on how one looks at it; there is something to be said on either sid…"');
INSERT INTO "asks" VALUES(32,1,48,'That depends on how one looks at it; there is something to be said on either side.','the reply is not one of the labels: "That depends on how one looks at it; there is something to be said on either sid…"');
CREATE TABLE balances (
	account TEXT NOT NULL, 
	at_ms INTEGER NOT NULL, 
	until_ms INTEGER NOT NULL, 
	available INTEGER NOT NULL, 
	frozen INTEGER NOT NULL, 
	charged INTEGER NOT NULL, 
	counted INTEGER NOT NULL, 
	CONSTRAINT balances_pkey PRIMARY KEY (account, at_ms), 
	CONSTRAINT balances_counts_not_negative CHECK (available >= 0 AND frozen >= 0 AND charged >= 0 AND counted >= 0), 
	CONSTRAINT balances_seen_in_order CHECK (at_ms <= until_ms)
);
INSERT INTO "balances" VALUES('mine',1767571200000,1767571200000,18000,0,0,0);
INSERT INTO "balances" VALUES('mine',1767572100000,1767572100000,6000,0,18000,0);
INSERT INTO "balances" VALUES('mine',1767573000000,1767628500000,0,0,6000,0);
INSERT INTO "balances" VALUES('mine',1767628800000,1767628800000,18000,0,0,0);
INSERT INTO "balances" VALUES('mine',1767629700000,1767629700000,2000,0,18000,0);
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
	part_of INTEGER, 
	part TEXT DEFAULT '' NOT NULL, 
	first_job INTEGER NOT NULL, 
	first_payload INTEGER NOT NULL, 
	stride INTEGER DEFAULT '1' NOT NULL, 
	pack INTEGER DEFAULT '1' NOT NULL, 
	pack_bytes INTEGER, 
	reuse INTEGER DEFAULT '0' NOT NULL, 
	rows INTEGER NOT NULL, 
	loaded INTEGER DEFAULT '0' NOT NULL, 
	ready INTEGER DEFAULT '0' NOT NULL, 
	waiting INTEGER DEFAULT '0' NOT NULL, 
	running INTEGER DEFAULT '0' NOT NULL, 
	succeeded INTEGER DEFAULT '0' NOT NULL, 
	failed INTEGER DEFAULT '0' NOT NULL, 
	pending INTEGER DEFAULT '0' NOT NULL, 
	following INTEGER DEFAULT '0' NOT NULL, 
	reused INTEGER DEFAULT '0' NOT NULL, 
	rejected INTEGER DEFAULT '0' NOT NULL, 
	created_at_ms INTEGER NOT NULL, 
	CONSTRAINT batches_pkey PRIMARY KEY (id), 
	CONSTRAINT batches_digest_key UNIQUE (digest), 
	CONSTRAINT batches_known_state CHECK (state IN ('loading', 'active', 'paused', 'cancelled')), 
	CONSTRAINT batches_known_rotate CHECK (rotate IN ('prefer', 'spread')), 
	CONSTRAINT batches_counts_not_negative CHECK (ready >= 0 AND waiting >= 0 AND running >= 0 AND succeeded >= 0 AND failed >= 0 AND pending >= 0 AND following >= 0 AND reused >= 0 AND rejected >= 0 AND calls >= 0), 
	CONSTRAINT batches_steps_forward CHECK (pack >= 1 AND stride >= 1), 
	CONSTRAINT batches_part_is_named CHECK ((part_of IS NULL) = (part = '')), 
	CONSTRAINT batches_loaded_within_rows CHECK (loaded BETWEEN 0 AND rows), 
	CONSTRAINT batches_every_row_counted_once CHECK (ready + waiting + running + succeeded + failed + pending + following = loaded)
);
INSERT INTO "batches" VALUES(1,'letters','f4f32da8a37357e009a8d889cbe5dae947c19322837ffd9fe9ce936044e0096d','active','',0,'["Qwen/Qwen3-8B"]','prefer',NULL,35,'{"answer":{"integer":false,"kind":"label","labels":["a","b","c"],"max":null,"max_asks":3,"min":null,"pattern":null,"schema":null,"synonyms":{}},"images":{"folder":null,"longest_side":null,"max_bytes":20000000},"job":{"check":0.2,"gold":null,"kind":"chat","model":null,"models":["Qwen/Qwen3-8B","Qwen/Qwen3-32B"],"name":"letters","pack":3,"pack_tokens":4000,"priority":0,"reuse":false,"rotate":"prefer","votes":2},"limits":{"max_attempts":6,"max_calls":null,"timeout_s":300.0},"parameters":{},"prompt":{"conversation":null,"examples":[],"image":null,"images":[],"system":null,"turns":[],"user":"Which letter is {{ text }}?"}}','letters.csv','["text"]',NULL,'',1,1,1,3,NULL,0,24,24,8,0,0,14,0,0,2,5,0,1767571200000);
INSERT INTO "batches" VALUES(2,'letters, vote 2','f4f32da8a37357e009a8d889cbe5dae947c19322837ffd9fe9ce936044e0096d/vote 2','active','',0,'["Qwen/Qwen3-32B"]','prefer',NULL,23,'{"answer":{"integer":false,"kind":"label","labels":["a","b","c"],"max":null,"max_asks":3,"min":null,"pattern":null,"schema":null,"synonyms":{}},"images":{"folder":null,"longest_side":null,"max_bytes":20000000},"job":{"check":0.2,"gold":null,"kind":"chat","model":null,"models":["Qwen/Qwen3-8B","Qwen/Qwen3-32B"],"name":"letters","pack":3,"pack_tokens":4000,"priority":0,"reuse":false,"rotate":"prefer","votes":2},"limits":{"max_attempts":6,"max_calls":null,"timeout_s":300.0},"parameters":{},"prompt":{"conversation":null,"examples":[],"image":null,"images":[],"system":null,"turns":[],"user":"Which letter is {{ text }}?"}}','letters.csv','["text"]',1,'vote 2',25,1,1,3,NULL,0,24,24,4,0,1,19,0,0,0,7,0,1767571200000);
INSERT INTO "batches" VALUES(3,'letters, check','f4f32da8a37357e009a8d889cbe5dae947c19322837ffd9fe9ce936044e0096d/check','active','',0,'["Qwen/Qwen3-8B"]','prefer',NULL,6,'{"answer":{"integer":false,"kind":"label","labels":["a","b","c"],"max":null,"max_asks":3,"min":null,"pattern":null,"schema":null,"synonyms":{}},"images":{"folder":null,"longest_side":null,"max_bytes":20000000},"job":{"check":0.2,"gold":null,"kind":"chat","model":null,"models":["Qwen/Qwen3-8B","Qwen/Qwen3-32B"],"name":"letters","pack":3,"pack_tokens":4000,"priority":0,"reuse":false,"rotate":"prefer","votes":2},"limits":{"max_attempts":6,"max_calls":null,"timeout_s":300.0},"parameters":{},"prompt":{"conversation":null,"examples":[],"image":null,"images":[],"system":null,"turns":[],"user":"Which letter is {{ text }}?"}}','letters.csv','["text"]',1,'check',49,1,5,1,NULL,0,5,5,3,1,0,1,0,0,0,0,0,1767571200000);
INSERT INTO "batches" VALUES(4,'cards','5ec20626cb2f3bb8775bb8db86340c6742e2c971a315c3485c6cbe9c850a68aa','active','',0,'["Qwen/Qwen-Image"]','prefer',NULL,6,'{"answer":{"integer":false,"kind":"text","labels":[],"max":null,"max_asks":3,"min":null,"pattern":null,"schema":null,"synonyms":{}},"images":{"folder":"pictures","longest_side":null,"max_bytes":20000000},"job":{"check":0.0,"gold":null,"kind":"image","model":"Qwen/Qwen-Image","models":[],"name":"cards","pack":null,"pack_tokens":4000,"priority":0,"reuse":false,"rotate":"prefer","votes":1},"limits":{"max_attempts":6,"max_calls":null,"timeout_s":300.0},"parameters":{},"prompt":{"conversation":null,"examples":[],"image":null,"images":[],"system":null,"turns":[],"user":"{{ text }}"}}','cards.csv','["text"]',NULL,'',54,54,1,1,NULL,0,4,4,0,0,0,3,0,1,0,0,0,1767571200000);
INSERT INTO "batches" VALUES(5,'stopped','250b8b422e12ee56a5c6d8a9a31d0ebb3cdd90c4ea619a9e5efdb00391396df5','paused','the provider does not serve this model: HTTP 429, 429: insufficient balance (1008); this model is no longer served: choose another in the job file',0,'["gone/model"]','prefer',NULL,1,'{"answer":{"integer":false,"kind":"text","labels":[],"max":null,"max_asks":3,"min":null,"pattern":null,"schema":null,"synonyms":{}},"images":{"folder":null,"longest_side":null,"max_bytes":20000000},"job":{"check":0.0,"gold":null,"kind":"chat","model":"gone/model","models":[],"name":"stopped","pack":null,"pack_tokens":4000,"priority":0,"reuse":false,"rotate":"prefer","votes":1},"limits":{"max_attempts":6,"max_calls":null,"timeout_s":300.0},"parameters":{},"prompt":{"conversation":null,"examples":[],"image":null,"images":[],"system":null,"turns":[],"user":"{{ text }}"}}','stopped.csv','["text"]',NULL,'',58,58,1,1,NULL,0,2,2,2,0,0,0,0,0,0,0,0,1767571200000);
INSERT INTO "batches" VALUES(6,'again','d5b86294cdba3402c03ba40ca15f8ce137ca3cae7079f727e5ff748a9c9fdbe9','active','',0,'["Qwen/Qwen3-8B"]','prefer',400,5,'{"answer":{"integer":false,"kind":"label","labels":["a","b","c"],"max":null,"max_asks":1,"min":null,"pattern":null,"schema":null,"synonyms":{}},"images":{"folder":null,"longest_side":null,"max_bytes":20000000},"job":{"check":0.0,"gold":null,"kind":"chat","model":null,"models":["Qwen/Qwen3-8B"],"name":"again","pack":null,"pack_tokens":4000,"priority":0,"reuse":true,"rotate":"prefer","votes":1},"limits":{"max_attempts":1,"max_calls":400,"timeout_s":300.0},"parameters":{},"prompt":{"conversation":null,"examples":[],"image":null,"images":[],"system":null,"turns":[],"user":"Which letter is {{ text }}?"}}','again.csv','["text"]',NULL,'',60,60,1,1,NULL,1,40,40,17,0,0,19,4,0,0,16,0,1767571200000);
INSERT INTO "batches" VALUES(7,'halfway','a11192378ae4b524518535f949afa4c85858a59e5a1575a13f59a49e25bd3d28','loading','',0,'["Qwen/Qwen3-8B"]','prefer',400,4,'{"answer":{"integer":false,"kind":"label","labels":["a","b","c"],"max":null,"max_asks":1,"min":null,"pattern":null,"schema":null,"synonyms":{}},"images":{"folder":null,"longest_side":null,"max_bytes":20000000},"job":{"check":0.0,"gold":null,"kind":"chat","model":null,"models":["Qwen/Qwen3-8B"],"name":"halfway","pack":null,"pack_tokens":4000,"priority":0,"reuse":true,"rotate":"prefer","votes":1},"limits":{"max_attempts":1,"max_calls":400,"timeout_s":300.0},"parameters":{},"prompt":{"conversation":null,"examples":[],"image":null,"images":[],"system":null,"turns":[],"user":"What letter is {{ text }}?"}}','halfway.csv','["text"]',NULL,'',100,100,1,1,NULL,1,8,3,0,0,0,2,1,0,0,0,0,1767571200000);
CREATE TABLE calls (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	jobs INTEGER DEFAULT '1' NOT NULL, 
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
INSERT INTO "calls" VALUES(1,1,3,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',1,3,200,'',115,8,1767571200000,1767571225670);
INSERT INTO "calls" VALUES(2,2,3,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',1,0,500,'HTTP 500, internal_error: The model server failed to process the request, please try again later.',NULL,NULL,1767571225670,1767571262719);
INSERT INTO "calls" VALUES(3,3,1,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,NULL,'RemoteProtocolError: peer closed connection without sending complete message body',NULL,NULL,1767571225670,1767571261905);
INSERT INTO "calls" VALUES(4,3,1,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,500,'HTTP 500, internal_error: The model server failed to process the request, please try again later.',NULL,NULL,1767571225670,1767571249480);
INSERT INTO "calls" VALUES(5,4,1,1,'mine','Qwen/Qwen-Image','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',1,0,NULL,'no reply within 300 s',NULL,NULL,1767571225670,1767571525670);
INSERT INTO "calls" VALUES(6,5,1,1,'mine','gone/model','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','gone',1,0,429,'HTTP 429, 429: insufficient balance (1008)',NULL,NULL,1767571225670,1767571227670);
INSERT INTO "calls" VALUES(7,6,1,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',31,1,1767571249480,1767571288812);
INSERT INTO "calls" VALUES(8,7,1,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','throttled',0,0,429,'HTTP 429, insufficient_quota: You exceeded your current quota, please check your plan and billing details',NULL,NULL,1767571261905,1767571263905);
INSERT INTO "calls" VALUES(9,2,3,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',1,0,200,'',115,21,1767571262719,1767571298682);
INSERT INTO "calls" VALUES(10,2,3,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',115,21,1767571298682,1767571303157);
INSERT INTO "calls" VALUES(11,2,3,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',115,21,1767571298682,1767571313522);
INSERT INTO "calls" VALUES(12,2,3,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',115,26,1767571303157,1767571323443);
INSERT INTO "calls" VALUES(13,2,3,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,2,200,'',115,28,1767571303157,1767571333649);
INSERT INTO "calls" VALUES(14,2,2,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','transient',0,0,500,'HTTP 500, internal_error: The model server failed to process the request, please try again later.',NULL,NULL,1767571313522,1767571337506);
INSERT INTO "calls" VALUES(15,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',31,1,1767571323443,1767571332911);
INSERT INTO "calls" VALUES(16,1,3,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',1,2,200,'',115,28,1767571323905,1767571339387);
INSERT INTO "calls" VALUES(17,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',31,1,1767571332911,1767571365206);
INSERT INTO "calls" VALUES(18,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',31,1,1767571332911,1767571347859);
INSERT INTO "calls" VALUES(19,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,0,200,'',31,21,1767571333649,1767571356365);
INSERT INTO "calls" VALUES(20,4,1,1,'mine','Qwen/Qwen-Image','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',1,1,200,'',NULL,NULL,1767572100000,1767572107657);
INSERT INTO "calls" VALUES(21,6,1,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',31,1,1767572100000,1767572139495);
INSERT INTO "calls" VALUES(22,7,1,1,'mine','Qwen/Qwen3-8B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',31,1,1767572100000,1767572133400);
INSERT INTO "calls" VALUES(23,2,2,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',104,26,1767572100000,1767572103243);
INSERT INTO "calls" VALUES(24,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',114,1,1767572100000,1767572138093);
INSERT INTO "calls" VALUES(25,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-05','{"calls_per_day":["2026-01-05",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-05",1]}','done',0,1,200,'',31,1,1767572100000,1767572107671);
INSERT INTO "calls" VALUES(26,1,3,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',1,1,200,'',115,48,1767628800714,1767628835100);
INSERT INTO "calls" VALUES(27,3,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,0,200,'',31,21,1767628835100,1767628855304);
INSERT INTO "calls" VALUES(28,3,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',31,1,1767628835100,1767628874659);
INSERT INTO "calls" VALUES(29,3,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,0,200,'',31,21,1767628835100,1767628840487);
INSERT INTO "calls" VALUES(30,4,1,1,'mine','Qwen/Qwen-Image','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',1,1,200,'',NULL,NULL,1767628835100,1767628866969);
INSERT INTO "calls" VALUES(31,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',1,1,200,'',31,1,1767628835100,1767628850910);
INSERT INTO "calls" VALUES(32,6,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',31,21,1767628840487,1767628868741);
INSERT INTO "calls" VALUES(33,7,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',31,1,1767628840487,1767628842927);
INSERT INTO "calls" VALUES(34,1,3,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,3,200,'',115,8,1767628842927,1767628875961);
INSERT INTO "calls" VALUES(35,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',31,1,1767628850910,1767628880948);
INSERT INTO "calls" VALUES(36,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, We have to rate limit you for model Qwen/Qwen3-32B. Please wait a moment and try again.',NULL,NULL,1767628850910,1767628852910);
INSERT INTO "calls" VALUES(37,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, We have to rate limit you for model Qwen/Qwen3-32B. Please wait a moment and try again.',NULL,NULL,1767628850910,1767628852910);
INSERT INTO "calls" VALUES(38,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, 429: We have to rate limit you for model Qwen/Qwen3-32B. Please wait a moment and try again.',NULL,NULL,1767628850910,1767628852910);
INSERT INTO "calls" VALUES(39,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, 429: We have to rate limit you for model Qwen/Qwen3-32B. Please wait a moment and try again.',NULL,NULL,1767628850910,1767628852910);
INSERT INTO "calls" VALUES(40,6,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','transient',0,1,500,'HTTP 500, internal_error: The model server failed to process the request, please try again later.',NULL,NULL,1767628855304,1767628884680);
INSERT INTO "calls" VALUES(41,4,1,1,'mine','Qwen/Qwen-Image','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',NULL,NULL,1767628866969,1767628877292);
INSERT INTO "calls" VALUES(42,4,1,1,'mine','Qwen/Qwen-Image','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, We have to rate limit you for model Qwen/Qwen-Image. Please wait a moment and try again.',NULL,NULL,1767628866969,1767628868969);
INSERT INTO "calls" VALUES(43,7,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','transient',0,1,500,'HTTP 500, internal_error: The model server failed to process the request, please try again later.',NULL,NULL,1767628868741,1767628878088);
INSERT INTO "calls" VALUES(44,1,3,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','throttled',0,0,429,'HTTP 429, insufficient_quota: You exceeded your current quota, please check your plan and billing details',NULL,NULL,1767628874659,1767628876659);
INSERT INTO "calls" VALUES(45,1,2,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,0,200,'',104,21,1767628874659,1767628887243);
INSERT INTO "calls" VALUES(46,6,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',31,1,1767628875961,1767628879331);
INSERT INTO "calls" VALUES(47,4,1,1,'mine','Qwen/Qwen-Image','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',1,0,200,'',NULL,NULL,1767628877292,1767628901366);
INSERT INTO "calls" VALUES(48,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',1,0,200,'',31,21,1767628892910,1767628919317);
INSERT INTO "calls" VALUES(49,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','done',0,1,200,'',114,1,1767628919317,1767628957692);
INSERT INTO "calls" VALUES(50,3,1,1,'mine','Qwen/Qwen3-8B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','transient',1,0,NULL,'RemoteProtocolError: peer closed connection without sending complete message body',NULL,NULL,1767629700000,1767629702036);
INSERT INTO "calls" VALUES(51,2,1,1,'mine','Qwen/Qwen3-32B','2026-01-06','{"calls_per_day":["2026-01-06",1],"credits":["",1000],"calls_per_day_per_model":["2026-01-06",1]}','reserved',0,0,NULL,'',NULL,NULL,1767629700000,NULL);
CREATE TABLE jobs (
	id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	claims INTEGER DEFAULT '0' NOT NULL, 
	faults INTEGER DEFAULT '0' NOT NULL, 
	asks INTEGER DEFAULT '0' NOT NULL, 
	halvings INTEGER DEFAULT '0' NOT NULL, 
	due_at_ms INTEGER, 
	runner_id INTEGER, 
	leader_id INTEGER, 
	CONSTRAINT jobs_pkey PRIMARY KEY (id), 
	CONSTRAINT jobs_known_state CHECK (state IN ('ready', 'waiting', 'running', 'pending', 'following', 'succeeded', 'failed')), 
	CONSTRAINT jobs_counts_not_negative CHECK (claims >= 0 AND faults >= 0 AND asks >= 0 AND halvings >= 0), 
	CONSTRAINT jobs_due_while_waiting CHECK ((state = 'waiting') = (due_at_ms IS NOT NULL)), 
	CONSTRAINT jobs_owned_while_running CHECK ((state = 'running') = (runner_id IS NOT NULL)), 
	CONSTRAINT jobs_follows_somebody CHECK (state <> 'following' OR leader_id IS NOT NULL)
);
INSERT INTO "jobs" VALUES(1,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(2,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(3,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(4,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(5,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(6,1,'ready',1,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(7,1,'ready',1,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(8,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(9,1,'ready',1,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(10,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(11,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(12,1,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(13,1,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(14,1,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(15,1,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(16,1,'ready',1,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(17,1,'ready',1,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(18,1,'succeeded',0,0,0,0,NULL,NULL,1);
INSERT INTO "jobs" VALUES(19,1,'succeeded',0,0,0,0,NULL,NULL,2);
INSERT INTO "jobs" VALUES(20,1,'succeeded',0,0,0,0,NULL,NULL,3);
INSERT INTO "jobs" VALUES(21,1,'succeeded',0,0,0,0,NULL,NULL,4);
INSERT INTO "jobs" VALUES(22,1,'succeeded',0,0,0,0,NULL,NULL,5);
INSERT INTO "jobs" VALUES(23,1,'following',0,0,0,0,NULL,NULL,6);
INSERT INTO "jobs" VALUES(24,1,'following',0,0,0,0,NULL,NULL,7);
INSERT INTO "jobs" VALUES(25,2,'succeeded',3,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(26,2,'succeeded',3,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(27,2,'succeeded',3,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(28,2,'succeeded',3,0,1,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(29,2,'succeeded',2,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(30,2,'succeeded',2,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(31,2,'succeeded',2,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(32,2,'succeeded',3,0,1,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(33,2,'running',2,0,0,1,NULL,1,NULL);
INSERT INTO "jobs" VALUES(34,2,'ready',1,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(35,2,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(36,2,'ready',1,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(37,2,'ready',1,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(38,2,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(39,2,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(40,2,'ready',2,0,0,1,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(41,2,'succeeded',2,1,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(42,2,'succeeded',0,0,0,0,NULL,NULL,25);
INSERT INTO "jobs" VALUES(43,2,'succeeded',0,0,0,0,NULL,NULL,26);
INSERT INTO "jobs" VALUES(44,2,'succeeded',0,0,0,0,NULL,NULL,27);
INSERT INTO "jobs" VALUES(45,2,'succeeded',0,0,0,0,NULL,NULL,28);
INSERT INTO "jobs" VALUES(46,2,'succeeded',0,0,0,0,NULL,NULL,29);
INSERT INTO "jobs" VALUES(47,2,'succeeded',0,0,0,0,NULL,NULL,30);
INSERT INTO "jobs" VALUES(48,2,'succeeded',0,0,0,0,NULL,NULL,31);
INSERT INTO "jobs" VALUES(49,3,'waiting',3,2,1,0,1767629704763,NULL,NULL);
INSERT INTO "jobs" VALUES(50,3,'succeeded',2,1,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(51,3,'ready',1,0,1,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(52,3,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(53,3,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(54,4,'succeeded',2,1,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(55,4,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(56,4,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(57,4,'pending',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(58,5,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(59,5,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(60,6,'succeeded',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(61,6,'succeeded',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(62,6,'succeeded',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(63,6,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(64,6,'succeeded',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(65,6,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(66,6,'failed',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(67,6,'succeeded',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(68,6,'failed',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(69,6,'succeeded',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(70,6,'succeeded',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(71,6,'succeeded',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(72,6,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(73,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(74,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(75,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(76,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(77,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(78,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(79,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(80,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(81,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(82,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(83,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(84,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(85,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(86,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(87,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(88,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(89,6,'ready',0,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(90,6,'succeeded',0,0,0,0,NULL,NULL,60);
INSERT INTO "jobs" VALUES(91,6,'succeeded',0,0,0,0,NULL,NULL,61);
INSERT INTO "jobs" VALUES(92,6,'succeeded',0,0,0,0,NULL,NULL,62);
INSERT INTO "jobs" VALUES(93,6,'succeeded',0,0,0,0,NULL,NULL,63);
INSERT INTO "jobs" VALUES(94,6,'succeeded',0,0,0,0,NULL,NULL,64);
INSERT INTO "jobs" VALUES(95,6,'succeeded',0,0,0,0,NULL,NULL,65);
INSERT INTO "jobs" VALUES(96,6,'failed',0,0,0,0,NULL,NULL,66);
INSERT INTO "jobs" VALUES(97,6,'succeeded',0,0,0,0,NULL,NULL,67);
INSERT INTO "jobs" VALUES(98,6,'failed',0,0,0,0,NULL,NULL,68);
INSERT INTO "jobs" VALUES(99,6,'succeeded',0,0,0,0,NULL,NULL,69);
INSERT INTO "jobs" VALUES(100,7,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(101,7,'succeeded',1,0,0,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(102,7,'failed',1,0,0,0,NULL,NULL,NULL);
CREATE TABLE payloads (
	id INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT payloads_pkey PRIMARY KEY (id)
);
INSERT INTO "payloads" VALUES(1,'{"text":"row 0"}');
INSERT INTO "payloads" VALUES(2,'{"text":"row 1"}');
INSERT INTO "payloads" VALUES(3,'{"text":"row 2"}');
INSERT INTO "payloads" VALUES(4,'{"text":"row 3"}');
INSERT INTO "payloads" VALUES(5,'{"text":"row 4"}');
INSERT INTO "payloads" VALUES(6,'{"text":"row 5"}');
INSERT INTO "payloads" VALUES(7,'{"text":"row 6"}');
INSERT INTO "payloads" VALUES(8,'{"text":"row 7"}');
INSERT INTO "payloads" VALUES(9,'{"text":"row 8"}');
INSERT INTO "payloads" VALUES(10,'{"text":"row 9"}');
INSERT INTO "payloads" VALUES(11,'{"text":"row 10"}');
INSERT INTO "payloads" VALUES(12,'{"text":"row 11"}');
INSERT INTO "payloads" VALUES(13,'{"text":"row 12"}');
INSERT INTO "payloads" VALUES(14,'{"text":"row 13"}');
INSERT INTO "payloads" VALUES(15,'{"text":"row 14"}');
INSERT INTO "payloads" VALUES(16,'{"text":"row 15"}');
INSERT INTO "payloads" VALUES(17,'{"text":"row 16"}');
INSERT INTO "payloads" VALUES(18,'{"text":"row 0"}');
INSERT INTO "payloads" VALUES(19,'{"text":"row 1"}');
INSERT INTO "payloads" VALUES(20,'{"text":"row 2"}');
INSERT INTO "payloads" VALUES(21,'{"text":"row 3"}');
INSERT INTO "payloads" VALUES(22,'{"text":"row 4"}');
INSERT INTO "payloads" VALUES(23,'{"text":"row 5"}');
INSERT INTO "payloads" VALUES(24,'{"text":"row 6"}');
INSERT INTO "payloads" VALUES(54,'{"text":"sun"}');
INSERT INTO "payloads" VALUES(55,'{"text":"moon"}');
INSERT INTO "payloads" VALUES(56,'{"text":"star"}');
INSERT INTO "payloads" VALUES(57,'{"text":"sea"}');
INSERT INTO "payloads" VALUES(58,'{"text":"x"}');
INSERT INTO "payloads" VALUES(59,'{"text":"y"}');
INSERT INTO "payloads" VALUES(60,'{"text":"row 0"}');
INSERT INTO "payloads" VALUES(61,'{"text":"row 1"}');
INSERT INTO "payloads" VALUES(62,'{"text":"row 2"}');
INSERT INTO "payloads" VALUES(63,'{"text":"row 3"}');
INSERT INTO "payloads" VALUES(64,'{"text":"row 4"}');
INSERT INTO "payloads" VALUES(65,'{"text":"row 5"}');
INSERT INTO "payloads" VALUES(66,'{"text":"row 6"}');
INSERT INTO "payloads" VALUES(67,'{"text":"row 7"}');
INSERT INTO "payloads" VALUES(68,'{"text":"row 8"}');
INSERT INTO "payloads" VALUES(69,'{"text":"row 9"}');
INSERT INTO "payloads" VALUES(70,'{"text":"row 10"}');
INSERT INTO "payloads" VALUES(71,'{"text":"row 11"}');
INSERT INTO "payloads" VALUES(72,'{"text":"row 12"}');
INSERT INTO "payloads" VALUES(73,'{"text":"row 13"}');
INSERT INTO "payloads" VALUES(74,'{"text":"row 14"}');
INSERT INTO "payloads" VALUES(75,'{"text":"row 15"}');
INSERT INTO "payloads" VALUES(76,'{"text":"row 16"}');
INSERT INTO "payloads" VALUES(77,'{"text":"row 17"}');
INSERT INTO "payloads" VALUES(78,'{"text":"row 18"}');
INSERT INTO "payloads" VALUES(79,'{"text":"row 19"}');
INSERT INTO "payloads" VALUES(80,'{"text":"row 20"}');
INSERT INTO "payloads" VALUES(81,'{"text":"row 21"}');
INSERT INTO "payloads" VALUES(82,'{"text":"row 22"}');
INSERT INTO "payloads" VALUES(83,'{"text":"row 23"}');
INSERT INTO "payloads" VALUES(84,'{"text":"row 24"}');
INSERT INTO "payloads" VALUES(85,'{"text":"row 25"}');
INSERT INTO "payloads" VALUES(86,'{"text":"row 26"}');
INSERT INTO "payloads" VALUES(87,'{"text":"row 27"}');
INSERT INTO "payloads" VALUES(88,'{"text":"row 28"}');
INSERT INTO "payloads" VALUES(89,'{"text":"row 29"}');
INSERT INTO "payloads" VALUES(90,'{"text":"row 0"}');
INSERT INTO "payloads" VALUES(91,'{"text":"row 1"}');
INSERT INTO "payloads" VALUES(92,'{"text":"row 2"}');
INSERT INTO "payloads" VALUES(93,'{"text":"row 3"}');
INSERT INTO "payloads" VALUES(94,'{"text":"row 4"}');
INSERT INTO "payloads" VALUES(95,'{"text":"row 5"}');
INSERT INTO "payloads" VALUES(96,'{"text":"row 6"}');
INSERT INTO "payloads" VALUES(97,'{"text":"row 7"}');
INSERT INTO "payloads" VALUES(98,'{"text":"row 8"}');
INSERT INTO "payloads" VALUES(99,'{"text":"row 9"}');
INSERT INTO "payloads" VALUES(100,'{"text":"part 0"}');
INSERT INTO "payloads" VALUES(101,'{"text":"part 1"}');
INSERT INTO "payloads" VALUES(102,'{"text":"part 2"}');
CREATE TABLE requests (
	job_id INTEGER NOT NULL, 
	fingerprint BLOB NOT NULL, 
	CONSTRAINT requests_pkey PRIMARY KEY (job_id)
);
INSERT INTO "requests" VALUES(1,X'0E4F08364F9DA4FB01A0FF864644AA14');
INSERT INTO "requests" VALUES(2,X'FF54C36576A68C88D6965AA609CE69E5');
INSERT INTO "requests" VALUES(3,X'463098A364D3037DDCD93440A54E4CF7');
INSERT INTO "requests" VALUES(4,X'BBA94FB56A25EF7C59472F07038F1BF0');
INSERT INTO "requests" VALUES(5,X'F1406AC87EAECA39DEC42F9DA3B17BFE');
INSERT INTO "requests" VALUES(6,X'E17AD735D46FA6BEED018A333B3DADE9');
INSERT INTO "requests" VALUES(7,X'F4E6C9A8B765FDDCF9C62080337AD336');
INSERT INTO "requests" VALUES(8,X'18575041133CEB7FD9028361564A3339');
INSERT INTO "requests" VALUES(9,X'A28E625C362813503D46252875C13DA3');
INSERT INTO "requests" VALUES(10,X'DAC09D797EBC23464853501BB22B0A46');
INSERT INTO "requests" VALUES(11,X'0CB952C17E7EFD14477B03CC8007069E');
INSERT INTO "requests" VALUES(12,X'530A4CC5EF1095A4E1DE2A349A95476D');
INSERT INTO "requests" VALUES(13,X'81088F03676EA433A1B6961D55505F51');
INSERT INTO "requests" VALUES(14,X'199BD1D560B2C3340F0D1605E2C7CF91');
INSERT INTO "requests" VALUES(15,X'8D07D6D4097279F8ECE68DF686B34452');
INSERT INTO "requests" VALUES(16,X'26A69773A478590D60780D89BF9CE806');
INSERT INTO "requests" VALUES(17,X'19D6781D149D97D0EF49E387F5F2FAFB');
INSERT INTO "requests" VALUES(25,X'DE6B3747F7A8B2B6E7F6D8AE0ED1B7C2');
INSERT INTO "requests" VALUES(26,X'0A9C9C1BBF406659A042FC0393283F20');
INSERT INTO "requests" VALUES(27,X'23AB9726EB057E559A2BEF0F413812B5');
INSERT INTO "requests" VALUES(28,X'FF8303D6F97FA9FD09CA3AEE37F622BB');
INSERT INTO "requests" VALUES(29,X'88108EC4700F1000DBBA8245C5F7EBE8');
INSERT INTO "requests" VALUES(30,X'AA794F0DBAE2F8E62B3C8E88CEE562CB');
INSERT INTO "requests" VALUES(31,X'AC38EE717E4A90B373625FE2B4F7BA76');
INSERT INTO "requests" VALUES(32,X'4D9A9AB06CDEFED03D9A664E6D3D6023');
INSERT INTO "requests" VALUES(33,X'4B68EC240337EDCFE9EA63128C44782B');
INSERT INTO "requests" VALUES(34,X'2DB7878CD7299CC12C53A2237B5934BD');
INSERT INTO "requests" VALUES(35,X'0F50D0672EEEA64710958CBADB55EAEB');
INSERT INTO "requests" VALUES(36,X'5E49AB8FAEFED3D7E1575D0992CBEB0D');
INSERT INTO "requests" VALUES(37,X'BC5D91C811DA37FE2DF58C9840E3DDC2');
INSERT INTO "requests" VALUES(38,X'A2862AB16659582634330B24EF21F63A');
INSERT INTO "requests" VALUES(39,X'3D3BB214E85739A38B094FEC21953D0C');
INSERT INTO "requests" VALUES(40,X'7A39DF16683A54F6AA94DA584591DCD8');
INSERT INTO "requests" VALUES(41,X'13C671341297B54C7853435F99F8D319');
INSERT INTO "requests" VALUES(49,X'29BE1DFEEF686731B7E1FDBB6FC6E31F');
INSERT INTO "requests" VALUES(50,X'AFA5E261C4481ED5B47D219403A89507');
INSERT INTO "requests" VALUES(51,X'2DD5F627E5C95D9B670CF278AFF4D427');
INSERT INTO "requests" VALUES(52,X'FD49EF91EA5B0A4F3750F9B8348DA7C4');
INSERT INTO "requests" VALUES(53,X'8C6FD6CA1437CE833F0BB709FEFA4D8A');
INSERT INTO "requests" VALUES(54,X'78B804A079F64F9F766E2BEED5D4938D');
INSERT INTO "requests" VALUES(55,X'BE39AB6DB6E238E1B46CDABD298B76F4');
INSERT INTO "requests" VALUES(56,X'60615248D790CA697D5FF82509A171A4');
INSERT INTO "requests" VALUES(57,X'C302BE217711FDE1824B0FBD5EC988C1');
INSERT INTO "requests" VALUES(58,X'709A313D1E432499EFF22FCC03AA09A2');
INSERT INTO "requests" VALUES(59,X'606D34122B739962138BDB83B2782664');
INSERT INTO "requests" VALUES(60,X'0E4F08364F9DA4FB01A0FF864644AA14');
INSERT INTO "requests" VALUES(61,X'FF54C36576A68C88D6965AA609CE69E5');
INSERT INTO "requests" VALUES(62,X'463098A364D3037DDCD93440A54E4CF7');
INSERT INTO "requests" VALUES(63,X'BBA94FB56A25EF7C59472F07038F1BF0');
INSERT INTO "requests" VALUES(64,X'F1406AC87EAECA39DEC42F9DA3B17BFE');
INSERT INTO "requests" VALUES(65,X'E17AD735D46FA6BEED018A333B3DADE9');
INSERT INTO "requests" VALUES(66,X'F4E6C9A8B765FDDCF9C62080337AD336');
INSERT INTO "requests" VALUES(67,X'18575041133CEB7FD9028361564A3339');
INSERT INTO "requests" VALUES(68,X'A28E625C362813503D46252875C13DA3');
INSERT INTO "requests" VALUES(69,X'DAC09D797EBC23464853501BB22B0A46');
INSERT INTO "requests" VALUES(70,X'0CB952C17E7EFD14477B03CC8007069E');
INSERT INTO "requests" VALUES(71,X'530A4CC5EF1095A4E1DE2A349A95476D');
INSERT INTO "requests" VALUES(72,X'81088F03676EA433A1B6961D55505F51');
INSERT INTO "requests" VALUES(73,X'199BD1D560B2C3340F0D1605E2C7CF91');
INSERT INTO "requests" VALUES(74,X'8D07D6D4097279F8ECE68DF686B34452');
INSERT INTO "requests" VALUES(75,X'26A69773A478590D60780D89BF9CE806');
INSERT INTO "requests" VALUES(76,X'19D6781D149D97D0EF49E387F5F2FAFB');
INSERT INTO "requests" VALUES(77,X'EF82140160234786B236F4D8C7A876CA');
INSERT INTO "requests" VALUES(78,X'E6B552A5BB4C09F22932AAC7D3084A6C');
INSERT INTO "requests" VALUES(79,X'6E92599B5AC91BC3FC740F9ED7DC1A49');
INSERT INTO "requests" VALUES(80,X'C4B9E464E86ECEF5DD10D14C04E68240');
INSERT INTO "requests" VALUES(81,X'7354885A176C4AC1C7FD055BA4CB4666');
INSERT INTO "requests" VALUES(82,X'E49510108D5ECEB7802AC41B933E63A0');
INSERT INTO "requests" VALUES(83,X'6D9EF0B6B83FD3F343975D3F381952E2');
INSERT INTO "requests" VALUES(84,X'99FDECF070433B0B7CAB3CA184C26FB4');
INSERT INTO "requests" VALUES(85,X'D6A08F0C96356F45221A3A2B2B2D41B9');
INSERT INTO "requests" VALUES(86,X'B07C90F2222128FDA5968920CCA9C597');
INSERT INTO "requests" VALUES(87,X'7614E41E97C20532FB78591635C211CB');
INSERT INTO "requests" VALUES(88,X'4F1889C3FA06C8C0D90A2A676DD3DCCA');
INSERT INTO "requests" VALUES(89,X'85B68E2C8BF4E546F466AE337BFA5BDE');
INSERT INTO "requests" VALUES(100,X'5BBD74378FEDAFAF823C232E4DF7C4AB');
INSERT INTO "requests" VALUES(101,X'36C1B17B10A9D34EA5C9752D44AF9263');
INSERT INTO "requests" VALUES(102,X'D1AF4C4A59FAC736013FE5316D3D56F0');
CREATE TABLE results (
	job_id INTEGER NOT NULL, 
	call_id INTEGER, 
	reused INTEGER DEFAULT '0' NOT NULL, 
	answer TEXT, 
	reply TEXT, 
	error TEXT, 
	recorded_at_ms INTEGER NOT NULL, 
	CONSTRAINT results_pkey PRIMARY KEY (job_id), 
	CONSTRAINT results_answer_or_error CHECK ((answer IS NULL) = (error IS NOT NULL))
);
INSERT INTO "results" VALUES(1,1,0,'c',NULL,NULL,1767571225670);
INSERT INTO "results" VALUES(2,1,0,'a',NULL,NULL,1767571225670);
INSERT INTO "results" VALUES(3,1,0,'a',NULL,NULL,1767571225670);
INSERT INTO "results" VALUES(4,16,0,'b',NULL,NULL,1767571339387);
INSERT INTO "results" VALUES(5,16,0,'b',NULL,NULL,1767571339387);
INSERT INTO "results" VALUES(8,26,0,'c',NULL,NULL,1767628835100);
INSERT INTO "results" VALUES(10,34,0,'b',NULL,NULL,1767628875961);
INSERT INTO "results" VALUES(11,34,0,'b',NULL,NULL,1767628875961);
INSERT INTO "results" VALUES(12,34,0,'b',NULL,NULL,1767628875961);
INSERT INTO "results" VALUES(18,1,1,'c',NULL,NULL,1767571225670);
INSERT INTO "results" VALUES(19,1,1,'a',NULL,NULL,1767571225670);
INSERT INTO "results" VALUES(20,1,1,'a',NULL,NULL,1767571225670);
INSERT INTO "results" VALUES(21,16,1,'b',NULL,NULL,1767571339387);
INSERT INTO "results" VALUES(22,16,1,'b',NULL,NULL,1767571339387);
INSERT INTO "results" VALUES(25,15,0,'c',NULL,NULL,1767571332911);
INSERT INTO "results" VALUES(26,17,0,'a',NULL,NULL,1767571365206);
INSERT INTO "results" VALUES(27,18,0,'a',NULL,NULL,1767571347859);
INSERT INTO "results" VALUES(28,24,0,'b',NULL,NULL,1767572138093);
INSERT INTO "results" VALUES(29,25,0,'b',NULL,NULL,1767572107671);
INSERT INTO "results" VALUES(30,31,0,'b',NULL,NULL,1767628850910);
INSERT INTO "results" VALUES(31,35,0,'c',NULL,NULL,1767628880948);
INSERT INTO "results" VALUES(32,49,0,'c',NULL,NULL,1767628957692);
INSERT INTO "results" VALUES(35,12,0,'b',NULL,NULL,1767571323443);
INSERT INTO "results" VALUES(38,13,0,'b',NULL,NULL,1767571333649);
INSERT INTO "results" VALUES(39,13,0,'b',NULL,NULL,1767571333649);
INSERT INTO "results" VALUES(41,23,0,'c',NULL,NULL,1767572103243);
INSERT INTO "results" VALUES(42,15,1,'c',NULL,NULL,1767571332911);
INSERT INTO "results" VALUES(43,17,1,'a',NULL,NULL,1767571365206);
INSERT INTO "results" VALUES(44,18,1,'a',NULL,NULL,1767571347859);
INSERT INTO "results" VALUES(45,24,1,'b',NULL,NULL,1767572138093);
INSERT INTO "results" VALUES(46,25,1,'b',NULL,NULL,1767572107671);
INSERT INTO "results" VALUES(47,31,1,'b',NULL,NULL,1767628850910);
INSERT INTO "results" VALUES(48,35,1,'c',NULL,NULL,1767628880948);
INSERT INTO "results" VALUES(50,28,0,'b',NULL,NULL,1767628874659);
INSERT INTO "results" VALUES(54,20,0,'pictures/4-0001.png',NULL,NULL,1767572245495);
INSERT INTO "results" VALUES(55,30,0,'pictures/4-0002.png',NULL,NULL,1767628992282);
INSERT INTO "results" VALUES(56,41,0,'pictures/4-0003.png',NULL,NULL,1767629234801);
INSERT INTO "results" VALUES(60,1,1,'c',NULL,NULL,1767571249480);
INSERT INTO "results" VALUES(61,1,1,'a',NULL,NULL,1767571249480);
INSERT INTO "results" VALUES(62,1,1,'a',NULL,NULL,1767571249480);
INSERT INTO "results" VALUES(63,7,0,'b',NULL,NULL,1767571288812);
INSERT INTO "results" VALUES(64,16,1,'b',NULL,NULL,1767572100000);
INSERT INTO "results" VALUES(65,21,0,'b',NULL,NULL,1767572139495);
INSERT INTO "results" VALUES(66,32,0,NULL,'That depends on how one looks at it; there is something to be said on either side.','no valid answer in 1 asked: the reply is not one of the labels: "That depends on how one looks at it; there is something to be said on either sid…"',1767628868741);
INSERT INTO "results" VALUES(67,26,1,'c',NULL,NULL,1767628840487);
INSERT INTO "results" VALUES(68,40,0,NULL,NULL,'HTTP 500, internal_error: The model server failed to process the request, please try again later. (tried 1 times)',1767628884680);
INSERT INTO "results" VALUES(69,34,1,'b',NULL,NULL,1767628875961);
INSERT INTO "results" VALUES(70,34,1,'b',NULL,NULL,1767628875961);
INSERT INTO "results" VALUES(71,34,1,'b',NULL,NULL,1767628875961);
INSERT INTO "results" VALUES(72,46,0,'c',NULL,NULL,1767628879331);
INSERT INTO "results" VALUES(90,1,1,'c',NULL,NULL,1767571249480);
INSERT INTO "results" VALUES(91,1,1,'a',NULL,NULL,1767571249480);
INSERT INTO "results" VALUES(92,1,1,'a',NULL,NULL,1767571249480);
INSERT INTO "results" VALUES(93,7,1,'b',NULL,NULL,1767571288812);
INSERT INTO "results" VALUES(94,16,1,'b',NULL,NULL,1767572100000);
INSERT INTO "results" VALUES(95,21,1,'b',NULL,NULL,1767572139495);
INSERT INTO "results" VALUES(96,32,1,NULL,'That depends on how one looks at it; there is something to be said on either side.','no valid answer in 1 asked: the reply is not one of the labels: "That depends on how one looks at it; there is something to be said on either sid…"',1767628868741);
INSERT INTO "results" VALUES(97,26,1,'c',NULL,NULL,1767628840487);
INSERT INTO "results" VALUES(98,40,1,NULL,NULL,'HTTP 500, internal_error: The model server failed to process the request, please try again later. (tried 1 times)',1767628884680);
INSERT INTO "results" VALUES(99,34,1,'b',NULL,NULL,1767628875961);
INSERT INTO "results" VALUES(100,22,0,'b',NULL,NULL,1767572133400);
INSERT INTO "results" VALUES(101,33,0,'c',NULL,NULL,1767628842927);
INSERT INTO "results" VALUES(102,43,0,NULL,NULL,'HTTP 500, internal_error: The model server failed to process the request, please try again later. (tried 1 times)',1767628878088);
CREATE TABLE runners (
	id INTEGER NOT NULL, 
	pid INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	started_at_ms INTEGER NOT NULL, 
	ended_at_ms INTEGER, 
	CONSTRAINT runners_pkey PRIMARY KEY (id)
);
INSERT INTO "runners" VALUES(1,4711,'here',1767571200000,NULL);
CREATE TABLE tasks (
	job_id INTEGER NOT NULL, 
	batch_id INTEGER NOT NULL, 
	call_id INTEGER NOT NULL, 
	account TEXT NOT NULL, 
	task_id TEXT NOT NULL, 
	since_ms INTEGER NOT NULL, 
	due_at_ms INTEGER NOT NULL, 
	CONSTRAINT tasks_pkey PRIMARY KEY (job_id)
);
INSERT INTO "tasks" VALUES(57,4,47,'mine','79b291c437492b34493cb1c72f2f9878',1767628901366,1767629714738);
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
	CONSTRAINT windows_known_cause CHECK (cause IN ('', 'reset', 'spent', 'throttled', 'ambiguous', 'offline', 'gone', 'faulty', 'early', 'refused')), 
	CONSTRAINT windows_counts_not_negative CHECK (reserve >= 0 AND spent >= 0 AND reserved >= 0 AND carried >= 0 AND refusals >= 0 AND faults >= 0), 
	CONSTRAINT windows_has_length CHECK (starts_at_ms < resets_at_ms), 
	CONSTRAINT windows_only_a_probe_is_probing CHECK (probing <= probe)
);
INSERT INTO "windows" VALUES('mine','','credits','','credits','grant',0,1,1767571200000,253370764800000,2000,'balance',1767629700000,0,1000,1000,0,1767629700000,1767571200000,'[]','[]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','','calls_per_day','2026-01-05','calls','day of Asia/Shanghai',1,0,1767542400000,1767628800000,NULL,'preset',NULL,0,24,0,0,1767572100000,1767571200000,'[]','[]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','Qwen/Qwen3-8B','calls_per_day_per_model','2026-01-05','calls','day of Asia/Shanghai',1,0,1767542400000,1767628800000,NULL,'preset',NULL,0,7,0,0,1767572100000,1767571200000,'[]','[]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','Qwen/Qwen3-32B','calls_per_day_per_model','2026-01-05','calls','day of Asia/Shanghai',1,0,1767542400000,1767628800000,NULL,'preset',NULL,0,14,0,0,1767572100000,1767571225670,'[]','[]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','Qwen/Qwen-Image','calls_per_day_per_model','2026-01-05','calls','day of Asia/Shanghai',1,0,1767542400000,1767628800000,NULL,'preset',NULL,0,2,0,0,1767572100000,1767571225670,'[]','[]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','gone/model','calls_per_day_per_model','2026-01-05','calls','day of Asia/Shanghai',1,1,1767542400000,1767628800000,NULL,'preset',NULL,0,1,0,0,1767571225670,1767571225670,'[]','[]',1767571827670,1,0,'gone',1,0,0,'HTTP 429, 429: insufficient balance (1008)');
INSERT INTO "windows" VALUES('mine','','calls_per_day','2026-01-06','calls','day of Asia/Shanghai',1,1,1767628800000,1767715200000,NULL,'preset',NULL,0,19,1,24,1767629700000,1767628800714,'[]','[]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','Qwen/Qwen3-8B','calls_per_day_per_model','2026-01-06','calls','day of Asia/Shanghai',1,1,1767628800000,1767715200000,NULL,'preset',NULL,0,12,0,7,1767629700000,1767628800714,'[]','[]',1767628936659,1,0,'throttled',1,1,1,'HTTP 429, insufficient_quota: You exceeded your current quota, please check your plan and billing details');
INSERT INTO "windows" VALUES('mine','Qwen/Qwen-Image','calls_per_day_per_model','2026-01-06','calls','day of Asia/Shanghai',1,1,1767628800000,1767715200000,NULL,'preset',NULL,0,3,0,2,1767628877292,1767628835100,'[]','[]',0,0,0,'',0,0,1,'');
INSERT INTO "windows" VALUES('mine','Qwen/Qwen3-32B','calls_per_day_per_model','2026-01-06','calls','day of Asia/Shanghai',1,1,1767628800000,1767715200000,NULL,'preset',NULL,0,4,1,14,1767629700000,1767628835100,'[]','[]',0,0,0,'',0,0,1,'');
CREATE INDEX batches_parts ON batches (part_of) WHERE part_of IS NOT NULL;
CREATE INDEX jobs_followers ON jobs (leader_id) WHERE leader_id IS NOT NULL;
CREATE INDEX jobs_waiting ON jobs (due_at_ms) WHERE state = 'waiting';
CREATE INDEX jobs_ready ON jobs (halvings, id) WHERE state = 'ready';
CREATE INDEX jobs_failed ON jobs (id) WHERE state = 'failed';
CREATE INDEX jobs_running ON jobs (runner_id) WHERE state = 'running';
CREATE INDEX requests_fingerprint ON requests (fingerprint);
CREATE INDEX tasks_due ON tasks (due_at_ms);
CREATE INDEX calls_day ON calls (day);
CREATE INDEX calls_reserved ON calls (runner_id) WHERE state = 'reserved';
CREATE UNIQUE INDEX windows_latest ON windows (account, model, quota) WHERE is_latest = 1;
CREATE INDEX runners_unended ON runners (id) WHERE ended_at_ms IS NULL;
COMMIT;
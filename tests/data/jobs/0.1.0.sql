-- The engine's database of 0.1.0, half-way through a bootstrap: both conductors
-- were killed while upgrade-persistence-schema was under way.
BEGIN TRANSACTION;
CREATE TABLE amphv2_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT amphv2_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "amphv2_alembic_version" VALUES('0002');
CREATE TABLE atomdetails (
	created_at DATETIME, 
	updated_at DATETIME, 
	meta TEXT, 
	parent_uuid VARCHAR(64), 
	name VARCHAR(255), 
	version VARCHAR(64), 
	state VARCHAR(255), 
	uuid VARCHAR(64) NOT NULL, 
	failure TEXT, 
	results TEXT, 
	revert_results TEXT, 
	revert_failure TEXT, 
	atom_type VARCHAR(12), 
	intention VARCHAR(7), 
	PRIMARY KEY (uuid), 
	FOREIGN KEY(parent_uuid) REFERENCES flowdetails (uuid) ON DELETE CASCADE, 
	UNIQUE (uuid)
);
INSERT INTO "atomdetails" VALUES('2026-11-22 03:23:54.456073','2026-11-22 03:23:55.307500','{"progress": 0.0}','6f916e05-f63a-5ce8-ba5e-4440c694070f','check-prerequisites','1.0','SUCCESS','82a7db77-870b-42a4-8a64-a84c3d0dad38',NULL,'{"outcome": "unchanged", "summary": "octavia 19.0.0; taskflow 6.5.0; MariaDB 10.11.19 on 127.0.0.1:3306; redis answers", "warnings": [], "made": []}',NULL,NULL,'TASK_DETAIL','EXECUTE');
INSERT INTO "atomdetails" VALUES('2026-11-22 03:23:54.456091','2026-11-22 03:23:55.405634','{"progress": 0.0}','6f916e05-f63a-5ce8-ba5e-4440c694070f','ensure-key-value-backend','1.0','SUCCESS','7a2a2c3b-06d0-427f-836a-9422a883c956',NULL,'{"outcome": "unchanged", "summary": "redis answers, takes writes and is fit for jobs", "warnings": [], "made": []}',NULL,NULL,'TASK_DETAIL','EXECUTE');
INSERT INTO "atomdetails" VALUES('2026-11-22 03:23:54.456094','2026-11-22 03:23:55.444753','{"progress": 0.0}','6f916e05-f63a-5ce8-ba5e-4440c694070f','ensure-database','1.0','SUCCESS','33e7b9dd-d96b-4f00-b2b0-2fe03c7ce432',NULL,'{"outcome": "changed", "summary": "created the database octavia_persistence", "warnings": [], "made": ["database:octavia_persistence"]}',NULL,NULL,'TASK_DETAIL','EXECUTE');
INSERT INTO "atomdetails" VALUES('2026-11-22 03:23:54.456096','2026-11-22 03:23:55.542724','{"progress": 0.0}','6f916e05-f63a-5ce8-ba5e-4440c694070f','ensure-database-accounts','1.0','SUCCESS','1c6c80c6-473f-40cf-9c4a-b462b0c1ed7c',NULL,'{"outcome": "changed", "summary": "octavia may use octavia_persistence from localhost, %", "warnings": [], "made": ["account:octavia@localhost", "grant:octavia@localhost", "account:octavia@%", "grant:octavia@%"]}',NULL,NULL,'TASK_DETAIL','EXECUTE');
INSERT INTO "atomdetails" VALUES('2026-11-22 03:23:54.456102','2026-11-22 03:23:55.557164','{}','6f916e05-f63a-5ce8-ba5e-4440c694070f','upgrade-persistence-schema','1.0','RUNNING','7d397b0d-a28d-461a-9424-8fdcc452c8f1',NULL,NULL,NULL,NULL,'TASK_DETAIL','EXECUTE');
INSERT INTO "atomdetails" VALUES('2026-11-22 03:23:54.456105',NULL,'{}','6f916e05-f63a-5ce8-ba5e-4440c694070f','prove-jobboard','1.0','PENDING','b93337c0-097e-4a15-9f0b-f685441ebc10',NULL,NULL,NULL,NULL,'TASK_DETAIL','EXECUTE');
INSERT INTO "atomdetails" VALUES('2026-11-22 03:23:54.456107',NULL,'{}','6f916e05-f63a-5ce8-ba5e-4440c694070f','post-controller-jobs','1.0','PENDING','d175473d-e410-45c6-b3a5-88a240b04838',NULL,NULL,NULL,NULL,'TASK_DETAIL','EXECUTE');
CREATE TABLE board_entries (
	board VARCHAR(64) NOT NULL, 
	job_uuid VARCHAR(36) NOT NULL, 
	sequence BIGINT NOT NULL, 
	posting TEXT NOT NULL, 
	owner VARCHAR(255), 
	expires_at DOUBLE, 
	modified_at DOUBLE NOT NULL, 
	PRIMARY KEY (board, job_uuid)
);
INSERT INTO "board_entries" VALUES('amphv2_bootstrap','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1,'{"book":{"name":"bootstrap","uuid":"3687d23e-479f-59c2-b421-13e74e354f01"},"details":{"flow":"bootstrap","flow_uuid":"6f916e05-f63a-5ce8-ba5e-4440c694070f","host":null,"shape":"9e09d9aeda0d0fef70b3bf19e285a9a05da6dbbf18466d650448b0346edfd42f"},"name":"bootstrap","priority":"NORMAL","sequence":1,"uuid":"2392ff98-b393-5ab3-81a8-f1558b0eee3f"}','ctl1:901:2172326e:782937-b971',1.79531783934699773787e+09,1.79531783363998079304e+09);
CREATE TABLE bootstraps (
	uuid VARCHAR(36) NOT NULL, 
	active VARCHAR(16), 
	spec TEXT NOT NULL, 
	spec_digest VARCHAR(64) NOT NULL, 
	fingerprints TEXT NOT NULL, 
	on_failure VARCHAR(16) NOT NULL, 
	posted_by VARCHAR(255) NOT NULL, 
	created_at DOUBLE NOT NULL, 
	finished_at DOUBLE, 
	PRIMARY KEY (uuid), 
	UNIQUE (active)
);
INSERT INTO "bootstraps" VALUES('16bd7881-172c-42c5-bf38-ef41d6bc11cf','bootstrap','{"controllers":["ctl1","ctl2"],"grant_hosts":["localhost","%"],"install_key_value_backend":false,"key_value_hosts":[],"on_failure":"park","persistence":{"database":"octavia_persistence","drivername":"mysql+pymysql","host":"127.0.0.1","port":3306,"query":{},"username":"octavia"},"secret_names":["admin_password","jobboard_backend_password","persistence_password"],"task_flow":{"jobboard_backend_driver":"redis_taskflow_driver","jobboard_backend_hosts":["127.0.0.1"],"jobboard_backend_namespace":"octavia_jobboard","jobboard_backend_port":6379,"jobboard_enabled":true,"jobboard_expiration_time":100}}','9a2ca9d197161aee35b09a4a5fa00baebe4d4d4dcc1dce572a794508cf0ea34b','{"admin_password":"f7ldNewS/Nm8hKrYPN0UBJZAdQ2zVB/y","jobboard_backend_password":"FUfq8Xeu6b01YEnfy34NaaJwVJ/kZUnL","persistence_password":"3A/5HII7MTYXx68PuoHpOSb5anfTiZMt","salt":"vQ9zs7fhdaDDAp6BCcpIPA=="}','park','root@ctl1',1.79531783358200502402e+09,NULL);
CREATE TABLE conductors (
	owner VARCHAR(255) NOT NULL, 
	host VARCHAR(255) NOT NULL, 
	pid INTEGER NOT NULL, 
	version VARCHAR(32) NOT NULL, 
	started_at DOUBLE NOT NULL, 
	seen_at DOUBLE NOT NULL, 
	PRIMARY KEY (owner)
);
INSERT INTO "conductors" VALUES('ctl1:901:2172326e:782937-b971','ctl1',901,'0.1.0.dev7',1.79531783203298902508e+09,1.79531783460501289371e+09);
INSERT INTO "conductors" VALUES('ctl2:902:2172326e:782938-2a81','ctl2',902,'0.1.0.dev7',1.79531783270198559763e+09,1.79531783478099250797e+09);
CREATE TABLE constants (
	name VARCHAR(64) NOT NULL, 
	value VARCHAR(255) NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "constants" VALUES('report-salt','vw07TSc5kscsDNhgC9lPCw==');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	bootstrap_uuid VARCHAR(36) NOT NULL, 
	job_uuid VARCHAR(36), 
	at DOUBLE NOT NULL, 
	owner VARCHAR(255) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	atom VARCHAR(255), 
	message TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "events" VALUES(1,'16bd7881-172c-42c5-bf38-ef41d6bc11cf',NULL,1.7953178336139903068e+09,'ctl1:904:2172326e:782939-a06f','posted',NULL,'root@ctl1');
INSERT INTO "events" VALUES(2,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.79531783439000701906e+09,'ctl1:901:2172326e:782937-b971','claimed',NULL,NULL);
INSERT INTO "events" VALUES(3,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.79531783451199388498e+09,'ctl1:901:2172326e:782937-b971','task','check-prerequisites','RUNNING');
INSERT INTO "events" VALUES(4,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.79531783530599474904e+09,'ctl1:901:2172326e:782937-b971','task','check-prerequisites','SUCCESS');
INSERT INTO "events" VALUES(5,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.79531783533701443673e+09,'ctl1:901:2172326e:782937-b971','task','ensure-key-value-backend','RUNNING');
INSERT INTO "events" VALUES(6,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.79531783540500855444e+09,'ctl1:901:2172326e:782937-b971','task','ensure-key-value-backend','SUCCESS');
INSERT INTO "events" VALUES(7,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.79531783541699790952e+09,'ctl1:901:2172326e:782937-b971','task','ensure-database','RUNNING');
INSERT INTO "events" VALUES(8,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.79531783544399452211e+09,'ctl1:901:2172326e:782937-b971','task','ensure-database','SUCCESS');
INSERT INTO "events" VALUES(9,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.7953178354579954147e+09,'ctl1:901:2172326e:782937-b971','task','ensure-database-accounts','RUNNING');
INSERT INTO "events" VALUES(10,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.79531783554200220103e+09,'ctl1:901:2172326e:782937-b971','task','ensure-database-accounts','SUCCESS');
INSERT INTO "events" VALUES(11,'16bd7881-172c-42c5-bf38-ef41d6bc11cf','2392ff98-b393-5ab3-81a8-f1558b0eee3f',1.7953178355529859066e+09,'ctl1:901:2172326e:782937-b971','task','upgrade-persistence-schema','RUNNING');
CREATE TABLE flowdetails (
	created_at DATETIME, 
	updated_at DATETIME, 
	parent_uuid VARCHAR(64), 
	meta TEXT, 
	name VARCHAR(255), 
	state VARCHAR(255), 
	uuid VARCHAR(64) NOT NULL, 
	PRIMARY KEY (uuid), 
	FOREIGN KEY(parent_uuid) REFERENCES logbooks (uuid) ON DELETE CASCADE, 
	UNIQUE (uuid)
);
INSERT INTO "flowdetails" VALUES('2026-11-22 03:23:53.597261','2026-11-22 03:23:54.487203','3687d23e-479f-59c2-b421-13e74e354f01','{"shape": "9e09d9aeda0d0fef70b3bf19e285a9a05da6dbbf18466d650448b0346edfd42f", "atoms": ["check-prerequisites", "ensure-key-value-backend", "ensure-database", "ensure-database-accounts", "upgrade-persistence-schema", "prove-jobboard", "post-controller-jobs"]}','bootstrap','RUNNING','6f916e05-f63a-5ce8-ba5e-4440c694070f');
INSERT INTO "flowdetails" VALUES('2026-11-22 03:23:53.608120',NULL,'3d1c6384-7ed8-589f-a6f4-29fc9d4f9475','{"shape": "7569b8e95ed4d0361835febc6a24edef644adc8a1ac5dbd45911a909b89f7f86", "atoms": ["ensure-client-library", "write-octavia-configuration", "check-effective-configuration", "restart-octavia-services", "prove-controller"]}','controller',NULL,'b87b0fa1-b565-53b9-b689-0a74dd1b4689');
INSERT INTO "flowdetails" VALUES('2026-11-22 03:23:53.609211',NULL,'a850bf1c-d61a-5f14-a9fe-013d651ea333','{"shape": "7569b8e95ed4d0361835febc6a24edef644adc8a1ac5dbd45911a909b89f7f86", "atoms": ["ensure-client-library", "write-octavia-configuration", "check-effective-configuration", "restart-octavia-services", "prove-controller"]}','controller',NULL,'6e054ccb-8643-5058-8448-86e67c363e33');
CREATE TABLE host_reports (
	host VARCHAR(255) NOT NULL, 
	owner VARCHAR(255) NOT NULL, 
	version VARCHAR(32) NOT NULL, 
	clock_offset DOUBLE NOT NULL, 
	report TEXT NOT NULL, 
	reported_at DOUBLE NOT NULL, 
	PRIMARY KEY (host)
);
CREATE TABLE jobs (
	sequence INTEGER NOT NULL, 
	uuid VARCHAR(36) NOT NULL, 
	bootstrap_uuid VARCHAR(36) NOT NULL, 
	flow VARCHAR(64) NOT NULL, 
	shape VARCHAR(64) NOT NULL, 
	stage INTEGER NOT NULL, 
	host VARCHAR(255), 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	reverting BOOLEAN NOT NULL, 
	epoch INTEGER NOT NULL, 
	owner VARCHAR(255), 
	book_uuid VARCHAR(36) NOT NULL, 
	flow_uuid VARCHAR(36) NOT NULL, 
	created_at DOUBLE NOT NULL, 
	started_at DOUBLE, 
	finished_at DOUBLE, 
	PRIMARY KEY (sequence), 
	UNIQUE (uuid), 
	FOREIGN KEY(bootstrap_uuid) REFERENCES bootstraps (uuid) ON DELETE CASCADE
);
INSERT INTO "jobs" VALUES(1,'2392ff98-b393-5ab3-81a8-f1558b0eee3f','16bd7881-172c-42c5-bf38-ef41d6bc11cf','bootstrap','9e09d9aeda0d0fef70b3bf19e285a9a05da6dbbf18466d650448b0346edfd42f',1,NULL,'running',NULL,0,1,'ctl1:901:2172326e:782937-b971','3687d23e-479f-59c2-b421-13e74e354f01','6f916e05-f63a-5ce8-ba5e-4440c694070f',1.79531783359998917582e+09,1.79531783438900113111e+09,NULL);
INSERT INTO "jobs" VALUES(2,'ddd7f893-44b4-57a0-bd64-7ceffc50a6e0','16bd7881-172c-42c5-bf38-ef41d6bc11cf','controller','7569b8e95ed4d0361835febc6a24edef644adc8a1ac5dbd45911a909b89f7f86',2,'ctl1','waiting',NULL,0,0,NULL,'3d1c6384-7ed8-589f-a6f4-29fc9d4f9475','b87b0fa1-b565-53b9-b689-0a74dd1b4689',1.79531783360799551013e+09,NULL,NULL);
INSERT INTO "jobs" VALUES(3,'060f20a8-04dd-52f6-98ae-a0797bbcd100','16bd7881-172c-42c5-bf38-ef41d6bc11cf','controller','7569b8e95ed4d0361835febc6a24edef644adc8a1ac5dbd45911a909b89f7f86',2,'ctl2','waiting',NULL,0,0,NULL,'a850bf1c-d61a-5f14-a9fe-013d651ea333','6e054ccb-8643-5058-8448-86e67c363e33',1.79531783361298441885e+09,NULL,NULL);
CREATE TABLE logbooks (
	created_at DATETIME, 
	updated_at DATETIME, 
	meta TEXT, 
	name VARCHAR(255), 
	uuid VARCHAR(64) NOT NULL, 
	PRIMARY KEY (uuid), 
	UNIQUE (uuid)
);
INSERT INTO "logbooks" VALUES('2026-11-22 03:23:53.591579',NULL,NULL,'bootstrap','3687d23e-479f-59c2-b421-13e74e354f01');
INSERT INTO "logbooks" VALUES('2026-11-22 03:23:53.600833',NULL,NULL,'controller/ctl1','3d1c6384-7ed8-589f-a6f4-29fc9d4f9475');
INSERT INTO "logbooks" VALUES('2026-11-22 03:23:53.609014',NULL,NULL,'controller/ctl2','a850bf1c-d61a-5f14-a9fe-013d651ea333');
CREATE INDEX ix_events_bootstrap_uuid ON events (bootstrap_uuid);
CREATE INDEX ix_flowdetails_parent_uuid ON flowdetails (parent_uuid);
CREATE INDEX ix_jobs_bootstrap_uuid ON jobs (bootstrap_uuid);
CREATE INDEX ix_jobs_state ON jobs (state);
CREATE INDEX ix_atomdetails_parent_uuid ON atomdetails (parent_uuid);
COMMIT;

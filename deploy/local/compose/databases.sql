-- The databases of the stack, made once, by the image of PostgreSQL when its volume is empty.

\set engine `cat /run/secrets/engine-database-password`
\set owner `cat /run/secrets/owner-password`
\set runtime `cat /run/secrets/runtime-password`

CREATE ROLE camunda LOGIN PASSWORD :'engine';
CREATE DATABASE camunda OWNER camunda;

CREATE DATABASE phantom_worker;
\connect phantom_worker
\ir /phantom-worker/roles.sql
ALTER ROLE phantom_owner PASSWORD :'owner';
ALTER ROLE phantom_runtime PASSWORD :'runtime';

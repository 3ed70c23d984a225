-- Two roles for the worker's database: one owns the schema and migrates, the other works.
--
--   phantom_owner    MIGRATE_DATABASE_URL of `phantom-worker migrate`
--   phantom_runtime  DATABASE_URL of every other command; of the audit log it may read and add to,
--                    and nothing else
--
-- Run it in the worker's database, before the first migration or at any time later, as a superuser or as
-- the role that owns the database and its schema public and may create roles; running it again changes
-- nothing. With psql, --set ON_ERROR_STOP=1 makes a refusal its exit code. Other names: replace both
-- words throughout, as with
--   sed 's/phantom_owner/wallets_owner/g; s/phantom_runtime/wallets_runtime/g' roles.sql | psql …
-- Passwords are not its business: ALTER ROLE … PASSWORD, or whatever your pg_hba.conf asks for.
--
-- Where one role did both until now, it owns the tables, and what it owns it could still change.
-- Then first, as a superuser: REASSIGN OWNED BY phantom_runtime TO phantom_owner.

BEGIN;

DO $$
BEGIN
    -- Two runs at once must not both find that a role is missing.
    PERFORM pg_advisory_xact_lock(hashtext('phantom-worker roles'));
    IF to_regrole('phantom_owner') IS NULL THEN
        CREATE ROLE phantom_owner LOGIN NOINHERIT;
    END IF;
    IF to_regrole('phantom_runtime') IS NULL THEN
        CREATE ROLE phantom_runtime LOGIN NOINHERIT;
    END IF;
    IF NOT (SELECT rolsuper OR rolinherit FROM pg_roles WHERE rolname = CURRENT_USER) THEN
        RAISE EXCEPTION '% has rights of other roles by SET ROLE alone, and cannot grant with them', CURRENT_USER
            USING HINT = 'run this as a superuser, or as a role that is INHERIT';
    END IF;
    IF EXISTS (
        SELECT FROM pg_roles
        WHERE (rolsuper OR rolcreaterole OR rolname IN ('phantom_owner', 'pg_write_all_data',
                  'pg_write_server_files', 'pg_execute_server_program'))
          AND pg_has_role('phantom_runtime', oid, 'MEMBER')
    ) THEN
        RAISE EXCEPTION 'phantom_runtime is, or is a member of, a role that may change every table or help itself to that'
            USING HINT = 'ALTER ROLE phantom_runtime NOSUPERUSER NOCREATEROLE, and REVOKE such roles FROM phantom_runtime';
    END IF;
    -- Whoever owns the schema or the database may drop what is in it, and grant away the rest.
    IF EXISTS (
        SELECT FROM (
            SELECT relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace
            UNION SELECT nspowner FROM pg_namespace WHERE oid = 'public'::regnamespace
            UNION SELECT datdba FROM pg_database WHERE datname = current_database()
        ) AS thing (owner)
        WHERE pg_has_role('phantom_runtime', owner, 'MEMBER')
    ) THEN
        RAISE EXCEPTION 'phantom_runtime owns tables, their schema or the database, and could change whatever is in them'
            USING HINT = 'REASSIGN OWNED BY phantom_runtime TO phantom_owner';
    END IF;
END
$$;

-- Who is no superuser acts for the owner as its member, until the end of this script.
DO $$
BEGIN
    IF NOT pg_has_role('phantom_owner', 'USAGE') THEN
        GRANT phantom_owner TO CURRENT_USER;
        PERFORM set_config('phantom_worker.acts_for_owner', 'yes', true);
    END IF;
END
$$;

-- Where PUBLIC may no longer connect, these two still may.
DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO phantom_owner, phantom_runtime', current_database());
END
$$;

-- Nobody puts a table of the same name in front of ours.
REVOKE CREATE ON SCHEMA public FROM PUBLIC, phantom_runtime;
GRANT USAGE, CREATE ON SCHEMA public TO phantom_owner;
GRANT USAGE ON SCHEMA public TO phantom_runtime;

-- What later migrations make. Those of the audit tables take back what is too much here.
ALTER DEFAULT PRIVILEGES FOR ROLE phantom_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO phantom_runtime;
ALTER DEFAULT PRIVILEGES FOR ROLE phantom_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO phantom_runtime;

-- What is there already, whoever made it. Housekeeping deletes what is over, and takes people's data
-- out of what stays. The ids of the audit log need no right on their sequence.
DO $$
DECLARE
    ours text[] := ARRAY['users', 'merchants', 'customers', 'wallet_creation_requests', 'wallets',
        'security_events', 'email_verifications', 'task_completions', 'task_deliveries', 'outbox',
        'shared_figures', 'housekeeping_rounds'];
    relation text;
BEGIN
    FOREACH relation IN ARRAY ours LOOP
        IF to_regclass('public.' || relation) IS NOT NULL THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO phantom_runtime', relation);
        END IF;
    END LOOP;
    FOREACH relation IN ARRAY ARRAY['audit_log', 'audit_seals'] LOOP
        IF to_regclass('public.' || relation) IS NOT NULL THEN
            EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, phantom_runtime', relation);
            EXECUTE format('GRANT SELECT, INSERT ON public.%I TO phantom_runtime', relation);
        END IF;
    END LOOP;
    IF to_regclass('public.__diesel_schema_migrations') IS NOT NULL THEN
        REVOKE ALL ON public.__diesel_schema_migrations FROM PUBLIC, phantom_runtime;
        GRANT SELECT ON public.__diesel_schema_migrations TO phantom_runtime;
    END IF;
END
$$;

-- What is somebody else's, or granted by somebody else, a GRANT or REVOKE leaves as it is and merely
-- warns: so what came of all this is looked at, over every role that the runtime role may act as.
DO $$
DECLARE
    too_much text;
BEGIN
    WITH acts_as AS (
        SELECT oid, rolname FROM pg_roles WHERE pg_has_role('phantom_runtime', oid, 'MEMBER')
    ), audited AS (
        SELECT oid, relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
          AND relname IN ('audit_log', 'audit_seals', '__diesel_schema_migrations')
    ), held (role, held_right, thing) AS (
        SELECT rolname, 'CREATE', 'the schema public' FROM acts_as WHERE has_schema_privilege(oid, 'public', 'CREATE')
        UNION ALL
        SELECT rolname, way, relname FROM acts_as, audited,
            unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS way
        WHERE CASE
            WHEN way = 'INSERT' AND relname LIKE 'audit%' THEN false
            WHEN way IN ('INSERT', 'UPDATE', 'REFERENCES') THEN has_any_column_privilege(acts_as.oid, audited.oid, way)
            ELSE has_table_privilege(acts_as.oid, audited.oid, way)
        END
    )
    SELECT string_agg(format('%s on %s as %s', held_right, thing, role), ', ') INTO too_much FROM held;
    IF too_much IS NOT NULL THEN
        RAISE EXCEPTION 'phantom_runtime may still %', too_much
            USING HINT = 'who owns these, or granted them, has to REVOKE them from phantom_runtime, its groups and PUBLIC first';
    END IF;
    IF NOT (has_schema_privilege('phantom_owner', 'public', 'CREATE')
        AND has_schema_privilege('phantom_runtime', 'public', 'USAGE')
        AND has_database_privilege('phantom_owner', current_database(), 'CONNECT')
        AND has_database_privilege('phantom_runtime', current_database(), 'CONNECT')) THEN
        RAISE EXCEPTION 'the roles could not be given what they need in the database % and its schema public', current_database()
            USING HINT = 'run this as a superuser, or as the role that owns both';
    END IF;
    IF current_setting('phantom_worker.acts_for_owner', true) = 'yes' THEN
        REVOKE phantom_owner FROM CURRENT_USER;
    END IF;
END
$$;

COMMIT;

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
    IF (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = 'phantom_runtime') THEN
        RAISE EXCEPTION 'phantom_runtime is a superuser, or may give itself the rights of other roles'
            USING HINT = 'ALTER ROLE phantom_runtime NOSUPERUSER NOCREATEROLE';
    END IF;
    IF EXISTS (
        SELECT FROM pg_roles
        WHERE rolname IN ('phantom_owner', 'pg_write_all_data')
          AND pg_has_role('phantom_runtime', oid, 'MEMBER')
    ) THEN
        RAISE EXCEPTION 'phantom_runtime is a member of a role that may change every table'
            USING HINT = 'REVOKE phantom_owner, pg_write_all_data FROM phantom_runtime';
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
    IF current_setting('phantom_worker.acts_for_owner', true) = 'yes' THEN
        REVOKE phantom_owner FROM CURRENT_USER;
    END IF;
END
$$;

COMMIT;

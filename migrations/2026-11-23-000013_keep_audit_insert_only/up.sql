-- The sealer goes through the rows in this order, from the last one that it sealed on.
CREATE INDEX audit_log_xid_idx ON audit_log (xid, id);

-- Default privileges give the worker's role the same rights on every table. On these two it keeps
-- INSERT and SELECT alone: whoever is not their owner can neither change nor remove what happened,
-- nor claim that a migration was applied.
DO $$
DECLARE
    granted record;
BEGIN
    FOR granted IN
        SELECT DISTINCT relation.oid::regclass AS relation, entry.grantee,
               CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(entry.grantee)) END AS role
        FROM pg_class AS relation, aclexplode(relation.relacl) AS entry
        WHERE relation.oid IN (to_regclass('audit_log'), to_regclass('audit_seals'), to_regclass('__diesel_schema_migrations'))
          AND entry.grantee <> relation.relowner
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON %s FROM %s', granted.relation, granted.role);
        IF granted.relation = to_regclass('__diesel_schema_migrations') THEN
            EXECUTE format('REVOKE INSERT ON %s FROM %s', granted.relation, granted.role);
        END IF;
    END LOOP;
END
$$;

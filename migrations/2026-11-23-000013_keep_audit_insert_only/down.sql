-- The rights stay as they are: who had which before is not known any more.
DROP INDEX audit_log_xid_idx;

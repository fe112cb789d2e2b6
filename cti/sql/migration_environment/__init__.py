"""Alembic's environment, one for every chain: `cti.sql.schema` says which revisions, which connection, which table."""

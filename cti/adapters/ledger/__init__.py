"""The SQL ledger: one file a table family, one function a query; `sql.SqlLedger` and `memory.MemoryLedger` on top."""

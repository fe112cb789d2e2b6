"""SQL for every part: writer thread, reader pool, connections, bulk statements, NOTIFY, schema."""

"""A whole cluster under faults: real Kafka, real PostgreSQL, gateways and engines as processes of their own."""

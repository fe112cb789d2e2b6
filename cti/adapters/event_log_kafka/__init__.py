"""The event log in Apache Kafka, the outbox topics for integrators, and read-only inspection for the doctor."""

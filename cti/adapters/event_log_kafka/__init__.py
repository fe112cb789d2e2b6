"""The event log in Apache Kafka, the copies for integrators beside it, and what a doctor may look at."""

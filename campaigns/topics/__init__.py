"""Payments from a topic, notices to a topic: where there is Kafka."""

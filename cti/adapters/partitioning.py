"""Which partition a key belongs to: murmur2 as Kafka's Java client computes it, so that all logs agree."""

from functools import lru_cache

from aiokafka.partitioner import murmur2

KEYS_KEPT = 65_536  # murmur2 in Python takes some 10 us; a call's key comes again with each of its events


@lru_cache(maxsize=KEYS_KEPT)
def partition_of(key: str, partitions: int) -> int:
    """The partition of "tenant:source:subject" among so many."""
    return (int(murmur2(key.encode())) & 0x7FFF_FFFF) % partitions

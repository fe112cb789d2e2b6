"""Written notices, their batches, and the figures of campaigns: on both databases."""

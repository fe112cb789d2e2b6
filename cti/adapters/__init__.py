"""Real things behind the ports: clocks, event logs, ledgers, caches."""

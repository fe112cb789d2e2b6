"""Topics of campaigns: without a broker, and with a real one."""

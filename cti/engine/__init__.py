"""The engine: entries of the log become facts of calls, timers become commands, and a round becomes one transaction."""

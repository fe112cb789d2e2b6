"""The decisions: state machines, rules and clocks as pure functions of the log. No I/O, no clock, no chance."""

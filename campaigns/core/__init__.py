"""The core of campaigns: who may be called, when, and why not. No clock, no I/O: time enters as a number."""

"""The messages of Ringback: envelope, events, commands, records, reasons and profile. Imports nothing else of ours."""

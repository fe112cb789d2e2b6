"""The subcommands of `ringback` that have no package of their own."""

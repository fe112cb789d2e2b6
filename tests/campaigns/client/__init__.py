"""The campaign manager's command line."""

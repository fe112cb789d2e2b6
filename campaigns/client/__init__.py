"""`ringback campaign`: what a campaign manager types. A client of the HTTP API and of nothing else."""

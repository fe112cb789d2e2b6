"""What every HTTP service of ours shares: problem documents, limits, authentication."""

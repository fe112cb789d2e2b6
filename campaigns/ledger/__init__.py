"""What the outbound side keeps: its tables, one file of queries a family, and its own chain of migrations."""

"""What the product itself says in these pages, diagrams and tables: `python -m docs.generate` writes it."""

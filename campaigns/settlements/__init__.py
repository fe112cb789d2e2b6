"""Payments: what they settle, and what is not done any more because of them."""

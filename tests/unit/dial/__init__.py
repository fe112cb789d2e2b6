"""What orders have come to."""

"""What a person types after `ringback`, as far as it has no package of its own."""

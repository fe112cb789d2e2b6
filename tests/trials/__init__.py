"""Small inputs on which a product of this kind goes wrong, through the real door, against right values."""

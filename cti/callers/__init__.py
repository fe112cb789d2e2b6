"""What callers do, for the parts of the product: the callbacks that they ask for, and who of them is known."""

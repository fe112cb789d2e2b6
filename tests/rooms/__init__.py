"""A small part in every process: what the outbound side will need of the rooms, tried on a part of a few lines."""

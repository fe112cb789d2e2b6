"""What needs the real data: the folder that the environment names as RINGBACK_DATA."""

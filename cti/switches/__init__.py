"""Switches that speak to the gateway as clients of /v1."""

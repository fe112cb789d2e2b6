"""Mutation of the pure heart: each small change of its code must fail a test."""

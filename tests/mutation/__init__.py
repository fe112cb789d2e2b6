"""Mutation of the core: each small change of its code must fail a test."""

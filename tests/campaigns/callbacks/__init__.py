"""Callbacks: asked for, made at their time, kept or missed."""

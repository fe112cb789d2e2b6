"""Leases: which process owns what. Heartbeats, epochs and fair shares, by lease group.

A **lease group** is a set of processes of one kind and of resources that they share: engines and partitions, diallers
and lanes. Groups are independent: a process never gets a resource of another group.
"""

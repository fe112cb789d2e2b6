"""Leases: which process owns what. Heartbeats, epochs and fair shares, by lease group.

A **lease group** is a set of processes of one kind and of resources that they share: engines and partitions, diallers
and lanes. Groups know nothing of one another: nobody is ever dealt a resource of another group.
"""

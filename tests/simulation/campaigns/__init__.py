"""Whole campaigns, simulated: `python -m tests.simulation.outbound --n 20000 --seed 1`.

A history is one or two campaigns of a few contacts, from their import to the end of their last deadline: the real
door, engine, dialler and store, a switch that may forget and misbehave, a manager who pauses, stops and freezes,
and a seeded scheduler that puts faults between any two steps. After every step the judge (tests.campaigns.never) looks
at the switch's own log and at the ledger.

process.py   a dialling process: the real dialler and importer of one start, with faults
site.py      the running product; each history has a week of its own
jobs.py      what a history's manager submits: campaigns, rows, what becomes of each call
orders_given.py  what the manager does meanwhile
planner.py   what he plans and changes: approvals, starts at a time, settings, files, tests, draining
plans_kept.py  what must never come of that
gateway.py   the tenant's message gateway, with receipts
outages_changed.py  outages that he changes, and what must never come of that
explained.py  whether what the product explains is what the dialler does
mischief.py  the faults of dialling processes, beside those of the order simulation
history.py   one history by its seed
calm.py      how it quietens down, and comes to its end
planted.py   changes of product code, each of which the judge must catch
planted_plans.py  those that show only where a manager plans and changes
planting.py  how a change is planted
many.py      many histories, in several processes
"""

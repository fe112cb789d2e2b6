"""Orders that leave at most once, simulated: `python -m tests.simulation.outbound --orders --n 20000 --seed 1`.

A history is what happens to a handful of attempts on one lane, in some minutes and then hours of virtual time: the real
door, engine and store, the simulated switch, two small dialling processes in the place of the dialler, and a seeded
scheduler that puts faults between any two of their steps. What the switch received and when it rang, and the ledger,
are the judge.

book.py        what the dialling processes keep in the ledger: attempts, the lane
decisions.py   what a turn decides, from what it has read
driver.py      a dialling process, step by step
supervisor.py  what a person stops, freezes and allows
mischief.py    the faults between two steps
faults.py      faults at the ports: claims, commits, rounds
streams.py     command streams of a gateway, step by step
switch.py      the simulated switch with a log, its restarts
site.py        the running product; each history has a week of its own
door.py        its door without a socket
history.py     one history by its seed
judge.py       what must never be
planted.py     changes of product code, each of which the judge must catch
campaign.py    many histories, in several processes
"""

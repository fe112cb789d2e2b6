"""Orders that leave at most once: what is dialled is dialled by one row, which is marked before the first byte is sent.

Everything fails closed: in doubt nobody is called.
"""

"""A simulated switch, for trying Ringback and for judging it: an ordinary client of /v1 with a log of its own.

`people` draws callers and their behaviour (pure, by seed); `pbx` is the switch's state, `acd` distributes calls,
`exchange` advances it in time; `commands` executes commands; `outbound` dial orders, whose calls go by
`outbound_script`, and `order_memory` remembers them; `door`, `outbox` and `reader` speak HTTP; `misbehaviour`
disturbs what is sent, on request; `switch_log` writes the log; `judge` reads it by the rule book.
"""

"""A telephone switch for trying Ringback and for judging it: an ordinary client of /v1 that keeps a log of its own.

`people` says who calls and how people behave (pure, by seed); `plant` is what the switch knows; `exchange` moves it;
`orders` obeys commands; `door`, `outbox` and `order_stream` speak HTTP; `misbehaviour` spoils what is sent on request;
`diary` writes the log; `judge` reads it by the rule book.
"""

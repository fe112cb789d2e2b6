"""Every limit of the HTTP API, with its default: one frozen model. The comments become a table of the documentation."""

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """The limits of one gateway. Sizes are in bytes, times in seconds of the machine, never of a scaled clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: int = Field(4 * 1024 * 1024, ge=1024)  # largest body of a request; an event has its own limit (64 KiB)
    body_s: float = Field(15.0, gt=0)  # time in which the whole body must arrive; of an import, 16 KiB of it
    batch_items: int = Field(1000, ge=1)  # most events in one request
    json_depth: int = Field(32, ge=4)  # deepest nesting of a body; events have the contract's own limit
    header_bytes: int = Field(8190, ge=1024)  # longest header line
    connections: int = Field(2000, ge=1)  # open connections
    connections_without_key: int = Field(500, ge=1)  # of these, without a valid key so far; one more closes the oldest
    headers_s: float = Field(10.0, gt=0)  # time in which the headers of a request must arrive
    answer_s: float = Field(10.0, gt=0)  # time in which a client must read at least 16 KiB of an answer
    idle_s: float = Field(75.0, gt=0)  # time after which an idle connection is closed
    linger_s: float = Field(2.0, ge=0)  # time of further reading after an early refusal, so that the client sees it
    log_waiting: int = Field(256, ge=1)  # requests that may wait for the log at once
    log_wait_s: float = Field(5.0, gt=0)  # longest wait for the log; then 503
    lag_events: int = Field(600, ge=1)  # one key's uncommitted events; beyond it, requests wait
    lag_s: float = Field(0.12, gt=0)  # `lag_events` rises to what the engine commits in this time
    lag_alone_s: float = Field(0.5, gt=0)  # the same while no other tenant is there
    lag_wait_s: float = Field(5.0, gt=0)  # longest wait because of `lag_events`; then 429
    key_events: int = Field(5000, ge=1)  # one key's waiting events; beyond it 429 at once
    engine_away_s: float = Field(5.0, gt=0)  # time without a commit after which no request waits: no engine is working
    retry_after_s: int = Field(2, ge=1)  # default of Retry-After
    requests_per_s: float = Field(5000.0, gt=0)  # sustained requests of one key
    requests_burst: float = Field(10000.0, ge=1)  # requests of one key in a burst
    keys_cached: int = Field(10_000, ge=1)  # keys that this process caches
    key_cache_s: float = Field(3.0, ge=0)  # time for which a key is cached; a revoked key may still work that long
    key_lookups: int = Field(8, ge=1)  # concurrent look-ups of keys; a flood of wrong keys waits here
    page_items: int = Field(1000, ge=1)  # most items of a list in one answer
    timeline_items: int = Field(200, ge=1)  # default number of events of a call in one answer
    calls_described: int = Field(4, ge=1)  # calls described at once, each in its own thread
    position_wait_s: float = Field(1.0, ge=0)  # longest wait for `min_position`
    position_waiters: int = Field(1000, ge=1)  # requests that may wait for a position at once
    position_poll_s: float = Field(0.05, gt=0)  # time between queries for positions, if the engine is another process
    stream_poll_s: float = Field(1.0, gt=0)  # time between queries for commands, if the engine is another process
    streams_per_switch: int = Field(8, ge=1)  # open streams and long polls of one switch
    streams: int = Field(1000, ge=1)  # open streams and long polls of all switches
    stream_backlog: int = Field(1000, ge=1)  # commands that wait for a slow client before it is disconnected
    stream_keep_alive_s: float = Field(10.0, gt=0)  # silence after which a comment keeps the stream open
    stream_write_s: float = Field(10.0, gt=0)  # longest write to a slow client; then it is disconnected
    stream_open: int = Field(10_000, ge=1)  # most open commands sent when a switch connects
    hub_slice: int = Field(5000, ge=1)  # most commands read in one query
    long_poll_s: float = Field(60.0, gt=0)  # longest wait of a long poll
    long_poll_items: int = Field(1000, ge=1)  # most commands in one answer of a long poll
    results_kept: int = Field(100_000, ge=1)  # recent results kept, to tell a repeated result from a contradiction
    dial_poll_s: float = Field(1.0, gt=0)  # time between queries for dial orders, if nothing says that some were made
    dial_gap_s: float = Field(0.01, gt=0)  # least time between two claims of dial orders of one switch
    dial_claim: int = Field(50, ge=1)  # most dial orders in one claim; each is written before the next

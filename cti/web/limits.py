"""Every limit of the HTTP door, with its default. One frozen model; only entry points read settings into it."""

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """What one gateway takes on. Sizes in bytes, times in seconds of the machine (never of a scaled clock)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    body_bytes: int = Field(4 * 1024 * 1024, ge=1024)  # of a request; an event's own limit is the contract's (64 KiB)
    body_s: float = Field(15.0, gt=0)  # for a whole body to arrive
    batch_items: int = Field(1000, ge=1)  # events in one request
    json_depth: int = Field(32, ge=4)  # of a request's body other than events, which the contract bounds itself
    header_bytes: int = Field(8190, ge=1024)  # of one header line
    connections: int = Field(2000, ge=1)  # open at a time
    connections_without_key: int = Field(500, ge=1)  # that showed no good key; one more takes the oldest's place
    headers_s: float = Field(10.0, gt=0)  # for the headers of a request to arrive
    answer_s: float = Field(10.0, gt=0)  # in which a client that reads its answer takes at least 16 KiB of it
    idle_s: float = Field(75.0, gt=0)  # between two requests of a connection
    linger_s: float = Field(2.0, ge=0)  # reading on after an early refusal, so that the client sees it
    log_waiting: int = Field(256, ge=1)  # requests that wait for the log at a time ...
    log_wait_s: float = Field(5.0, gt=0)  # ... and for how long; then 503
    lag_events: int = Field(1200, ge=1)  # of one key, in the log and not committed; further requests wait for room ...
    lag_s: float = Field(0.12, gt=0)  # ... or as many as the engine commits in this time, where that is more
    lag_wait_s: float = Field(5.0, gt=0)  # for room; then 429
    key_events: int = Field(5000, ge=1)  # of one key, that wait for room; beyond it 429 at once
    engine_away_s: float = Field(5.0, gt=0)  # nothing committed for so long: no engine is at work, and no key waits
    retry_after_s: int = Field(2, ge=1)  # Retry-After where nothing more exact is known
    requests_per_s: float = Field(5000.0, gt=0)  # of one key, lasting
    requests_burst: float = Field(10000.0, ge=1)  # of one key, at once
    keys_cached: int = Field(10_000, ge=1)  # keys that this process knows without asking the registry
    key_cache_s: float = Field(3.0, ge=0)  # a revoked key still works in this process for at most this long
    key_lookups: int = Field(8, ge=1)  # questions to the registry at a time; a flood of wrong keys waits here
    page_items: int = Field(1000, ge=1)  # of a list in one answer
    timeline_items: int = Field(200, ge=1)  # events of a call in one answer, where not said otherwise
    calls_described: int = Field(4, ge=1)  # at a time, each in a thread beside the event loop
    position_wait_s: float = Field(1.0, ge=0)  # of ?min_position=
    position_waiters: int = Field(1000, ge=1)  # requests that wait for a position at a time
    position_poll_s: float = Field(0.05, gt=0)  # when the engine is another process
    stream_poll_s: float = Field(1.0, gt=0)  # the same for commands
    streams_per_switch: int = Field(8, ge=1)  # streams and long polls
    streams: int = Field(1000, ge=1)  # streams and long polls of all switches
    stream_backlog: int = Field(1000, ge=1)  # commands that wait for a slow reader before it is dropped
    stream_keep_alive_s: float = Field(10.0, gt=0)  # of silence; then a comment line
    stream_write_s: float = Field(10.0, gt=0)  # for one write to a slow reader
    stream_open: int = Field(10_000, ge=1)  # open commands read when a switch connects
    hub_slice: int = Field(5000, ge=1)  # commands read at a time
    long_poll_s: float = Field(60.0, gt=0)  # a long poll waits at most so long
    long_poll_items: int = Field(1000, ge=1)  # commands in one answer
    results_kept: int = Field(100_000, ge=1)  # results given lately, to tell a repetition from a contradiction

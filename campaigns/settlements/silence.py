"""Whether payments are told. Where they are not, people are dunned who have paid: no campaign of arrears starts.

By the setting: `on`, always; `off`, never; `auto`, from the first payment on that a tenant has told.
"""

from campaigns.owed_today import ARREARS
from campaigns.settings import Settings

KIND = ARREARS  # the kind that needs them
OFF, ON = "off", "on"


def is_silent(settings: Settings, heard_ms: int | None, now_ms: int) -> bool:
    """`heard_ms`: when payments of the tenant were last told; None: never."""
    if settings.settlement_feed == OFF:
        return False
    if heard_ms is None:
        return settings.settlement_feed == ON
    return now_ms - heard_ms > settings.silence_ms

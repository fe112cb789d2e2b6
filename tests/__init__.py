"""Tests of Ringback."""

import os

# Who tests alone has no second key: what is about approvals turns them on.
os.environ.setdefault("RINGBACK_APPROVAL", "off")

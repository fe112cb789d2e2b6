"""What a draft says of itself: when the first call would leave, were it started now."""

from typing import Any

from tests.campaigns.api.site import Site, contact_row, site


async def draft(it: Site, kind: str = "arrears", **changed: Any) -> str:
    campaign: str = (await it.campaign(kind=kind))["id"]
    await it.put([contact_row(campaign, 1, **changed)])
    return f"/v1/campaigns/{campaign}"


async def test_a_draft_says_that_calls_would_begin_at_once_in_open_hours(url: str) -> None:
    async with site(url) as it:
        coming = (await it.ask("GET", await draft(it))).json["next"]
        assert (coming["until"], coming["why"], coming["rule"]) == (None, "draft", None)
        assert coming["text"]["en"] == "Draft: 1 contacts, not started; once it is, calls begin at once"


async def test_a_draft_says_until_when_no_call_would_leave_and_by_which_rule(url: str) -> None:
    async with site(url) as it:
        path = await draft(it, "billing", hours_class="1|resident|Europe/London")  # where it is one in the morning
        coming = (await it.ask("GET", path)).json["next"]
        assert (coming["until"], coming["why"], coming["rule"]) == ("2026-03-02T07:30:00.000Z", "quiet_hours", "CB-1")
        assert coming["text"]["en"].startswith("Draft: 1 contacts, not started; no call yet: ")


async def test_a_draft_without_contacts_says_just_that(url: str) -> None:
    async with site(url) as it:
        coming = (await it.campaign())["next"]
        assert (coming["text"]["en"], coming["why"]) == ("Draft: 0 contacts, not started", "draft")

"""Imports of follow-ups and reminders: what a row must say, and who of a fault is called (FOLLOW-1, URGE-1)."""

import json

from campaigns.imports.sampling import cancel_others
from campaigns.ledger.imports import Key
from tests.campaigns.imports.site import Site
from tests.campaigns.imports.test_importing import counts


def fault(at: int, area: str = "东湖", **more: str) -> dict[str, str]:
    return {"account": f"A{at}", "number": f"138{at:08}", "case": f"W{at}", "category": "报修", "fault": "F1",
            "area": area, **more}  # fmt: skip


async def test_a_part_of_each_fault_is_called_and_everybody_else(site: Site) -> None:
    campaign = await site.campaign("follow-up")
    complaints = [{**fault(at), "category": "投诉", "fault": "", "area": ""} for at in range(200, 210)]
    rows = [*(fault(at) for at in range(60)), *(fault(at, "西湖") for at in range(60, 100)), *complaints]
    row = await site.of_rows(campaign, *rows)
    assert counts(row) == (110, 110, 0, 0, 110), "whoever is not called was accepted as well"
    waiting = [one for one in await site.contacts() if one.state == "waiting"]
    cancelled = {(one.state, one.why) for one in await site.contacts() if one.state != "waiting"}
    assert cancelled == {("cancelled", "not_sampled")}
    areas = [json.loads(one.items)[0].get("area") for one in waiting]
    assert (areas.count("东湖"), areas.count("西湖"), areas.count(None)) == (3, 2, 10)


async def test_done_again_after_a_crash_the_sample_is_the_same(site: Site) -> None:
    campaign = await site.campaign("follow-up")
    row = await site.of_rows(campaign, *(fault(at) for at in range(50)))
    before = await site.contacts()
    key = Key(campaign.id, row.no, "campaign_imports", {})
    await cancel_others(site.context, row, key)
    assert [(one.id, one.state) for one in await site.contacts()] == [(one.id, one.state) for one in before]


async def test_the_same_file_in_another_campaign_has_the_same_sample(site: Site) -> None:
    for name in ("c1", "c2"):
        await site.of_rows(await site.campaign("follow-up", name), *(fault(at) for at in range(50)))
    found = [one for one in await site.contacts() if one.state == "waiting"]
    first, second = ({one.account for one in found if one.campaign.startswith(name)} for name in ("c1", "c2"))
    assert len(first) == 3
    assert first == second


async def test_who_complained_too_is_called_whatever_the_sample_says(site: Site) -> None:
    campaign = await site.campaign("follow-up")
    complaints = [{**fault(at), "case": f"C{at}", "category": "complaint"} for at in range(50)]
    await site.of_rows(campaign, *(fault(at) for at in range(50)), *complaints)
    assert {one.state for one in await site.contacts()} == {"waiting"}


async def test_what_a_row_must_say(site: Site) -> None:
    campaign = await site.campaign("follow-up")
    row = await site.of_rows(
        campaign, {**fault(1), "category": "x"}, {**fault(2), "fault": ""}, {**fault(3), "area": ""},
        {**fault(4), "case": ""},
    )  # fmt: skip
    assert counts(row) == (4, 0, 4, 0, 0)
    said = [error.split(": ")[1:3] for error in await site.errors(row)]
    assert said == [["category", "FORM"], ["fault", "MISSING"], ["area", "MISSING"], ["case", "MISSING"]]


async def test_a_reminder_names_the_step_and_whose_it_is(site: Site) -> None:
    campaign = await site.campaign("reminder")
    given = {"账户": "", "户号": "A1", "联系电话": "13800000001", "工单编号": "W1", "待办事项": "补交资料",
             "办理期限": "2026-03-06 17:00", "催办对象": "客户"}  # fmt: skip
    row = await site.of_rows(campaign, given, {**given, "户号": "A2", "联系电话": "13800000002", "催办对象": "谁"})
    assert counts(row) == (2, 1, 1, 0, 1)
    [contact] = await site.contacts()
    assert json.loads(contact.items)[0]["step"] == "补交资料"
    assert (await site.errors(row))[0].split(": ")[1:3] == ["催办对象", "FORM"]

"""Writes arrears.csv, billing.csv and outage.csv beside this file: the same bytes every time.

    python docs/examples/make_examples.py

arrears.csv is as a Chinese billing centre exports it: GB18030, Chinese headers, columns that nobody needs, accounts
with several months, rows that stand twice, and 20 rows with a mistake each. Its sums are those of the day in `as_of`,
so that they hold whenever the file is imported.
"""

import csv
import random
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

FOLDER = Path(__file__).parent
SEED = 95598
ROWS, MISTAKES, TWICE = 1_000, 20, 12
SEVERAL_MONTHS = 0.12  # of the accounts
RATE = Decimal("0.001")
AS_OF = date(2026, 3, 2)
MONTHS = (("202601", date(2026, 2, 1)), ("202602", date(2026, 3, 1)))
SURNAMES, GIVEN = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚"
STREETS = ("北京东路", "八一大道", "洪都北大道", "解放西路", "井冈山大道", "丁公路")
OFFICES = ("东湖区营业厅", "西湖区营业厅", "青山湖区营业厅")
CENT = Decimal("0.01")

ARREARS = (
    "序号", "户号", "户名", "客户类别", "用电地址", "联系电话", "手机号码2", "电费年月", "欠费金额(元)", "违约金日利率",
    "起算日", "as_of", "总欠费额(元)", "交费地点", "抄表员",
)  # fmt: skip
Row = dict[str, str]


def main() -> None:
    chance = random.Random(SEED)  # the examples have no secrets
    _write("arrears.csv", ARREARS, _arrears(chance), "gb18030")
    billing = _billing(chance)
    _write("billing.csv", tuple(billing[0]), billing, "utf-8-sig")
    outage = _outage(chance)
    _write("outage.csv", tuple(outage[0]), outage, "utf-8-sig")


def _arrears(chance: random.Random) -> list[Row]:
    rows: list[Row] = []
    account = 0
    while len(rows) < ROWS - TWICE:
        account += 1
        person = _person(chance, account)
        months = MONTHS if chance.random() < SEVERAL_MONTHS else MONTHS[account % 2 :][:1]
        rows += [person | _owed(chance, month, first) for month, first in months]
    rows = rows[: ROWS - TWICE]
    whole = [row for row in rows if sum(one["户号"] == row["户号"] for one in rows) == 1]
    chosen = chance.sample(whole, TWICE + MISTAKES)
    rows += [dict(row) for row in chosen[:TWICE]]
    chance.shuffle(rows)
    for row, (column, cell) in zip(chosen[TWICE:], _mistakes(), strict=True):
        row[column] = cell
    return [row | {"序号": str(number)} for number, row in enumerate(rows, 1)]


def _person(chance: random.Random, number: int) -> Row:
    name = chance.choice(SURNAMES) + "".join(chance.sample(GIVEN, chance.randint(1, 2)))
    organisation = number % 25 == 0
    second = f"139{chance.randrange(10**8):08}" if chance.random() < 0.1 else ""
    phone = f"0791-8{chance.randrange(10**7):07}" if organisation else _mobile(number)
    return {
        "户号": f"36{number:08}",
        "户名": f"{name}商行" if organisation else name,
        "客户类别": "单位" if organisation else "居民",
        "用电地址": f"南昌市{chance.choice(STREETS)}{chance.randint(1, 400)}号",
        "联系电话": phone,
        "手机号码2": second,
        "交费地点": chance.choice(OFFICES),
        "抄表员": f"{chance.randint(100, 140)}",
    }


def _mobile(number: int) -> str:
    """Some as people type them."""
    digits = f"138{number:08}"
    forms = {
        7: f"{digits[:3]} {digits[3:7]} {digits[7:]}",
        8: f"{digits[:3]}-{digits[3:7]}-{digits[7:]}",
        9: "+86" + digits,
    }
    return forms.get(number % 50, digits)


def _owed(chance: random.Random, month: str, first: date) -> Row:
    amount = Decimal(chance.randint(2_000, 300_000)) / 100
    days = (AS_OF - first).days + 1
    penalty = (amount * RATE * days).quantize(CENT, ROUND_HALF_UP)
    return {
        "电费年月": month,
        "欠费金额(元)": f"{amount:,.2f}",
        "违约金日利率": f"{RATE}",
        "起算日": f"{first:%Y/%m/%d}",
        "as_of": AS_OF.isoformat(),
        "总欠费额(元)": f"{amount + penalty:,.2f}",
    }


def _mistakes() -> Sequence[tuple[str, str]]:
    """A column and what stands in it: 20 of different kinds."""
    return (
        ("户号", ""), ("户号", "3.6E+09"), ("户号", "3" * 65), ("联系电话", ""), ("联系电话", "1.38E+10"),
        ("联系电话", "95598"), ("联系电话", "88888888"), ("联系电话", "1380000"), ("手机号码2", "110"),
        ("电费年月", ""), ("电费年月", "202613"), ("欠费金额(元)", "壹佰"), ("欠费金额(元)", "-35.00"),
        ("欠费金额(元)", "12.345"), ("违约金日利率", "1"), ("起算日", "2026/2/30"), ("as_of", "三月二日"),
        ("总欠费额(元)", "1.00"), ("交费地点", ""), ("客户类别", "工厂"),
    )  # fmt: skip


def _billing(chance: random.Random) -> list[Row]:
    rows = []
    for number in range(1, 21):
        energy = chance.randint(40, 400)
        amount = (Decimal(energy) * Decimal("0.6")).quantize(CENT)
        balance = Decimal(chance.randint(0, 2_000)) / 100
        rows.append({
            "户号": f"37{number:08}", "户名": _name(chance),
            "联系电话": f"137{number:08}",
            "通讯地址": f"南昌市{chance.choice(STREETS)}{chance.randint(1, 400)}号", "抄表日期": "2026-03-01",
            "表号": f"M{number:06}", "本次示数": str(chance.randint(1_000, 9_000)), "电量": str(energy),
            "电费": f"{amount}", "上月余额": f"{balance}", "应缴金额": f"{max(amount - balance, Decimal('0.00'))}",
        })  # fmt: skip
    return rows


def _outage(chance: random.Random) -> list[Row]:
    rows = []
    for number in range(1, 21):
        important = number % 10 == 0
        rows.append({
            "户号": f"38{number:08}", "户名": "市第一医院" if important else _name(chance),
            "重要用户": "是" if important else "否", "联系电话": "" if number == 7 else f"136{number:08}",
            "停电区域": "东湖区" if number % 2 else "西湖区", "原因": "线路检修", "停电时间": "2026-03-12 08:00",
            "预计送电时间": "2026-03-12 16:00",
        })  # fmt: skip
    return rows


def _name(chance: random.Random) -> str:
    return chance.choice(SURNAMES) + chance.choice(GIVEN)


def _write(name: str, header: Sequence[str], rows: Sequence[Mapping[str, str]], encoding: str) -> None:
    with (FOLDER / name).open("w", encoding=encoding, newline="") as file:
        written = csv.DictWriter(file, header, lineterminator="\r\n")
        written.writeheader()
        written.writerows(rows)


if __name__ == "__main__":
    main()

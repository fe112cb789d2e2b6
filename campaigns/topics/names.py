"""The topics of campaigns, below the prefix."""

from cti.topics import DEAD_LETTERS_FROM, Topic

SETTLEMENTS = Topic(
    name="campaigns.settlements",
    about="Payments, one a record, in the same JSON as POST /v1/settlements takes.",
    key="Any, or none: a payment means the same in each partition.",
    message="settlement",
    schema="campaigns/settlement.json",
    dead_letters_from=DEAD_LETTERS_FROM,
)
NOTICES = Topic(
    name="campaigns.notices",
    about="The letters of each batch, one a record; and once more, with `to_recall`, each that is to be kept back.",
    key="tenant:batch",
    message="notice",
    schema="campaigns/notice.json",
)
TOPICS = (SETTLEMENTS, NOTICES)

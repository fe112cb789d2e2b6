"""Reading the product's figures over /v1, as anyone with the scope calls:read can."""

import json
from typing import Any

import aiohttp

PAGE = 1000
PAGES_MAX = 1000
READ_TIMEOUT_S = 5.0


class UnreadableError(Exception):
    """The product did not answer a read as the contract says."""


class NotThereError(UnreadableError):
    """There is no such thing for this key."""


class Reader:
    """GETs with one key. Raises UnreadableError."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._timeout = aiohttp.ClientTimeout(total=READ_TIMEOUT_S)

    async def ready(self) -> bool:
        """Whether the service reports that it is ready; False also while it does not listen yet."""
        try:
            async with self._session.get(f"{self._url}/readyz", timeout=self._timeout) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def indicators(self) -> dict[str, Any]:
        return _object(await self._get("/v1/indicators", {}))

    async def records(self) -> list[dict[str, Any]]:
        """The latest record of every call, in call-id order."""
        records: list[dict[str, Any]] = []
        for _ in range(PAGES_MAX):
            asked = {"limit": str(PAGE)} | ({"after": records[-1]["call"]} if records else {})
            page = [json.loads(line) for line in (await self._get("/v1/records", asked)).splitlines() if line]
            records += page
            if len(page) < PAGE:
                return records
        raise UnreadableError(f"more than {PAGES_MAX} pages of records")

    async def breaches(self, newest: int | None = None) -> list[dict[str, Any]]:
        """All breaches, newest first, or only the newest ones."""
        breaches: list[dict[str, Any]] = []
        cursor = ""
        for _ in range(PAGES_MAX):
            asked = {"limit": str(newest or PAGE)} | ({"cursor": cursor} if cursor else {})
            page = _object(await self._get("/v1/breaches", asked))
            breaches += page["breaches"]
            cursor = page.get("cursor") or ""
            if not cursor or newest is not None:
                return breaches
        raise UnreadableError(f"more than {PAGES_MAX} pages of breaches")

    async def campaigns(self) -> list[dict[str, Any]]:
        """The newest campaigns; none where nobody hosts them, or the key may not see them."""
        try:
            return list(_object(await self._get("/v1/campaigns", {}))["campaigns"])
        except NotThereError:
            return []

    async def attempts(self, campaign: str) -> list[dict[str, Any]]:
        """All decisions about a campaign, refusals included."""
        return [json.loads(line) for line in (await self._get(f"/v1/campaigns/{campaign}/attempts", {})).splitlines()]

    async def _get(self, path: str, asked: dict[str, str]) -> str:
        try:
            async with self._session.get(
                self._url + path, params=asked, headers=self._headers, timeout=self._timeout
            ) as response:
                text = await response.text()
                if response.status in {403, 404}:
                    raise NotThereError(f"GET {path}: {response.status}")
                if response.status != 200:
                    raise UnreadableError(f"GET {path}: {response.status} {text[:500]}")
                return text
        except (aiohttp.ClientError, TimeoutError) as reason:
            raise UnreadableError(f"GET {path}: {reason!r}") from reason


def _object(text: str) -> dict[str, Any]:
    answer = json.loads(text)
    if not isinstance(answer, dict):
        raise UnreadableError(f"no JSON object: {text[:200]}")
    return answer

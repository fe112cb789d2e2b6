"""Let everything run that can run now."""

import asyncio


async def loop_turn() -> None:
    """One turn of the event loop: what was scheduled before runs first. Where a test would sleep, it turns."""
    turned = asyncio.Event()
    asyncio.get_running_loop().call_soon(turned.set)
    await turned.wait()

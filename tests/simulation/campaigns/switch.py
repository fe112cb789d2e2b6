"""The scripted switch that answers every question, as a real one does, and may restart."""

from tests.campaigns.scripted_switch import ScriptedSwitch


class CandidSwitch(ScriptedSwitch):
    """Of an order whose word is `silence` it still says nothing."""

    def may_tell(self, about: str) -> bool:
        return bool(about)

    def restart(self, *, memory: bool) -> None:
        super().restart(memory=memory)
        self.end_calls()

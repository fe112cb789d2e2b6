"""Several real parts together: the door on a real socket, real stores, real servers."""

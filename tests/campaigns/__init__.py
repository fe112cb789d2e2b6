"""The pure core of campaigns: hours, working days, deadlines, penalties; and the files that its values come from."""

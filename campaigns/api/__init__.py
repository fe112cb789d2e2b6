"""The HTTP routes of campaigns, one file a resource."""

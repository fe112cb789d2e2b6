"""The metadata that all tables of campaigns are in."""

from sqlalchemy import MetaData

metadata = MetaData()

"""The tests' own PostgreSQL: real, durable, a fresh database each."""

from sqlalchemy import create_engine, text

from tests.postgres import PostgresServer


def setting(url: str, name: str) -> str:
    engine = create_engine(url)
    with engine.connect() as connection:
        value = connection.execute(text(f"SHOW {name}")).scalar_one()
    engine.dispose()
    return str(value)


def test_it_is_a_supported_version_and_durable(postgres_url: str) -> None:
    assert int(setting(postgres_url, "server_version_num")) >= 150000
    assert setting(postgres_url, "fsync") == "on"
    assert setting(postgres_url, "synchronous_commit") == "on"
    assert setting(postgres_url, "server_encoding") == "UTF8"


def test_every_database_is_fresh_and_ends(postgres: PostgresServer) -> None:
    first, second = postgres.create_database(), postgres.create_database()
    assert first != second
    for url in (first, second):
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE mine (id integer)"))
        engine.dispose()
        postgres.drop_database(url)
    engine = create_engine(postgres.admin)
    with engine.connect() as connection:
        left = set(connection.execute(text("SELECT datname FROM pg_database")).scalars())
    engine.dispose()
    assert not left & {url.rsplit("/", 1)[1].split("?")[0] for url in (first, second)}

"""The tests' own PostgreSQL: real, durable, a fresh database each."""

from sqlalchemy import create_engine, inspect, text

from tests.postgres import PostgresServer, own_server


def setting(url: str, name: str) -> str:
    engine = create_engine(url)
    with engine.connect() as connection:
        value = connection.execute(text(f"SHOW {name}")).scalar_one()
    engine.dispose()
    return str(value)


def test_it_is_a_supported_version_and_its_commits_are_synchronous(postgres_url: str) -> None:
    assert int(setting(postgres_url, "server_version_num")) >= 150000
    assert setting(postgres_url, "synchronous_commit") == "on"
    assert setting(postgres_url, "server_encoding") == "UTF8"


def test_a_server_of_a_trials_own_is_durable() -> None:
    with own_server() as server:
        url = server.admin.render_as_string(hide_password=False)
        assert (setting(url, "fsync"), setting(url, "synchronous_commit")) == ("on", "on")


def test_a_copy_has_every_table_and_nothing_of_another_copy(
    postgres: PostgresServer, postgres_upgraded: str, postgres_ready_url: str
) -> None:
    found = []
    another = postgres.create_database(copied=postgres_upgraded)
    for url in (postgres_ready_url, another):
        engine = create_engine(url)
        found.append(set(inspect(engine).get_table_names()))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE mine (id integer)"))
        engine.dispose()
    postgres.drop_database(another)
    assert found[0] == found[1] >= {"calls", "dial_orders", "campaigns"}
    assert "mine" not in found[1]


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

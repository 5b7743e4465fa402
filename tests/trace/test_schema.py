"""The columns of the tables are a contract: their names, their order, their types."""

import pyarrow as pa
import pytest

from lab.trace.schema import ALWAYS, TABLES, column_docs, empty

CONTRACT = {
    "chunks": "cell rep stream seq response place offset bytes text due_ns emit_ns write_ns accepted_ns sched_ns sent_ns "
    "acked_ns recv_ns readable_ns read_ns arrival_ns write_index read_index",
    "writes": "cell rep stream index response offset bytes blocked write_ns accepted_ns sched_ns sent_ns acked_ns",
    "reads": "cell rep stream index response offset bytes stamp_ns read_ns",
    "streams": "cell rep stream connection request client_port server_port client_isn server_isn due_ns connect_ns "
    "connected_ns request_ns first_byte_ns headers_ns end_ns status completion reconnects chunks_expected "
    "chunks_received error",
    "path": "cell rep direction index connection seq ack flags window payload_bytes bytes t_in_ns t_queue_out_ns t_due_ns "
    "t_out_ns verdict",
}


@pytest.mark.parametrize(("name", "columns"), CONTRACT.items(), ids=CONTRACT)
def test_columns_are_the_contracts(name: str, columns: str) -> None:
    assert TABLES[name].names == columns.split()


def test_there_is_no_other_table() -> None:
    assert list(TABLES) == list(CONTRACT)
    assert set(ALWAYS) == set(CONTRACT) - {"path"}


@pytest.mark.parametrize("name", TABLES)
def test_instants_are_nullable_integers_of_64_bits(name: str) -> None:
    instants = [field for field in TABLES[name] if field.name.endswith("_ns")]
    assert instants
    assert all(field.type == pa.int64() and field.nullable for field in instants)


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_named_by_columns_that_are_never_null(name: str) -> None:
    never_null = [field.name for field in TABLES[name] if not field.nullable]
    assert never_null[:2] == ["cell", "rep"]


@pytest.mark.parametrize("name", TABLES)
def test_every_column_says_what_it_means(name: str) -> None:
    docs = column_docs(name)
    assert list(docs) == TABLES[name].names
    assert all(docs.values())


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_has_all_its_columns(name: str) -> None:
    assert empty(name).schema.equals(TABLES[name], check_metadata=True)
    assert empty(name).num_rows == 0

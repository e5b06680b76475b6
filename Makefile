# Every target is a script of the same name; PG_CONFIG names the server, SAMPLE_DATA a folder with the OULAD files,
# BENCH the options of `make bench`.
PG_CONFIG ?=
SAMPLE_DATA ?=
BENCH ?=
export PG_CONFIG SAMPLE_DATA

.PHONY: help demo demo-psql test install uninstall bench lint clean

help:
	@echo 'make demo        the story: an examination platform becomes a multi-tenant one (SAMPLE_DATA=<folder> loads the OULAD files)'
	@echo 'make demo-psql   the same world, and a psql prompt in it as the application'
	@echo 'make test        lint, unit tests, pg_regress, client tests'
	@echo 'make install     build and install into the server of PG_CONFIG=<path> (default: the one found)'
	@echo 'make uninstall   remove the files that make install has put there, and say which'
	@echo 'make bench       ours beside the alternative, under 15 minutes (BENCH=--quick: under 2, to try it out)'
	@echo 'make lint        fmt, clippy, cargo deny'

demo:
	@scripts/demo

demo-psql:
	@scripts/demo --psql

test:
	@scripts/test

install:
	@scripts/install
	@echo "== next: shared_preload_libraries = 'pg_warden', restart, CREATE EXTENSION pg_warden" >&2

uninstall:
	@scripts/uninstall

bench:
	@scripts/bench $(BENCH)

lint:
	@scripts/lint

clean:
	cargo clean

# shellcheck shell=bash
# What the scripts share. Sourced, never run.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Newest first: the order in which a server is looked for.
SUPPORTED_MAJORS="18 17 16 15"
CARGO_DENY_VERSION=0.20.2

say() { printf '%s\n' "== $*" >&2; }
die() {
    printf '%s\n' "error: $1" >&2
    shift
    for line in "$@"; do printf '%s\n' "  $line" >&2; done
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}
can_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1; }

pg_major() { "$1" --version | sed -nE 's/^PostgreSQL ([0-9]+).*/\1/p'; }
headers_of() { echo "$("$1" --includedir-server 2>/dev/null || true)/postgres.h"; }
server_of() { echo "$("$1" --bindir 2>/dev/null || true)/postgres"; }
has_headers() { [ -f "$(headers_of "$1")" ]; }
has_server() { [ -x "$(server_of "$1")" ]; }
is_supported() { case " $SUPPORTED_MAJORS " in *" $1 "*) ;; *) return 1 ;; esac; }

# Sets PG_CONFIG to an installation that one can build for and run, unless the caller named one. Fails when there is none.
find_pg_config() {
    [ -z "${PG_CONFIG:-}" ] || return 0
    local candidate major
    for candidate in "$(command -v pg_config || true)" \
        $(for major in $SUPPORTED_MAJORS; do echo "/usr/lib/postgresql/$major/bin/pg_config"; done); do
        [ -x "$candidate" ] && has_headers "$candidate" && has_server "$candidate" || continue
        is_supported "$(pg_major "$candidate")" || continue
        PG_CONFIG=$candidate
        export PG_CONFIG
        return 0
    done
    return 1
}

require_program() {
    { [ -x "$PG_CONFIG" ] && [ ! -d "$PG_CONFIG" ]; } ||
        die "$PG_CONFIG: no such program" "PG_CONFIG must name the pg_config of a PostgreSQL server."
}

require_pg_config() {
    find_pg_config || die "no PostgreSQL found" "Name one: make ... PG_CONFIG=/path/to/pg_config"
    require_program
    PG_MAJOR=$(pg_major "$PG_CONFIG")
    [ -n "$PG_MAJOR" ] || die "$PG_CONFIG --version does not name a PostgreSQL version"
    is_supported "$PG_MAJOR" || die "PostgreSQL $PG_MAJOR is not supported" "Supported: 15, 16, 17, 18; PG_CONFIG is $PG_CONFIG."
    has_headers "$PG_CONFIG" || die "the server headers of PostgreSQL $PG_MAJOR are missing" "Looked for $(headers_of "$PG_CONFIG")."
}

# cargo for the extension itself: pgrx looks up the server in these two variables.
export_build_environment() {
    export PGRX_PG_CONFIG_PATH="$PG_CONFIG"
    export USER="${USER:-$(id -un)}"
}

target_dir() { cargo metadata --format-version 1 --no-deps --locked | sed -E 's/.*"target_directory":"([^"]*)".*/\1/'; }

"""The statements of the PostgreSQL store, and their composition for one schema.

`{now}` is the time of the server, in a subquery: a volatile function in a condition could not use an index. A statement
reads it once. Array parameters keep the number of statements small, and the statements the same, so that the server
prepares them.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final, LiteralString

from regrow.servers.queue.postgres.connection import load
from regrow.servers.queue.postgres.schema import ACTIVE, LIVE, names_of

NOW: Final[LiteralString] = "(SELECT clock_timestamp())"
MOST_SWEPT: Final[LiteralString] = "10000"  # rows of each kind in one commit

# Parts of statements, each of which may use those before it.
PARTS: Final[dict[str, LiteralString]] = {
    "live": LIVE,
    "active": ACTIVE,
    "record": """id, queue, state, payload, priority, attempts, max_attempts,
    extract(epoch FROM created_at)::float8, extract(epoch FROM due_at)::float8, token,
    extract(epoch FROM lease_until - {now})::float8, holder, grp, key, errors, traceparent,
    extract(epoch FROM died_at)::float8""",
    "free": "leased_at = NULL, lease_until = NULL, holder = NULL",
    "groups": "unnest(%s::text[], %s::text[]) AS g(queue, grp)",
    "heads": """SELECT g.queue, g.grp, (SELECT j.id FROM {jobs} j
    WHERE j.queue = g.queue AND j.grp = g.grp AND j.{live} ORDER BY j.id LIMIT 1) AS id FROM {groups}""",
}

STATEMENTS: Final[dict[str, LiteralString]] = {
    "now": "SELECT extract(epoch FROM {now})::float8",
    # What a commit begins with: the time; is there work for the sweep; are there groups.
    # With EXISTS in the place of the ordered LIMIT the planner reads the whole table in search of a group.
    "look": """SELECT extract(epoch FROM {now})::float8,
        EXISTS(SELECT FROM {jobs} WHERE state = 'delayed' AND due_at <= {now}),
        EXISTS(SELECT FROM {jobs} WHERE state = 'leased' AND lease_until <= {now}),
        EXISTS(SELECT FROM {jobs} WHERE state = 'done' AND key_until <= {now}),
        (SELECT id FROM {jobs} WHERE grp IS NOT NULL AND {live} ORDER BY queue, grp, id LIMIT 1) IS NOT NULL""",
    "over": """SELECT id, queue, grp FROM {jobs} WHERE state = 'leased' AND lease_until <= {now}
        ORDER BY lease_until LIMIT {most}""",
    # Locks, each kind in one order for all transactions: works by number, rows of queues by name, groups by number.
    "lock_works": """SELECT count(pg_advisory_xact_lock(k)) FROM (SELECT DISTINCT
        hashtextextended({schema} || E'\x01' || n.name, 13) AS k FROM unnest(%s::text[]) AS n(name) ORDER BY k) s""",
    "lock_queues": """SELECT name, live, tokens, tokens_at FROM {queues}
        WHERE name = ANY(%s) AND (live IS NOT NULL OR name = ANY(%s)) ORDER BY name FOR UPDATE""",
    "groups_of": "SELECT DISTINCT queue, grp FROM {jobs} WHERE id = ANY(%s) AND grp IS NOT NULL",
    "lock_groups": """SELECT count(pg_advisory_xact_lock(k)) FROM (SELECT DISTINCT
        hashtextextended({schema} || E'\x01' || g.queue || E'\x01' || g.grp, 11) AS k FROM {groups} ORDER BY k) s""",
    "lock_queue": "SELECT pg_advisory_xact_lock(hashtextextended({schema} || E'\x01' || %s, 12))",
    "lock_table": "LOCK TABLE {jobs} IN SHARE ROW EXCLUSIVE MODE",
    "add_queues": "INSERT INTO {queues}(name) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
    "count_queue": """INSERT INTO {queues}(name, live)
        SELECT q.name, (SELECT count(*) FROM {jobs} WHERE queue = q.name AND {live}) FROM (SELECT %s::text AS name) q
        ON CONFLICT (name) DO UPDATE SET live = excluded.live WHERE {queues}.live IS NULL""",
    "counted": "SELECT name FROM {queues} WHERE live IS NOT NULL AND name = ANY(%s)",
    "change_live": """UPDATE {queues} q SET live = q.live + u.change
        FROM unnest(%s::text[], %s::bigint[]) AS u(name, change) WHERE q.name = u.name AND q.live IS NOT NULL""",
    # The sweep
    "due": """UPDATE {jobs} SET state = 'ready' WHERE id = ANY(ARRAY(SELECT id FROM {jobs} WHERE state = 'delayed'
        AND due_at <= {now} ORDER BY due_at LIMIT {most} FOR UPDATE SKIP LOCKED)) RETURNING queue""",
    "lock_over": """SELECT id, queue, grp, attempts, max_attempts, holder, errors FROM {jobs}
        WHERE id = ANY(%s) AND state = 'leased' AND lease_until <= {now} FOR UPDATE SKIP LOCKED""",
    "done_over": """DELETE FROM {jobs} WHERE id = ANY(ARRAY(SELECT id FROM {jobs} WHERE state = 'done'
        AND key_until <= {now} LIMIT {most} FOR UPDATE SKIP LOCKED))""",
    # The ends of leases
    "ack": """DELETE FROM {jobs} j USING unnest(%s::bigint[], %s::bigint[], %s::text[]) AS a(id, token, queue)
        WHERE j.id = a.id AND j.token = a.token AND j.queue = a.queue AND j.state = 'leased' AND j.lease_until > {now}
        AND (j.key IS NULL OR j.key_states IS DISTINCT FROM 'all' OR j.key_until <= {now})
        RETURNING j.id, j.token, j.queue, j.grp""",
    "ack_keyed": """UPDATE {jobs} j SET state = 'done', payload = '', errors = NULL, traceparent = NULL, grp = NULL,
        {free} FROM (SELECT j.id, j.grp FROM {jobs} j JOIN unnest(%s::bigint[], %s::bigint[], %s::text[])
            AS a(id, token, queue) ON j.id = a.id AND j.token = a.token AND j.queue = a.queue
            WHERE j.state = 'leased' AND j.lease_until > {now} FOR UPDATE OF j) o
        WHERE j.id = o.id RETURNING j.id, j.token, j.queue, o.grp""",
    "hold": """SELECT j.id, j.token, j.queue, j.grp, j.attempts, j.max_attempts, j.errors
        FROM {jobs} j JOIN unnest(%s::bigint[], %s::bigint[], %s::text[]) AS a(id, token, queue)
        ON j.id = a.id AND j.token = a.token AND j.queue = a.queue
        WHERE j.state = 'leased' AND j.lease_until > {now} ORDER BY j.id FOR UPDATE OF j""",
    # A negative delay keeps the time from which the job could be claimed before.
    "leave": """UPDATE {jobs} j SET {free}, attempts = a.attempts, errors = a.errors,
        state = a.state, due_at = CASE WHEN a.state = 'dead' THEN j.due_at WHEN a.delay >= 0
            THEN {now} + a.delay * interval '1 second' ELSE least(j.due_at, {now}) END,
        died_at = CASE WHEN a.state = 'dead' THEN {now} END,
        key = CASE WHEN a.state <> 'dead' OR j.key_states = 'all' AND (j.key_until > {now} OR j.key_until IS NULL)
            THEN j.key END
        FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::float8[], %s::text[]) AS a(id, state, attempts, delay, errors)
        WHERE j.id = a.id""",
    "extend": """UPDATE {jobs} j SET lease_until = {now} + a.lease * interval '1 second'
        FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::float8[]) AS a(id, token, queue, lease)
        WHERE j.id = a.id AND j.token = a.token AND j.queue = a.queue AND j.state = 'leased' AND j.lease_until > {now}
        RETURNING j.id, j.token""",
    "why_lost": """SELECT id, state, token, holder, queue FROM {jobs} WHERE id = ANY(%s)""",
    # Puts
    "insert": """WITH t AS MATERIALIZED (SELECT {now} AS now), u AS MATERIALIZED (SELECT u.*, t.now, greatest(t.now,
            CASE WHEN u.at IS NULL THEN t.now + u.delay * interval '1 second' ELSE to_timestamp(u.at) END) AS due
        FROM t, unnest(%s::text[], %s::bigint[], %s::bytea[], %s::bigint[], %s::text[], %s::float8[], %s::float8[],
            %s::text[], %s::bool[], %s::text[], %s::float8[], %s::text[]) WITH ORDINALITY
            AS u(queue, priority, payload, max_attempts, traceparent, delay, at, grp, later, key, key_for, key_states, ord))
        INSERT INTO {jobs}(queue, state, priority, payload, max_attempts, created_at, due_at, traceparent, grp, key,
            key_until, key_states)
        SELECT queue, CASE WHEN grp IS NOT NULL AND (later OR EXISTS(SELECT FROM {jobs} j WHERE j.queue = u.queue
                AND j.grp = u.grp AND j.{live})) THEN 'blocked' WHEN due > now THEN 'delayed' ELSE 'ready' END,
            priority, payload, max_attempts, now, due, traceparent, grp, key, now + key_for * interval '1 second', key_states
        FROM u ORDER BY ord ON CONFLICT (queue, key) WHERE key IS NOT NULL DO NOTHING RETURNING id, queue, key, state""",
    "keys": """SELECT j.queue, j.key, j.id, coalesce(j.key_until <= {now}, false) FROM {jobs} j
        JOIN unnest(%s::text[], %s::text[]) AS k(queue, key) ON j.queue = k.queue AND j.key = k.key""",
    "delete_done": "DELETE FROM {jobs} WHERE id = ANY(%s) AND state = 'done' AND key_until <= {now}",
    "clear_keys": "UPDATE {jobs} SET key = NULL WHERE id = ANY(%s) AND state <> 'done' AND key_until <= {now}",
    # Up to the first job of a group: the next one of the group may be older than the other ready jobs.
    "drop": """DELETE FROM {jobs} WHERE id = ANY(ARRAY(SELECT id FROM (SELECT id, count(grp) OVER
            (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS groups FROM (SELECT id, grp FROM {jobs}
            WHERE queue = %s AND state = 'ready' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) s) t WHERE groups = 0))
        RETURNING queue, grp""",
    # Groups
    "demote": """UPDATE {jobs} j SET state = 'blocked' FROM ({heads}) h
        WHERE j.queue = h.queue AND j.grp = h.grp AND j.state IN ('ready','delayed') AND j.id > h.id RETURNING j.id""",
    "promote": """UPDATE {jobs} j SET state = CASE WHEN j.due_at > {now} THEN 'delayed' ELSE 'ready' END
        FROM ({heads}) h WHERE j.id = h.id AND j.state = 'blocked' AND NOT EXISTS(SELECT FROM {jobs} a
            WHERE a.queue = h.queue AND a.grp = h.grp AND a.{active})
        RETURNING j.queue, j.state""",
    # Claims: SKIP LOCKED, so that two processes do not wait for each other
    "claim": """WITH picked AS MATERIALIZED (SELECT id, row_number() OVER (ORDER BY priority, id) AS slot FROM (
            SELECT id, priority FROM {jobs} WHERE queue = %s AND state = 'ready'
                AND NOT EXISTS(SELECT FROM {queues} WHERE name = %s AND paused IS NOT NULL)
            ORDER BY priority, id LIMIT %s FOR UPDATE SKIP LOCKED) s)
        UPDATE {jobs} j SET state = 'leased', attempts = j.attempts + 1, token = j.token + 1, leased_at = {now},
            lease_until = {now} + (%s::float8[])[p.slot] * interval '1 second', holder = (%s::text[])[p.slot]
        FROM picked p WHERE j.id = p.id
        RETURNING p.slot, j.id, j.queue, j.payload, j.attempts, j.max_attempts, j.token, j.priority, j.grp, j.key,
            extract(epoch FROM j.created_at)::float8, extract(epoch FROM j.due_at)::float8, j.errors, j.traceparent""",
    "is_ready": """SELECT EXISTS(SELECT FROM {jobs} WHERE queue = %s AND state = 'ready')
        AND NOT EXISTS(SELECT FROM {queues} WHERE name = %s AND paused IS NOT NULL)""",
    "set_tokens": "UPDATE {queues} SET tokens = %s, tokens_at = %s WHERE name = %s",
    # Administration
    "pause": """INSERT INTO {queues}(name, paused) VALUES (%s, %s)
        ON CONFLICT (name) DO UPDATE SET paused = excluded.paused""",
    "resume": "UPDATE {queues} SET paused = NULL WHERE name = %s AND paused IS NOT NULL RETURNING name",
    "waiting": """SELECT id, grp FROM {jobs} WHERE queue = %s AND state IN ('ready','delayed','blocked')
        ORDER BY id LIMIT %s""",
    "delete_waiting": """DELETE FROM {jobs} WHERE id = ANY(ARRAY(SELECT id FROM {jobs} WHERE queue = %s AND id = ANY(%s)
        AND state IN ('ready','delayed','blocked') ORDER BY id FOR UPDATE SKIP LOCKED)) RETURNING queue, grp""",
    "purge_dead": """DELETE FROM {jobs} WHERE id = ANY(ARRAY(SELECT id FROM {jobs} WHERE queue = %s AND state = 'dead'
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)) RETURNING id""",
    "prune": """DELETE FROM {jobs} WHERE id = ANY(ARRAY(SELECT id FROM {jobs} WHERE state = 'dead'
        AND died_at < {now} - %s * interval '1 second' ORDER BY died_at LIMIT %s FOR UPDATE SKIP LOCKED)) RETURNING id""",
    "dead_ids": "SELECT id, grp FROM {jobs} WHERE queue = %s AND state = 'dead' ORDER BY id LIMIT %s",
    "some_dead": "SELECT id, grp FROM {jobs} WHERE queue = %s AND state = 'dead' AND id = ANY(%s) ORDER BY id",
    # A job of a group is blocked until its group is settled.
    "retry": """UPDATE {jobs} SET state = CASE WHEN grp IS NULL THEN 'ready' ELSE 'blocked' END, attempts = 0,
        died_at = NULL, due_at = {now} WHERE id = ANY(ARRAY(SELECT id FROM {jobs} WHERE queue = %s AND state = 'dead'
        AND id = ANY(%s) ORDER BY id FOR UPDATE)) RETURNING queue, grp""",
    "movable": "SELECT id, grp FROM {jobs} WHERE queue = %s AND state <> 'leased' ORDER BY id LIMIT %s",
    "move": """WITH t AS MATERIALIZED (SELECT id, state IN ('ready','delayed','blocked') AS live, state, grp FROM {jobs}
            WHERE queue = %s AND id = ANY(%s) AND state <> 'leased' ORDER BY id FOR UPDATE SKIP LOCKED)
        UPDATE {jobs} j SET queue = %s, state = CASE WHEN t.live AND t.grp IS NOT NULL THEN 'blocked' ELSE j.state END,
            due_at = CASE WHEN t.state = 'ready' THEN least(j.due_at, {now}) ELSE j.due_at END,
            key = CASE WHEN j.key_until <= {now} OR EXISTS(SELECT FROM {jobs} o WHERE o.queue = %s AND o.key = j.key)
                THEN NULL ELSE j.key END
        FROM t WHERE j.id = t.id RETURNING j.id, t.live, j.state, t.grp, j.key""",
    "delete_keyless": "DELETE FROM {jobs} WHERE id = ANY(%s) AND state = 'done' AND key IS NULL",
    # Reads
    "count": """SELECT coalesce((SELECT live FROM {queues} WHERE name = %s),
        (SELECT count(*) FROM {jobs} WHERE queue = %s AND {live}))""",
    "stats": "SELECT queue, state, count(*) FROM {jobs} WHERE state <> 'done' GROUP BY queue, state",
    "stats_of": "SELECT queue, state, count(*) FROM {jobs} WHERE queue = %s AND state <> 'done' GROUP BY queue, state",
    "paused": "SELECT name, paused FROM {queues}",
    "paused_of": "SELECT name, paused FROM {queues} WHERE name = %s",
    "peek": "SELECT payload FROM {jobs} WHERE queue = %s AND state = 'ready' ORDER BY priority, id LIMIT %s",
    "dead": """SELECT {record} FROM {jobs} WHERE queue = %s AND state = 'dead' AND id < %s ORDER BY id DESC LIMIT %s""",
    "show": "SELECT {record} FROM {jobs} WHERE id = %s AND (%s::text IS NULL OR queue = %s)",
    "show_after": """SELECT {record} FROM {jobs} WHERE id > %s AND (%s::text IS NULL OR queue = %s)
        ORDER BY id LIMIT %s""",
    "wanting": """SELECT name FROM unnest(%s::text[]) AS w(name)
        WHERE NOT EXISTS(SELECT FROM {queues} q WHERE q.name = w.name AND q.paused IS NOT NULL)
        AND (EXISTS(SELECT FROM {jobs} j WHERE j.queue = w.name AND j.state = 'ready')
            OR EXISTS(SELECT FROM {jobs} j WHERE j.state = 'delayed' AND j.due_at <= {now} AND j.queue = w.name)
            OR EXISTS(SELECT FROM {jobs} j WHERE j.state = 'leased' AND j.lease_until <= {now} AND j.queue = w.name))""",
    "meta": "SELECT key::text, value::text FROM {meta} WHERE key IN ('magic', 'schema')",
    # The end of a commit
    "notify": "SELECT count(pg_notify('regrow_queue', {schema} || '.' || left(name, 1000))) FROM unnest(%s::text[]) AS n(name)",
    "next": """SELECT extract(epoch FROM (SELECT min(due_at) FROM {jobs} WHERE state = 'delayed') - {now})::float8,
        extract(epoch FROM (SELECT min(lease_until) FROM {jobs} WHERE state = 'leased') - {now})::float8""",
}


class Statements(SimpleNamespace):
    """The statements with the names of one schema, as bytes, each an attribute."""

    def __getattr__(self, name: str) -> bytes:  # for type checkers; attributes that exist do not come here
        raise AttributeError(name)


def compose(schema: str, now: LiteralString = NOW) -> Statements:
    """Return the statements for one schema; its name is quoted by psycopg.

    Args:
        schema: its name.
        now: an expression for the time. Tests give one that they can move.
    """
    load()
    from psycopg.sql import SQL, Identifier, Literal

    names: dict[str, Any] = {**names_of(schema), "now": SQL(now), "most": SQL(MOST_SWEPT)}
    names["schema"] = Literal(schema)
    for name, text in PARTS.items():
        names[name] = SQL(text).format(**names)
    quoted = Identifier(schema).as_bytes(None)
    return Statements(
        quoted_schema=quoted, **{name: SQL(text).format(**names).as_bytes(None) for name, text in STATEMENTS.items()}
    )

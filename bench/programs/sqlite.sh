#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sqlite3 with its database in memory: rows are inserted, indexed, joined, grouped, changed and
# deleted.
#
#   sqlite.sh ROWS

. "$(dirname "$0")/lib.sh"
need sqlite3
preparing && exit 0

cat >"$BENCH_SCRATCH/script.sql" <<SQL
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, kind INTEGER, body TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
    INSERT INTO item SELECT i, 'name' || (i * 7919 % $1), i % 97,
        substr('abcdefghijklmnopqrstuvwxyz', 1 + i % 13) || hex(i * 104729) FROM n;
CREATE INDEX by_name ON item(name);
CREATE TABLE word AS SELECT kind, group_concat(substr(name, 1, 8)) AS names, count(*) AS many
    FROM item GROUP BY kind;
SELECT count(*), sum(length(a.body)) FROM item a JOIN item b ON a.name = b.name WHERE a.kind < 50;
UPDATE item SET body = upper(body) || name WHERE id % 3 = 0;
DELETE FROM item WHERE id % 2 = 0;
SELECT count(DISTINCT replace(body, 'A', 'bb')) FROM item;
SELECT sum(length(names)) FROM word;
SQL
under sqlite3 -batch -init /dev/null :memory: ".read $BENCH_SCRATCH/script.sql"

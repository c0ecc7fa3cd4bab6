#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sqlite3 with a million rows, in memory and in a file: sorts, indices, joins, text, blobs, windows,
# vacuum.

. "$(dirname "$0")/lib.sh"

cat >"$work/script.sql" <<'END'
PRAGMA cache_size = 4000;
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c BLOB);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
INSERT INTO t SELECT i, (i * 7919) % 10007,
    'row ' || i || substr('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 1, i % 40),
    CASE WHEN i % 1000 = 0 THEN zeroblob(5000) END FROM n;
SELECT count(*), sum(a), sum(length(b)), sum(length(c)) FROM t;
CREATE INDEX t_a ON t (a);
CREATE INDEX t_b ON t (b);
SELECT a, count(*), min(b), max(b) FROM t GROUP BY a ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*) FROM t x JOIN t y ON x.a = y.a AND y.id < 1000;
SELECT sum(r) FROM (SELECT rank() OVER (PARTITION BY a % 100 ORDER BY b) AS r FROM t
    WHERE id % 10 = 0);
SELECT length(group_concat(b)) FROM t WHERE id < 200000;
SELECT md.n FROM (SELECT count(DISTINCT b) AS n FROM t) AS md;
BEGIN;
UPDATE t SET b = upper(b) || b WHERE a % 3 = 0;
DELETE FROM t WHERE a % 5 = 0;
SELECT count(*), sum(length(b)) FROM t;
ROLLBACK;
DELETE FROM t WHERE id % 2 = 0;
VACUUM;
SELECT count(*), sum(length(b)) FROM t;
SELECT json_group_array(b) IS NOT NULL, length(json_group_array(b)) FROM t WHERE id < 50000;
PRAGMA integrity_check;
END

same sqlite_memory sqlite3 -bail :memory: ".read $work/script.sql"
same sqlite_file sqlite3 -bail rows.db ".read $work/script.sql"
cmp -s "$work/sqlite_file.plain/rows.db" "$work/sqlite_file.apex/rows.db" ||
    fail "the database files differ"

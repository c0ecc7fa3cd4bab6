#!/bin/sh
# SPDX-License-Identifier: MIT
#
# `make demo`: a redis-server under libapex, loaded by redis-benchmark, and its heap as apexd sees
# it from outside. Everything lives in a private directory and ends with this script.

. "$(dirname "$0")/lib.sh"

stage_open
echo "apexd       starts in $stage, a place of its own"
stage_apexd
echo "redis       starts with LD_PRELOAD=libapex.so.0"
stage_redis
echo "benchmark   loads it: 20 connections, 16 commands at a time, 100000 keys"
stage_load
stage_wait 60 apexctl stats "$redis_pid" || stage_fail 'apexd does not list redis-server'

# Long enough for the heap to fill; the figures are those of a server at work.
sleep 3

echo
echo "The heap of process $redis_pid as JSON, from control.sock (the first 480 characters):"
apexctl -o json stats "$redis_pid" >"$stage/heap.json" || stage_fail 'cannot fetch the heap'
head -c 480 "$stage/heap.json"
echo '…'
echo
echo "The same as a table:"
apexctl stats "$redis_pid" || stage_fail 'apexctl could not print the heap'
kill -0 "$redis_pid" "$load_pid" || stage_fail 'redis or its load ended early'

stage_close
echo
echo "All stopped, $stage removed."

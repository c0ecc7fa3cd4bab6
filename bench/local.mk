# SPDX-License-Identifier: MIT
#
# The bench suite. A program is one C file, linked with bench/common; to add one, add its name, a
# line, to one of the first three lists, and its row to bench/suite.def. `make all` builds none of
# them, `make check` builds all, so that they stay right.

# Modelled on published workloads.
bench_workloads = \
	bench/workloads/alloctest \
	bench/workloads/asyncpipe \
	bench/workloads/bignum \
	bench/workloads/falseshare \
	bench/workloads/glibc_simple \
	bench/workloads/glibc_thread \
	bench/workloads/larson \
	bench/workloads/malloc_large \
	bench/workloads/mleak \
	bench/workloads/mstress \
	bench/workloads/objcache \
	bench/workloads/rptest \
	bench/workloads/setops \
	bench/workloads/shbench \
	bench/workloads/xmalloc

# One operation each; latency; scaling.
bench_micro = \
	bench/micro/batch \
	bench/micro/grow \
	bench/micro/latency \
	bench/micro/pair \
	bench/micro/scale \
	bench/micro/strings \
	bench/micro/threadlife \
	bench/micro/usable \
	bench/micro/workset \
	bench/micro/xthread \
	bench/micro/zeroed

# Memory scenarios.
bench_memory_scenarios = \
	bench/memory/churn \
	bench/memory/handover \
	bench/memory/idle \
	bench/memory/large \
	bench/memory/million \
	bench/memory/phases \
	bench/memory/sleep

# What scripts of real programs, and those that count instructions, need.
bench_tools = \
	bench/count/calls \
	bench/programs/startup

bench_scripts = \
	bench/count/instructions.sh \
	bench/cost/profile.sh \
	bench/page/trace.py \
	bench/programs/cc1.sh \
	bench/programs/cc1plus.sh \
	bench/programs/git.sh \
	bench/programs/lua.sh \
	bench/programs/perl.sh \
	bench/programs/python.sh \
	bench/programs/redis.sh \
	bench/programs/sqlite.sh

bench_programs = $(bench_workloads) $(bench_micro) $(bench_memory_scenarios) $(bench_tools)
bench_common = \
	bench/common/bench.h \
	bench/common/bench.c \
	bench/common/choice.h \
	bench/common/filled.h \
	bench/common/mailbox.h \
	bench/common/object.h \
	bench/common/queue.h

bench_driver = \
	bench/driver/compare.py \
	bench/driver/machine.py \
	bench/driver/noise.py \
	bench/driver/peers.py \
	bench/driver/plots.py \
	bench/driver/protocol.py \
	bench/driver/report_html.py \
	bench/driver/report_table.py \
	bench/driver/results.py \
	bench/driver/run.py \
	bench/driver/runner.py \
	bench/driver/stats.py \
	bench/driver/suite.py

# -fno-builtin: the compiler must take away no malloc. Not LDADD and CFLAGS of automake, which would
# want two more lines for each program.
bench_compile = $(CC) -I$(top_srcdir)/bench $(AM_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) \
	-fno-builtin

bench/common/bench.o: $(bench_common)
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(bench_compile) -c -o $@ $(filter %.c,$^)

$(bench_programs): %: %.c bench/common/bench.o $(filter %.h,$(bench_common))
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(bench_compile) $(AM_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) -lpthread -lm

# What the driver runs each of them by.
bench_driver_measure_LDADD =
check_PROGRAMS += bench/driver/measure

check_DATA += $(bench_programs)
CLEANFILES += $(bench_programs) bench/common/bench.o

EXTRA_DIST += \
	$(bench_common) \
	$(bench_driver) \
	$(bench_programs:=.c) \
	$(bench_scripts) \
	bench/README.md \
	bench/programs/generate_c.awk \
	bench/programs/lib.sh \
	bench/suite.def

# make bench BENCH_ARGS="--only larson" BENCH_PEERS="name=path.so name=path.so,VARIABLE=value"
BENCH_ARGS =
bench_output = $(abs_top_builddir)/bench/results
bench_run = $(AM_TESTS_ENVIRONMENT) python3 -B $(top_srcdir)/bench/driver/run.py

bench: bench-build
	@$(bench_run) --output '$(bench_output)' $(BENCH_ARGS)

bench-quick: bench-build
	@$(bench_run) --quick --output '$(bench_output)-quick' $(BENCH_ARGS)

bench-build: all bench/driver/measure $(bench_programs)
	@$(top_srcdir)/bootstrap --packages-only bench

# make bench-numa: what share of their memory threads on two and on four nodes have on their own
# node, after others have reused it, under each allocator: in guests (docs/NUMA.md, tests/vm).
bench_numa_boots = n2 n4

bench-numa: all tests/vm/placement tests/vm/report
	@$(top_srcdir)/bootstrap --packages-only vm
	@$(AM_TESTS_ENVIRONMENT) for boot in $(bench_numa_boots); do \
		bash $(top_srcdir)/tests/vm/run.sh $$boot placement || exit; \
	done

# make bench-prices: what each measure of the hardened library costs. The library beside itself with
# one of them left out (base/profile.h), from builds of their own.
bench_measures = canary checksum guard quarantine shuffle types zero
bench_prices = $(abs_top_builddir)/bench/prices
empty =
bench_without = $(subst $(empty) ,$(comma),$(bench_measures:%=no-%))
bench_without_library = $(bench_prices)/$(measure)/libapex/.libs/libapex-hardened.so.0

bench-prices: bench-build
	@$(find_source) && for measure in $(bench_measures); do \
		constant=PROFILE_$$(echo $$measure | tr a-z A-Z) && \
		$(MKDIR_P) $(bench_prices)/$$measure && cd $(bench_prices)/$$measure && \
		{ test -f Makefile || "$$source"/configure -q CPPFLAGS=-D$$constant=0; } && \
		$(MAKE) --no-print-directory libapex/libapex-hardened.la >/dev/null || exit; \
	done
	@BENCH_PEERS='$(foreach measure,$(bench_measures),no-$(measure)=$(bench_without_library))'; \
	export BENCH_PEERS; \
	$(bench_run) --base hardened --focus hardened --peers $(bench_without) \
		--output '$(bench_output)-prices' $(BENCH_ARGS)

# make bench-trace: how fast the page of apexctl trace is, in headless Chromium.
BENCH_TRACE_ARGS =

bench-trace: all
	@$(AM_TESTS_ENVIRONMENT) python3 -B $(top_srcdir)/bench/page/trace.py $(BENCH_TRACE_ARGS)

clean-local:
	rm -rf bench/data bench/prices bench/results bench/results-quick bench/results-prices

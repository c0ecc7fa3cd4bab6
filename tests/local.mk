# SPDX-License-Identifier: MIT
#
# Tests. check_tests is the quick set (`make check`, about a minute), test_tests what `make test`
# adds. A program here is built from the .c file of the same name and linked with the core of
# libapex and with cmocka; lists of those that are linked otherwise follow. Scripts are named *.sh,
# are executable, and find the tree by $top_srcdir and $top_builddir (both absolute;
# AM_TESTS_ENVIRONMENT in Makefile.am).

LDADD = libapex/libapexcore.la $(CMOCKA_LIBS)

# One for each module of libapex.
unit_tests = \
	tests/unit/abi_test \
	tests/unit/advice_test \
	tests/unit/alloc_test \
	tests/unit/api_test \
	tests/unit/attach_test \
	tests/unit/bits_test \
	tests/unit/block_test \
	tests/unit/ration_test \
	tests/unit/background_test \
	tests/unit/compat_test \
	tests/unit/config_test \
	tests/unit/ctl_test \
	tests/unit/empty_test \
	tests/unit/fault_test \
	tests/unit/fmt_test \
	tests/unit/freelist_test \
	tests/unit/gate_test \
	tests/unit/heap_test \
	tests/unit/heapmap_test \
	tests/unit/heaps_test \
	tests/unit/idle_test \
	tests/unit/large_test \
	tests/unit/lifecycle_test \
	tests/unit/list_test \
	tests/unit/lock_test \
	tests/unit/mac_test \
	tests/unit/meta_test \
	tests/unit/orphan_test \
	tests/unit/numa_test \
	tests/unit/os_linux_test \
	tests/unit/os_numa_test \
	tests/unit/os_page_test \
	tests/unit/os_place_test \
	tests/unit/os_symbol_test \
	tests/unit/os_thread_test \
	tests/unit/place_test \
	tests/unit/pool_test \
	tests/unit/print_test \
	tests/unit/profile_page_test \
	tests/unit/range_test \
	tests/unit/registry_test \
	tests/unit/remote_test \
	tests/unit/rng_test \
	tests/unit/sampler_test \
	tests/unit/size_class_test \
	tests/unit/stats_page_test \
	tests/unit/stats_test \
	tests/unit/steer_test \
	tests/unit/superblock_test \
	tests/unit/survey_test \
	tests/unit/walk_test

# The same for what only the hardened library does: compiled and linked as it is.
hardened_tests = \
	tests/unit/constants_test \
	tests/unit/guard_test \
	tests/unit/inspect_test \
	tests/unit/quarantine_test \
	tests/unit/quarantine_global_test \
	tests/unit/seal_test \
	tests/unit/sealed_test \
	tests/unit/vault_test \
	tests/unit/wipe_test

tests_unit_constants_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_constants_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_guard_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_guard_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_guard_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=madvise -Wl,--wrap=mprotect
tests_unit_inspect_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_inspect_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_quarantine_global_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_quarantine_global_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_quarantine_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_quarantine_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_seal_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_seal_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_sealed_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_sealed_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_vault_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_vault_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_wipe_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_wipe_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)

tests_unit_lifecycle_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=pthread_atfork

# Threads of these run on nodes that the test chooses.
node_ldflags = $(AM_LDFLAGS) -Wl,--wrap=os_numa_node

tests_unit_heap_test_LDFLAGS = $(node_ldflags)
tests_unit_numa_test_LDFLAGS = $(node_ldflags)
tests_unit_steer_test_LDFLAGS = $(node_ldflags)
tests_unit_survey_test_LDFLAGS = $(node_ldflags) -Wl,--wrap=os_place_query

check_PROGRAMS += $(unit_tests) $(hardened_tests)
check_tests += $(unit_tests) $(hardened_tests)

# Linked with the shared libapex-guard, whose functions are then the program's.
guard_tests = \
	tests/unit/copy_test

# With the recorder in front of libapex, both shared.
record_tests = \
	tests/unit/record_test

# The compiler must take away no call.
tests_unit_record_test_CFLAGS = $(AM_CFLAGS) -fno-builtin
tests_unit_record_test_LDADD = libapex/libapex-trace.la libapex/libapex.la $(CMOCKA_LIBS)

tests_unit_copy_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_copy_test_LDADD = libapex/libapex-guard.la libapex/libapexcore_hardened.la \
	$(CMOCKA_LIBS)

# Stacks are held against those that glibc finds; a sanitizer puts its own function in between,
# which finds others.
unwind_tests = \
	tests/unit/os_unwind_test

if SHARED_LIBS
check_PROGRAMS += $(guard_tests) $(record_tests) $(unwind_tests)
check_tests += $(guard_tests) $(record_tests) $(unwind_tests)
endif

# Random operations, replayed by a seed.
property_tests = \
	tests/property/entropy_test \
	tests/property/shadow_test

tests_property_entropy_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_property_entropy_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)

check_PROGRAMS += $(property_tests)
check_tests += $(property_tests)

# Operations and crimes in any order, held against a model; `make fuzz` finds inputs for the same
# harness. The library's way out is by the harness: --wrap.
fuzz_harness = \
	tests/fuzz/calls.c \
	tests/fuzz/harness.c \
	tests/fuzz/model.c \
	tests/fuzz/outside.c

fuzz_ldflags = $(AM_LDFLAGS) -Wl,--wrap=write -Wl,--wrap=os_random -Wl,--wrap=os_now_ns \
	-Wl,--wrap=os_guard

tests_fuzz_fuzz_test_SOURCES = tests/fuzz/fuzz_test.c $(fuzz_harness)
tests_fuzz_fuzz_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_fuzz_fuzz_test_LDADD = libapex/libapexcore_hardened.la -lpthread
tests_fuzz_fuzz_test_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzzer_SOURCES = tests/fuzz/fuzzer.c $(fuzz_harness)
tests_fuzz_fuzzer_CPPFLAGS = $(libapex_hardened_cppflags)
tests_fuzz_fuzzer_LDADD = libapex/libapexcore_hardened.la -lpthread
tests_fuzz_fuzzer_LDFLAGS = $(fuzz_ldflags) -fsanitize=fuzzer

check_PROGRAMS += tests/fuzz/fuzz_test
EXTRA_PROGRAMS += tests/fuzz/fuzzer
check_tests += tests/fuzz/smoke.sh
EXTRA_DIST += \
	tests/fuzz/README.md \
	tests/fuzz/calls.h \
	tests/fuzz/fuzz.sh \
	tests/fuzz/harness.h \
	tests/fuzz/model.h \
	tests/fuzz/outside.h \
	tests/fuzz/smoke.sh

# Programs that do what a program must not; crimes.sh runs each three times: preloaded, linked with
# libapex.a, and with faults only reported.
crimes = \
	tests/crimes/corrupt_list_exit \
	tests/crimes/corrupt_list_overflow \
	tests/crimes/corrupt_list_write_after_free \
	tests/crimes/double_free_after_reuse \
	tests/crimes/double_free_after_thread \
	tests/crimes/double_free_by_thread \
	tests/crimes/double_free_delayed \
	tests/crimes/double_free_empty \
	tests/crimes/double_free_empty_block \
	tests/crimes/double_free_interleaved \
	tests/crimes/double_free_large \
	tests/crimes/double_free_medium \
	tests/crimes/double_free_realloc \
	tests/crimes/double_free_recycled_block \
	tests/crimes/double_free_run \
	tests/crimes/double_free_run_by_thread \
	tests/crimes/double_free_small \
	tests/crimes/double_free_two_threads \
	tests/crimes/foreign_free_code \
	tests/crimes/foreign_free_far \
	tests/crimes/foreign_free_high \
	tests/crimes/foreign_free_low \
	tests/crimes/foreign_free_mapping \
	tests/crimes/foreign_free_near_miss \
	tests/crimes/foreign_free_stack \
	tests/crimes/foreign_free_static \
	tests/crimes/foreign_free_wild \
	tests/crimes/foreign_realloc_stack \
	tests/crimes/interior_free_by_thread \
	tests/crimes/interior_free_large \
	tests/crimes/interior_free_large_rest \
	tests/crimes/interior_free_medium \
	tests/crimes/interior_free_realloc \
	tests/crimes/interior_free_run \
	tests/crimes/interior_free_run_page \
	tests/crimes/interior_free_small \
	tests/crimes/misaligned_free_1 \
	tests/crimes/misaligned_free_8 \
	tests/crimes/misaligned_free_large \
	tests/crimes/unallocated_free \
	tests/crimes/unallocated_free_block \
	tests/crimes/unallocated_free_metadata \
	tests/crimes/write_empty

# Those that the fast library need not stop: most are run with objects of 8 bytes, 4 KiB and
# 256 KiB.
crimes_hardened = \
	tests/crimes/hardened/canary_copied \
	tests/crimes/hardened/double_free \
	tests/crimes/hardened/double_free_after_reuse \
	tests/crimes/hardened/double_free_after_thread \
	tests/crimes/hardened/double_free_aligned \
	tests/crimes/hardened/double_free_by_thread \
	tests/crimes/hardened/double_free_delayed \
	tests/crimes/hardened/double_free_delete \
	tests/crimes/hardened/double_free_of_another \
	tests/crimes/hardened/double_free_realloc \
	tests/crimes/hardened/exit_overflow \
	tests/crimes/hardened/exit_overflow_at_once \
	tests/crimes/hardened/exit_overflow_mapping \
	tests/crimes/hardened/exit_overflow_threads \
	tests/crimes/hardened/exit_underflow \
	tests/crimes/hardened/exit_write_after_free \
	tests/crimes/hardened/header_copied \
	tests/crimes/hardened/header_replayed \
	tests/crimes/hardened/header_size \
	tests/crimes/hardened/header_sum_copied \
	tests/crimes/hardened/header_zero \
	tests/crimes/hardened/interior_free_16 \
	tests/crimes/hardened/interior_free_aligned \
	tests/crimes/hardened/interior_free_header \
	tests/crimes/hardened/interior_free_middle \
	tests/crimes/hardened/interior_free_page \
	tests/crimes/hardened/kind_mismatch \
	tests/crimes/hardened/kind_mismatch_delete \
	tests/crimes/hardened/kind_mismatch_malloc_delete \
	tests/crimes/hardened/kind_mismatch_malloc_delete_array \
	tests/crimes/hardened/kind_mismatch_new_delete_array \
	tests/crimes/hardened/kind_mismatch_new_free \
	tests/crimes/hardened/kind_mismatch_realloc \
	tests/crimes/hardened/link_copied \
	tests/crimes/hardened/link_zero \
	tests/crimes/hardened/misaligned_free \
	tests/crimes/hardened/overflow_1 \
	tests/crimes/hardened/overflow_1m \
	tests/crimes/hardened/overflow_1m_memset \
	tests/crimes/hardened/overflow_32 \
	tests/crimes/hardened/overflow_8 \
	tests/crimes/hardened/overflow_aligned_alloc \
	tests/crimes/hardened/overflow_by_thread \
	tests/crimes/hardened/overflow_calloc \
	tests/crimes/hardened/overflow_grown \
	tests/crimes/hardened/overflow_into_list \
	tests/crimes/hardened/overflow_jump_1m \
	tests/crimes/hardened/overflow_jump_32 \
	tests/crimes/hardened/overflow_jump_9 \
	tests/crimes/hardened/overflow_jump_fresh \
	tests/crimes/hardened/overflow_jump_live \
	tests/crimes/hardened/overflow_mapping \
	tests/crimes/hardened/overflow_mapping_jump_9 \
	tests/crimes/hardened/overflow_memcpy \
	tests/crimes/hardened/overflow_memset \
	tests/crimes/hardened/overflow_new \
	tests/crimes/hardened/overflow_new_array \
	tests/crimes/hardened/overflow_posix_memalign \
	tests/crimes/hardened/overflow_read_1m \
	tests/crimes/hardened/overflow_read_64 \
	tests/crimes/hardened/overflow_realloc \
	tests/crimes/hardened/overflow_shrunk \
	tests/crimes/hardened/overflow_strcpy \
	tests/crimes/hardened/overflow_usable \
	tests/crimes/hardened/overflow_zero \
	tests/crimes/hardened/predict_address \
	tests/crimes/hardened/predict_layout \
	tests/crimes/hardened/predict_neighbour \
	tests/crimes/hardened/predict_next \
	tests/crimes/hardened/predict_next_20k \
	tests/crimes/hardened/read_after_free \
	tests/crimes/hardened/read_after_free_mapping \
	tests/crimes/hardened/read_after_realloc \
	tests/crimes/hardened/read_empty \
	tests/crimes/hardened/reuse_after_free \
	tests/crimes/hardened/reuse_after_free_spray \
	tests/crimes/hardened/size_mismatch \
	tests/crimes/hardened/size_mismatch_align \
	tests/crimes/hardened/size_mismatch_delete \
	tests/crimes/hardened/size_mismatch_delete_array \
	tests/crimes/hardened/size_mismatch_less \
	tests/crimes/hardened/size_mismatch_realloc \
	tests/crimes/hardened/stale_aligned_alloc \
	tests/crimes/hardened/stale_by_thread \
	tests/crimes/hardened/stale_grow \
	tests/crimes/hardened/stale_malloc \
	tests/crimes/hardened/stale_shrink \
	tests/crimes/hardened/underflow_1 \
	tests/crimes/hardened/underflow_1m \
	tests/crimes/hardened/underflow_32 \
	tests/crimes/hardened/underflow_8 \
	tests/crimes/hardened/underflow_aligned_alloc \
	tests/crimes/hardened/underflow_by_thread \
	tests/crimes/hardened/underflow_calloc \
	tests/crimes/hardened/underflow_jump_1m \
	tests/crimes/hardened/underflow_jump_32 \
	tests/crimes/hardened/underflow_jump_live \
	tests/crimes/hardened/underflow_mapping \
	tests/crimes/hardened/underflow_memcpy \
	tests/crimes/hardened/underflow_memset \
	tests/crimes/hardened/underflow_new \
	tests/crimes/hardened/underflow_posix_memalign \
	tests/crimes/hardened/underflow_read_8 \
	tests/crimes/hardened/underflow_realloc \
	tests/crimes/hardened/underflow_state \
	tests/crimes/hardened/write_after_free \
	tests/crimes/hardened/write_after_free_calloc \
	tests/crimes/hardened/write_after_free_list \
	tests/crimes/hardened/write_after_free_mapping \
	tests/crimes/hardened/write_after_free_thread \
	tests/crimes/hardened/write_after_free_zero \
	tests/crimes/hardened/write_after_realloc \
	tests/crimes/hardened/write_after_reuse \
	tests/crimes/hardened/write_empty_aligned \
	tests/crimes/hardened/write_empty_calloc \
	tests/crimes/hardened/write_empty_new

# Copies that libapex-guard stops: with a mapping of 3 MB besides.
crimes_guarded = \
	tests/crimes/guarded/memcpy_before \
	tests/crimes/guarded/memcpy_behind \
	tests/crimes/guarded/memcpy_fortified \
	tests/crimes/guarded/memcpy_from_freed \
	tests/crimes/guarded/memcpy_interior \
	tests/crimes/guarded/memcpy_over_read \
	tests/crimes/guarded/memcpy_past_end \
	tests/crimes/guarded/memcpy_to_freed \
	tests/crimes/guarded/memmove_past_end \
	tests/crimes/guarded/mempcpy_past_end \
	tests/crimes/guarded/memset_past_end \
	tests/crimes/guarded/memset_to_freed \
	tests/crimes/guarded/strcat_past_end \
	tests/crimes/guarded/strcpy_past_end \
	tests/crimes/guarded/strncpy_past_end

# These write to what belongs to the library alone: each has one inside.
crimes_sealed = \
	tests/crimes/sealed/key_overwritten \
	tests/crimes/sealed/record_overwritten

tests_crimes_sealed_key_overwritten_CPPFLAGS = $(libapex_hardened_cppflags)
tests_crimes_sealed_key_overwritten_LDADD = libapex/libapexcore_hardened.la
tests_crimes_sealed_record_overwritten_CPPFLAGS = $(libapex_hardened_cppflags)
tests_crimes_sealed_record_overwritten_LDADD = libapex/libapexcore_hardened.la

if SHARED_LIBS
check_PROGRAMS += $(crimes) $(crimes_guarded) $(crimes_sealed)
check_DATA += $(crimes_linked) $(crimes_hardened)
check_tests += \
	tests/crimes/attacks.sh \
	tests/crimes/crimes.sh \
	tests/crimes/guarded.sh \
	tests/crimes/hardened.sh
endif

EXTRA_DIST += \
	$(crimes_hardened:=.c) \
	tests/crimes/attacks.py \
	tests/crimes/attacks.sh \
	tests/crimes/crime.h \
	tests/crimes/crimes.sh \
	tests/crimes/guarded.sh \
	tests/crimes/guarded/copies.h \
	tests/crimes/hardened.sh \
	tests/crimes/hardened/sized.h \
	tests/crimes/lib.sh

crimes_linked = $(crimes:tests/crimes/%=tests/crimes/linked/%)
CLEANFILES += $(crimes_hardened) $(crimes_linked)

# They are many: compiled at once, without libtool. -fno-builtin: as crime.h says of malloc.
$(crimes_hardened): %: %.c tests/crimes/crime.h tests/crimes/hardened/sized.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(AM_CPPFLAGS) $(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS) -fno-builtin \
		$(AM_LDFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) -lpthread

# What they do to other allocators, as a table:
#   make attacks ATTACK_ARGS=--every ATTACK_PEERS="name=path.so name=path.so,VARIABLE=value"
ATTACK_ARGS =
ATTACK_PEERS =
attacks: all $(crimes) $(crimes_hardened)
	@$(AM_TESTS_ENVIRONMENT) \
		python3 -B $(top_srcdir)/tests/crimes/attacks.py $(ATTACK_ARGS) $(ATTACK_PEERS)

$(crimes_linked): tests/crimes/linked/%: tests/crimes/%.o libapex/libapex.a
	@$(MKDIR_P) tests/crimes/linked
	$(AM_V_CCLD)$(CC) $(AM_CFLAGS) $(CFLAGS) $(AM_LDFLAGS) $(LDFLAGS) -o $@ $< libapex/libapex.a

# Programs over the fault twin: the n-th call of the OS layer fails.
oom_tests = \
	tests/oom/nth_failure_test

tests_oom_nth_failure_test_LDADD = libapex/libapexcore_fault.la

check_PROGRAMS += $(oom_tests)
check_tests += $(oom_tests)

# Threads that free each other's memory, exit, fork. Also built with ThreadSanitizer.
thread_tests = \
	tests/threads/adopt_test \
	tests/threads/bound_test \
	tests/threads/churn_test \
	tests/threads/fork_handlers_test \
	tests/threads/fork_signal_test \
	tests/threads/fork_stdio_test \
	tests/threads/fork_test \
	tests/threads/free_only_test \
	tests/threads/nodes_test \
	tests/threads/page_test \
	tests/threads/ring_test \
	tests/threads/sleeper_test

tests_threads_nodes_test_LDFLAGS = $(node_ldflags)

check_PROGRAMS += $(thread_tests)
check_tests += $(thread_tests)

# The same sources over the hardened core. (sleeper_test and page_test count memory, some of which
# a quarantine holds back.)
hardened_again = \
	tests/threads/adopt_hardened_test \
	tests/threads/bound_hardened_test \
	tests/threads/churn_hardened_test \
	tests/threads/fork_handlers_hardened_test \
	tests/threads/fork_signal_hardened_test \
	tests/threads/fork_stdio_hardened_test \
	tests/threads/fork_hardened_test \
	tests/threads/free_only_hardened_test \
	tests/threads/nodes_hardened_test \
	tests/threads/ring_hardened_test \
	tests/property/shadow_hardened_test \
	tests/unit/range_hardened_test \
	tests/unit/walk_hardened_test \
	tests/unit/sampler_hardened_test

tests_threads_adopt_hardened_test_SOURCES = tests/threads/adopt_test.c
tests_threads_adopt_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_adopt_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_bound_hardened_test_SOURCES = tests/threads/bound_test.c
tests_threads_bound_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_bound_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_churn_hardened_test_SOURCES = tests/threads/churn_test.c
tests_threads_churn_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_churn_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_fork_handlers_hardened_test_SOURCES = tests/threads/fork_handlers_test.c
tests_threads_fork_handlers_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_fork_handlers_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_fork_signal_hardened_test_SOURCES = tests/threads/fork_signal_test.c
tests_threads_fork_signal_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_fork_signal_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_fork_stdio_hardened_test_SOURCES = tests/threads/fork_stdio_test.c
tests_threads_fork_stdio_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_fork_stdio_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_fork_hardened_test_SOURCES = tests/threads/fork_test.c
tests_threads_fork_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_fork_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_free_only_hardened_test_SOURCES = tests/threads/free_only_test.c
tests_threads_free_only_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_free_only_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_nodes_hardened_test_SOURCES = tests/threads/nodes_test.c
tests_threads_nodes_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_nodes_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_threads_nodes_hardened_test_LDFLAGS = $(node_ldflags)
tests_threads_ring_hardened_test_SOURCES = tests/threads/ring_test.c
tests_threads_ring_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_threads_ring_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_property_shadow_hardened_test_SOURCES = tests/property/shadow_test.c
tests_property_shadow_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_property_shadow_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_walk_hardened_test_SOURCES = tests/unit/walk_test.c
tests_unit_walk_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_walk_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_sampler_hardened_test_SOURCES = tests/unit/sampler_test.c
tests_unit_sampler_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_sampler_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)
tests_unit_range_hardened_test_SOURCES = tests/unit/range_test.c
tests_unit_range_hardened_test_CPPFLAGS = $(libapex_hardened_cppflags)
tests_unit_range_hardened_test_LDADD = libapex/libapexcore_hardened.la $(CMOCKA_LIBS)

check_PROGRAMS += $(hardened_again)
check_tests += $(hardened_again) tests/threads/seal_metadata.sh
EXTRA_DIST += tests/threads/seal_metadata.sh

EXTRA_DIST += \
	tests/README.md \
	tests/support/expect.h \
	tests/support/install.sh \
	tests/support/manager.h \
	tests/support/nodes.h \
	tests/support/sandbox.h \
	tests/support/superblock.h \
	tests/support/tree.h \
	tests/support/unit.h \
	tests/support/written.h

# The protocol of remote frees, every interleaving of it. Takes a minute or two, and spin.
test_tests += tests/model/model.sh
EXTRA_DIST += \
	tests/model/model.sh \
	tests/model/remote.pml

# The modules of apexd and apexctl.
daemon_tests = \
	tests/unit/answers_test \
	tests/unit/doctor_numa_test \
	tests/unit/doctor_process_test \
	tests/unit/elf_file_test \
	tests/unit/fdstore_test \
	tests/unit/frame_test \
	tests/unit/ledger_test \
	tests/unit/hint_test \
	tests/unit/map_test \
	tests/unit/message_test \
	tests/unit/metrics_test \
	tests/unit/notify_test \
	tests/unit/page_fields_test \
	tests/unit/page_map_test \
	tests/unit/placement_test \
	tests/unit/proc_test \
	tests/unit/profile_map_test \
	tests/unit/registrar_test \
	tests/unit/render_test \
	tests/unit/roster_test \
	tests/unit/screen_test \
	tests/unit/shortage_test \
	tests/unit/top_model_test \
	tests/unit/top_ui_test \
	tests/unit/trace_test \
	tests/unit/advisor_test \
	tests/unit/policy_test \
	tests/unit/tune_test

daemon_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)
daemon_cflags = $(AM_CFLAGS) $(CJSON_CFLAGS) $(CMOCKA_CFLAGS)

tests_unit_doctor_numa_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_doctor_numa_test_CFLAGS = $(daemon_cflags)
tests_unit_doctor_numa_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_doctor_process_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_doctor_process_test_CFLAGS = $(daemon_cflags)
tests_unit_doctor_process_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_elf_file_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_elf_file_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_frame_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_frame_test_LDADD = apexd/libapexproto.la $(CMOCKA_LIBS)
tests_unit_fdstore_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_fdstore_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_notify_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_notify_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_ledger_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_ledger_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_metrics_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_metrics_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_hint_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_hint_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_map_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_map_test_CFLAGS = $(daemon_cflags)
tests_unit_map_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_message_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_message_test_CFLAGS = $(daemon_cflags)
tests_unit_message_test_LDADD = apexd/libapexproto.la $(CMOCKA_LIBS)
tests_unit_page_fields_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_page_fields_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_page_map_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_page_map_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_placement_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_placement_test_CFLAGS = $(daemon_cflags)
tests_unit_placement_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_proc_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_proc_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_profile_map_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_profile_map_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_render_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_render_test_CFLAGS = $(daemon_cflags)
tests_unit_render_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_answers_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_answers_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=methods_call -Wl,--wrap=reply_now_ns
tests_unit_answers_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_registrar_test_SOURCES = tests/unit/registrar_test.c \
	tests/fuzz/daemon/page_seed.c
tests_unit_registrar_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_registrar_test_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_unit_registrar_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_registrar_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getsockopt
tests_unit_roster_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_roster_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_advisor_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_advisor_test_CFLAGS = $(daemon_cflags)
tests_unit_advisor_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_policy_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_policy_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_shortage_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_shortage_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_tune_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_tune_test_LDADD = apexd/libapexdcore.la $(CMOCKA_LIBS)
tests_unit_screen_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_screen_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_top_model_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_top_model_test_CFLAGS = $(daemon_cflags)
tests_unit_top_model_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)
tests_unit_top_ui_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_top_ui_test_CFLAGS = $(daemon_cflags)
tests_unit_top_ui_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)

tests_unit_trace_test_CPPFLAGS = $(daemon_cppflags)
tests_unit_trace_test_LDADD = apexctl/libapexctlcore.la $(CMOCKA_LIBS)

EXTRA_DIST += \
	tests/golden/advise.json \
	tests/golden/advise.txt \
	tests/golden/advise_many.json \
	tests/golden/advise_many.txt \
	tests/golden/ctl.json \
	tests/golden/ctl.txt \
	tests/golden/metrics.openmetrics \
	tests/golden/metrics.prom \
	tests/golden/metrics_host.openmetrics \
	tests/golden/frag.json \
	tests/golden/frag.txt \
	tests/golden/map.json \
	tests/golden/map.svg \
	tests/golden/map_class.txt \
	tests/golden/map_class_colour.txt \
	tests/golden/map_fill.txt \
	tests/golden/map_fill_ascii.txt \
	tests/golden/map_owner_colour_ascii.txt \
	tests/golden/map_owner_narrow.txt \
	tests/golden/map_tiny.txt \
	tests/golden/processes.json \
	tests/golden/processes.txt \
	tests/golden/processes_none.json \
	tests/golden/processes_none.txt \
	tests/golden/stats_all.json \
	tests/golden/stats_all.txt \
	tests/golden/stats_one.json \
	tests/golden/stats_one.txt \
	tests/golden/stats_strange.json \
	tests/golden/stats_strange.txt \
	tests/golden/hmat.xml \
	tests/golden/numa_all.json \
	tests/golden/numa_all.txt \
	tests/golden/numa_one.json \
	tests/golden/numa_one.txt \
	tests/golden/topology_clusters.txt \
	tests/golden/topology_desktop.txt \
	tests/golden/topology_far.txt \
	tests/golden/topology_four.json \
	tests/golden/topology_four.txt \
	tests/golden/topology_hmat.txt \
	tests/golden/topology_one.json \
	tests/golden/topology_one.txt \
	tests/golden/topology_sparse.txt

# apexd and apexctl on real sockets, in a place of their own. The first need no libapex, so they
# also run where a sanitizer has taken its place.
daemon_plain_scripts = \
	tests/daemon/complete.sh \
	tests/daemon/denied.sh \
	tests/daemon/hostile.sh \
	tests/daemon/map.sh \
	tests/daemon/numa.sh \
	tests/daemon/protocol.sh \
	tests/daemon/serve.sh \
	tests/daemon/serve_http.sh \
	tests/daemon/siege.sh \
	tests/daemon/subscribe.sh \
	tests/daemon/top.sh \
	tests/daemon/turns.sh \
	tests/daemon/units.sh

daemon_scripts = \
	tests/daemon/act.sh \
	tests/daemon/advise.sh \
	tests/daemon/activation.sh \
	tests/daemon/ctl.sh \
	tests/daemon/doctor.sh \
	tests/daemon/life.sh \
	tests/daemon/pressure.sh \
	tests/daemon/profile.sh \
	tests/daemon/run.sh \
	tests/daemon/trace.sh \
	tests/daemon/trace_page.sh \
	tests/daemon/tune.sh

check_PROGRAMS += $(daemon_tests)
check_tests += $(daemon_tests) $(daemon_plain_scripts)
test_tests += tests/daemon/complete_others.sh
EXTRA_DIST += $(daemon_plain_scripts) $(daemon_scripts) tests/daemon/complete_others.sh
EXTRA_DIST += \
	docs/protocol.md \
	tests/daemon/browser.py \
	tests/daemon/browser.sh \
	tests/daemon/chromium.py \
	tests/daemon/complete.py \
	tests/daemon/crowd.py \
	tests/daemon/crowd.sh \
	tests/daemon/ctl.py \
	tests/daemon/denied.py \
	tests/daemon/doctor.py \
	tests/daemon/hostile.py \
	tests/daemon/life.py \
	tests/daemon/act.py \
	tests/daemon/advise.py \
	tests/daemon/activation.py \
	tests/daemon/pressure.py \
	tests/daemon/profile.py \
	tests/daemon/manager.py \
	tests/daemon/map.py \
	tests/daemon/numa.py \
	tests/daemon/prometheus.py \
	tests/daemon/prometheus.sh \
	tests/daemon/rules_test.yml \
	tests/daemon/run.py \
	tests/daemon/serve.py \
	tests/daemon/serve_http.py \
	tests/daemon/siege.py \
	tests/daemon/subscribe.py \
	tests/daemon/support.py \
	tests/daemon/terminal.py \
	tests/daemon/top.py \
	tests/daemon/trace.py \
	tests/daemon/trace_page.py \
	tests/daemon/truth.py \
	tests/daemon/truth.sh \
	tests/daemon/turns.py \
	tests/daemon/walker.c \
	tests/daemon/tune.py

check_PROGRAMS += tests/daemon/siege
tests_daemon_siege_CPPFLAGS = $(daemon_cppflags)
tests_daemon_siege_LDADD =

# What the daemon reads from strangers, each part behind one door (tests/fuzz/README.md):
# `make fuzz-daemon` finds inputs, the *_test brings its own.
fuzz_daemon_tests = \
	tests/fuzz/daemon/frame_test \
	tests/fuzz/daemon/message_test \
	tests/fuzz/daemon/page_test \
	tests/fuzz/daemon/registrar_test

fuzz_daemon_fuzzers = \
	tests/fuzz/daemon/frame_fuzzer \
	tests/fuzz/daemon/message_fuzzer \
	tests/fuzz/daemon/page_fuzzer \
	tests/fuzz/daemon/registrar_fuzzer

tests_fuzz_daemon_frame_test_SOURCES = tests/fuzz/daemon/fuzz_test.c \
	tests/fuzz/daemon/frame_target.c
tests_fuzz_daemon_frame_test_CPPFLAGS = $(daemon_cppflags)
tests_fuzz_daemon_frame_test_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_fuzz_daemon_frame_test_LDADD = apexd/libapexdcore.la -lpthread
tests_fuzz_daemon_frame_fuzzer_SOURCES = tests/fuzz/daemon/fuzzer.c \
	tests/fuzz/daemon/frame_target.c
tests_fuzz_daemon_frame_fuzzer_CPPFLAGS = $(daemon_cppflags)
tests_fuzz_daemon_frame_fuzzer_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_fuzz_daemon_frame_fuzzer_LDADD = apexd/libapexdcore.la -lpthread
tests_fuzz_daemon_frame_fuzzer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_daemon_message_test_SOURCES = tests/fuzz/daemon/fuzz_test.c \
	tests/fuzz/daemon/message_target.c
tests_fuzz_daemon_message_test_CPPFLAGS = $(daemon_cppflags)
tests_fuzz_daemon_message_test_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_fuzz_daemon_message_test_LDADD = apexd/libapexdcore.la -lpthread
tests_fuzz_daemon_message_fuzzer_SOURCES = tests/fuzz/daemon/fuzzer.c \
	tests/fuzz/daemon/message_target.c
tests_fuzz_daemon_message_fuzzer_CPPFLAGS = $(daemon_cppflags)
tests_fuzz_daemon_message_fuzzer_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_fuzz_daemon_message_fuzzer_LDADD = apexd/libapexdcore.la -lpthread
tests_fuzz_daemon_message_fuzzer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_daemon_page_test_SOURCES = tests/fuzz/daemon/fuzz_test.c \
	tests/fuzz/daemon/page_target.c \
	tests/fuzz/daemon/page_seed.c
tests_fuzz_daemon_page_test_CPPFLAGS = $(daemon_cppflags)
tests_fuzz_daemon_page_test_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_fuzz_daemon_page_test_LDADD = apexd/libapexdcore.la -lpthread
tests_fuzz_daemon_page_fuzzer_SOURCES = tests/fuzz/daemon/fuzzer.c \
	tests/fuzz/daemon/page_target.c \
	tests/fuzz/daemon/page_seed.c
tests_fuzz_daemon_page_fuzzer_CPPFLAGS = $(daemon_cppflags)
tests_fuzz_daemon_page_fuzzer_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_fuzz_daemon_page_fuzzer_LDADD = apexd/libapexdcore.la -lpthread
tests_fuzz_daemon_page_fuzzer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_daemon_registrar_test_SOURCES = tests/fuzz/daemon/fuzz_test.c \
	tests/fuzz/daemon/registrar_target.c \
	tests/fuzz/daemon/page_seed.c
tests_fuzz_daemon_registrar_test_CPPFLAGS = $(daemon_cppflags)
tests_fuzz_daemon_registrar_test_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_fuzz_daemon_registrar_test_LDADD = apexd/libapexdcore.la -lpthread
tests_fuzz_daemon_registrar_fuzzer_SOURCES = tests/fuzz/daemon/fuzzer.c \
	tests/fuzz/daemon/registrar_target.c \
	tests/fuzz/daemon/page_seed.c
tests_fuzz_daemon_registrar_fuzzer_CPPFLAGS = $(daemon_cppflags)
tests_fuzz_daemon_registrar_fuzzer_CFLAGS = $(daemon_cflags) $(UV_CFLAGS)
tests_fuzz_daemon_registrar_fuzzer_LDADD = apexd/libapexdcore.la -lpthread
tests_fuzz_daemon_registrar_fuzzer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

check_PROGRAMS += $(fuzz_daemon_tests)
EXTRA_PROGRAMS += $(fuzz_daemon_fuzzers)
check_tests += tests/fuzz/daemon/smoke.sh
EXTRA_DIST += \
	tests/fuzz/daemon/fuzz.sh \
	tests/fuzz/daemon/page_seed.h \
	tests/fuzz/daemon/smoke.sh \
	tests/fuzz/daemon/target.h

# Guests with several nodes, and one with systemd (vm/README.md): a boot is a file .vm, which run.sh
# runs.
vm_boots = \
	tests/vm/cxl.vm \
	tests/vm/debian.vm \
	tests/vm/hmat.vm \
	tests/vm/hotplug.vm \
	tests/vm/n1.vm \
	tests/vm/n2.vm \
	tests/vm/n4.vm \
	tests/vm/sparse.vm

vm_programs = \
	tests/vm/adviser \
	tests/vm/placement \
	tests/vm/press \
	tests/vm/report \
	tests/vm/spill \
	tests/vm/steering \
	tests/vm/travel

vm_tests = \
	tests/vm/guest/hotplug.sh \
	tests/vm/guest/placement.sh \
	tests/vm/guest/pressure.sh \
	tests/vm/guest/service.sh \
	tests/vm/guest/spilled.sh \
	tests/vm/guest/steering.sh \
	tests/vm/guest/system.sh \
	tests/vm/guest/topology.sh \
	tests/vm/guest/travel.sh \
	tests/vm/guest/view.sh

tests_vm_adviser_LDADD =
tests_vm_placement_LDADD = -lpthread
tests_vm_press_LDADD =
tests_vm_report_LDADD =
tests_vm_spill_LDADD =
tests_vm_steering_LDADD =
tests_vm_travel_LDADD = -lpthread

if SHARED_LIBS
check_PROGRAMS += $(vm_programs)
test_tests += $(vm_boots) tests/vm/self_test.sh
endif
EXTRA_DIST += \
	$(vm_boots) \
	$(vm_tests) \
	tests/vm/README.md \
	tests/vm/make_root.sh \
	tests/vm/guest.sh \
	tests/vm/guest/broken.sh \
	tests/vm/guest/lib.sh \
	tests/vm/guests \
	tests/vm/init.sh \
	tests/vm/rig.service \
	tests/vm/rig.sh \
	tests/vm/run.sh \
	tests/vm/self_test.sh

# make test-vm [VM_BOOTS="n2 n4"] [VM_TESTS="topology"]: the guests alone; with no test named, the
# rig's own test, too.
VM_BOOTS = $(vm_boots:tests/vm/%.vm=%)
VM_TESTS =
test-vm: all
	@$(top_srcdir)/bootstrap --packages-only vm
	+@APEX_VM_TESTS='$(VM_TESTS)' $(MAKE) --no-print-directory check check_DATA= \
		check_PROGRAMS='$(vm_programs)' \
		TESTS='$(VM_BOOTS:%=tests/vm/%.vm) $(if $(VM_TESTS),,tests/vm/self_test.sh)'

# The bench driver; and every workload once, quickly.
bench_scripts_checked = \
	tests/bench/driver.sh \
	tests/bench/unit.sh

check_tests += $(bench_scripts_checked)
if SHARED_LIBS
test_tests += tests/bench/smoke.sh tests/bench/profile_cost.sh
endif
EXTRA_DIST += \
	$(bench_scripts_checked) \
	tests/bench/driver.py \
	tests/bench/profile_cost.sh \
	tests/bench/smoke.sh \
	tests/bench/unit.py

# The form of the sources. Each script says what it holds against what; self_test.sh proves that
# each can fail.
style_scripts = \
	tests/style/bench.sh \
	tests/style/functions.sh \
	tests/style/invariants.sh \
	tests/style/layers.sh \
	tests/style/ordering.sh \
	tests/style/pairs.sh \
	tests/style/self_test.sh \
	tests/style/tables.sh \
	tests/style/text.sh

if SHARED_LIBS
check_tests += tests/style/symbols.sh
endif

check_tests += $(style_scripts)
EXTRA_DIST += \
	$(style_scripts) \
	tests/style/commands_page.sh \
	tests/style/ctl_page.sh \
	tests/style/lib.sh \
	tests/style/man_tables.sh \
	tests/style/man_tables.txt \
	tests/style/options_page.sh \
	tests/style/stats_page.sh \
	tests/style/symbols.sh

# What the documents say about the sources. Each script tests itself first.
docs_scripts = \
	tests/docs/links.sh \
	tests/docs/symbols.sh \
	tests/docs/tutorial.sh

check_tests += $(docs_scripts)
# It builds examples and tries them on the libraries of the build.
if SHARED_LIBS
check_tests += tests/docs/experiments.sh
endif
test_tests += tests/docs/book.sh tests/docs/figures.sh tests/docs/tutorial_play.sh
if SHARED_LIBS
test_tests += tests/docs/challenges.sh tests/docs/exploits.sh
endif
EXTRA_DIST += $(docs_scripts)
EXTRA_DIST += \
	tests/docs/book.py \
	tests/docs/book.sh \
	tests/docs/challenges.sh \
	tests/docs/experiments.py \
	tests/docs/experiments.sh \
	tests/docs/exploits.sh \
	tests/docs/figures.sh \
	tests/docs/links.py \
	tests/docs/readme.sh \
	tests/docs/tutorial_play.sh

# Programs whose figures the documents quote; built, so that they stay right, but not run.
check_PROGRAMS += \
	docs/examples/burst \
	docs/examples/leaves \
	docs/examples/locked \
	docs/examples/remote_order

# Those that docs/experiments is about: they run.
check_PROGRAMS += \
	docs/examples/rules_test \
	docs/examples/workload

docs_examples_rules_test_SOURCES = tests/fuzz/daemon/fuzz_test.c docs/examples/rules_target.c
docs_examples_rules_test_CPPFLAGS = $(daemon_cppflags)
docs_examples_rules_test_CFLAGS = $(daemon_cflags)
docs_examples_rules_test_LDADD = apexd/libapexdcore.la -lpthread
docs_examples_workload_SOURCES = docs/examples/workload.c bench/common/bench.c
docs_examples_workload_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/bench
docs_examples_workload_CFLAGS = $(AM_CFLAGS) -fno-builtin
docs_examples_workload_LDADD = -lpthread

docs_examples_burst_LDADD =
docs_examples_leaves_LDADD = libapex/libapexcore.la
docs_examples_locked_LDADD =
docs_examples_remote_order_LDADD = -lpthread

# The names of libc and what programs do to their process: small programs, preloaded and static,
# built by the scripts. Quick.
abi_scripts = \
	tests/abi/api.sh \
	tests/abi/atfork.sh \
	tests/abi/dlopen.sh \
	tests/abi/early.sh \
	tests/abi/guard.sh \
	tests/abi/names.sh \
	tests/abi/process.sh \
	tests/abi/secure.sh

# These want g++ besides.
abi_cxx_scripts = \
	tests/abi/cxx.sh \
	tests/abi/header.sh \
	tests/abi/static.sh

if SHARED_LIBS
check_tests += $(abi_scripts)
test_tests += $(abi_cxx_scripts)
endif

EXTRA_DIST += $(abi_scripts) $(abi_cxx_scripts)
EXTRA_DIST += \
	tests/abi/atfork.c \
	tests/abi/atfork_lib.c \
	tests/abi/dlopen.c \
	tests/abi/early.c \
	tests/abi/early_lib.c \
	tests/abi/process.c \
	tests/abi/secure.c \
	tests/preload/cxx_operators.cc \
	tests/preload/cxx_replaced.cc \
	tests/preload/lib.sh

# Real programs under LD_PRELOAD, from the library that was built here.
preload_scripts = \
	tests/preload/apt.sh \
	tests/preload/build.sh \
	tests/preload/git.sh \
	tests/preload/hardened.sh \
	tests/preload/node.sh \
	tests/preload/perl.sh \
	tests/preload/python.sh \
	tests/preload/redis.sh \
	tests/preload/sqlite.sh

if SHARED_LIBS
check_tests += $(daemon_scripts)
check_tests += tests/preload/quick.sh
test_tests += $(preload_scripts)
test_tests += tests/daemon/browser.sh
test_tests += tests/daemon/crowd.sh
test_tests += tests/daemon/prometheus.sh
test_tests += tests/daemon/truth.sh
test_tests += tests/demo/demo_kill.sh
test_tests += tests/install/install.sh
test_tests += tests/docs/readme.sh
endif

EXTRA_DIST += $(preload_scripts)
EXTRA_DIST += \
	tests/preload/quick.sh \
	tests/preload/redis_commands.txt \
	tests/demo/demo.sh \
	tests/demo/demo_kill.sh \
	tests/demo/garbage.py \
	tests/demo/lib.sh \
	tests/install/install.sh

# Programs for people and for scripts: no part of a test run by themselves.
if SHARED_LIBS
check_PROGRAMS += tests/soak/soak tests/daemon/leaky
endif
tests_soak_soak_LDADD = -lpthread
tests_daemon_leaky_LDADD =
tests_daemon_leaky_CFLAGS = $(AM_CFLAGS) -g -fno-builtin

# make test-soak SOAK_SECONDS=600 SOAK_THREADS=8
SOAK_SECONDS = 120
SOAK_THREADS = 8

test-soak: all tests/soak/soak
	LD_PRELOAD='$(abs_top_builddir)/libapex/.libs/libapex.so.0' \
	tests/soak/soak --seconds $(SOAK_SECONDS) --threads $(SOAK_THREADS)

# SPDX-License-Identifier: MIT
#
# libapex: the same sources, put together in several ways.
#
#   libapexcore.la        all but the malloc names: what tests link, what libapex.so adds names to
#   libapexcore_fault.la  the same over os/os_fault.c, which fails the n-th call of the OS layer
#   libapex.so.0          for LD_PRELOAD and linking; in the build tree libapex/.libs/libapex.so.0
#   libapex-hardened.so.0 the same as libapex.so.0 with the constants of base/profile.h set
#   libapexcore_hardened.la  and what its tests link
#   libapex-guard.so.0    memcpy and its kin, which ask one of these two before they copy
#   libapex-trace.so.0    a record of each call, written in front of one of these two
#   libapex-dlopen.so.0   apex_ names only, for dlopen(): it takes no room in static TLS
#   libapex.a             one object with the names of apex.h and malloc, one with operator new and
#                         delete for programs that use them; no other name to clash with
#
# A sanitizer must own malloc: then the first two are built, and the rest is left out.

# Levels 0 to 5 but for os_linux.c and os_place.c, which the fault twin replaces, and the malloc
# names.
libapex_sources = \
	libapex/base/fault.c \
	libapex/base/fmt.c \
	libapex/base/mac.c \
	libapex/base/rng.c \
	libapex/core/block.c \
	libapex/core/ration.c \
	libapex/core/empty.c \
	libapex/core/guard.c \
	libapex/core/heapmap.c \
	libapex/core/large.c \
	libapex/core/meta.c \
	libapex/core/registry.c \
	libapex/core/remote.c \
	libapex/core/size_class.c \
	libapex/core/superblock.c \
	libapex/core/vault.c \
	libapex/front/alloc.c \
	libapex/front/api.c \
	libapex/front/background.c \
	libapex/front/compat.c \
	libapex/front/ctl.c \
	libapex/front/lifecycle.c \
	libapex/front/place.c \
	libapex/front/range.c \
	libapex/front/walk.c \
	libapex/os/lock.c \
	libapex/os/os_numa.c \
	libapex/os/os_page.c \
	libapex/os/os_symbol.c \
	libapex/os/os_thread.c \
	libapex/os/os_unwind.c \
	libapex/policy/config.c \
	libapex/policy/gate.c \
	libapex/policy/heap.c \
	libapex/policy/heaps.c \
	libapex/policy/idle.c \
	libapex/policy/inspect.c \
	libapex/policy/numa.c \
	libapex/policy/orphan.c \
	libapex/policy/pool.c \
	libapex/policy/quarantine.c \
	libapex/policy/quarantine_global.c \
	libapex/policy/sampler.c \
	libapex/policy/steer.c \
	libapex/policy/survey.c \
	libapex/view/advice.c \
	libapex/view/attach.c \
	libapex/view/print.c \
	libapex/view/profile_page.c \
	libapex/view/stats.c \
	libapex/view/stats_page.c

# What the hardened library has besides.
libapex_hardened_sources = \
	libapex/core/seal.c \
	libapex/core/wipe.c \
	libapex/front/sealed.c

# Listed so that they are part of a release.
libapex_headers = \
	libapex/abi/advice_page.h \
	libapex/abi/hello.h \
	libapex/abi/profile_page.h \
	libapex/abi/stats_page.h \
	libapex/abi/trace.h \
	libapex/base/atomic.h \
	libapex/base/bits.h \
	libapex/base/check.h \
	libapex/base/compiler.h \
	libapex/base/constants.h \
	libapex/base/fault.h \
	libapex/base/fmt.h \
	libapex/base/list.h \
	libapex/base/mac.h \
	libapex/base/profile.h \
	libapex/base/rng.h \
	libapex/core/block.h \
	libapex/core/ration.h \
	libapex/core/empty.h \
	libapex/core/freelist.h \
	libapex/core/freelist_linked.h \
	libapex/core/freelist_signed.h \
	libapex/core/geometry.h \
	libapex/core/guard.h \
	libapex/core/heapmap.h \
	libapex/core/large.h \
	libapex/core/meta.h \
	libapex/core/registry.h \
	libapex/core/remote.h \
	libapex/core/seal.h \
	libapex/core/size_class.h \
	libapex/core/superblock.h \
	libapex/core/vault.h \
	libapex/core/wipe.h \
	libapex/front/alloc.h \
	libapex/front/compat.h \
	libapex/front/ctl.h \
	libapex/front/entry.h \
	libapex/front/background.h \
	libapex/front/lifecycle.h \
	libapex/front/place.h \
	libapex/front/range.h \
	libapex/front/sealed.h \
	libapex/front/walk.h \
	libapex/os/lock.h \
	libapex/os/os.h \
	libapex/os/os_fault.h \
	libapex/os/os_numa.h \
	libapex/os/os_page.h \
	libapex/os/os_nodes.h \
	libapex/os/os_place.h \
	libapex/os/os_raw.h \
	libapex/os/os_real_names.h \
	libapex/os/os_symbol.h \
	libapex/os/os_thread.h \
	libapex/os/os_unwind.h \
	libapex/policy/config.h \
	libapex/policy/gate.h \
	libapex/policy/heap.h \
	libapex/policy/heaps.h \
	libapex/policy/inspect.h \
	libapex/policy/idle.h \
	libapex/policy/numa.h \
	libapex/policy/orphan.h \
	libapex/policy/pool.h \
	libapex/policy/quarantine.h \
	libapex/policy/quarantine_global.h \
	libapex/tables/ctl.def \
	libapex/policy/sampler.h \
	libapex/policy/steer.h \
	libapex/policy/survey.h \
	libapex/tables/faults.def \
	libapex/tables/options.def \
	libapex/tables/stats.def \
	libapex/view/advice.h \
	libapex/view/attach.h \
	libapex/view/print.h \
	libapex/view/profile_page.h \
	libapex/view/stats.h \
	libapex/view/stats_page.h

include_HEADERS += \
	libapex/apex.h

EXTRA_DIST += \
	libapex/README.md \
	libapex/libapex.map

libapex_tls_preload = -ftls-model=initial-exec
libapex_tls_dlopen = -ftls-model=global-dynamic
libapex_cflags = $(AM_CFLAGS) $(LIB_CFLAGS)

noinst_LTLIBRARIES += \
	libapex/libapexcore.la \
	libapex/libapexcore_fault.la \
	libapex/libapexcore_hardened.la \
	libapex/libapexmost.la \
	libapex/libapexreal.la

libapex_libapexmost_la_SOURCES = $(libapex_sources) $(libapex_headers)
libapex_libapexmost_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload)
libapex_libapexmost_la_SHORTNAME = apex

libapex_libapexcore_la_SOURCES = libapex/os/os_linux.c libapex/os/os_place.c
libapex_libapexcore_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload)
libapex_libapexcore_la_LIBADD = libapex/libapexmost.la
libapex_libapexcore_la_SHORTNAME = apex

# These two under real_ names, and in their place a layer that fails when it is told to.
libapex_libapexreal_la_SOURCES = libapex/os/os_linux.c libapex/os/os_place.c
libapex_libapexreal_la_CPPFLAGS = $(AM_CPPFLAGS) -DOS_FAULT_TWIN
libapex_libapexreal_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload)
libapex_libapexreal_la_SHORTNAME = apex_real

libapex_libapexcore_fault_la_SOURCES = libapex/os/os_fault.c
libapex_libapexcore_fault_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload)
libapex_libapexcore_fault_la_LIBADD = libapex/libapexmost.la libapex/libapexreal.la
libapex_libapexcore_fault_la_SHORTNAME = apex

libapex_hardened_cppflags = $(AM_CPPFLAGS) -DAPEX_HARDENED

libapex_libapexcore_hardened_la_SOURCES = $(libapex_sources) $(libapex_hardened_sources) \
	libapex/os/os_linux.c libapex/os/os_place.c
libapex_libapexcore_hardened_la_CPPFLAGS = $(libapex_hardened_cppflags)
libapex_libapexcore_hardened_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload)
libapex_libapexcore_hardened_la_SHORTNAME = apex_hardened

# Short names of objects (not allowed in a condition).
libapex_libapexall_la_SHORTNAME = apex
libapex_libapexcxx_la_SHORTNAME = apex
libapex_libapexcxx_static_la_SHORTNAME = apex_static
libapex_libapex_dlopen_la_SHORTNAME = apex_dlopen
libapex_libapex_la_SHORTNAME = apex_so
libapex_libapex_hardened_la_SHORTNAME = apex_hardened_so
libapex_libapexcxx_hardened_la_SHORTNAME = apex_hardened
libapex_libapex_guard_la_SHORTNAME = apex_guard
libapex_libapex_trace_la_SHORTNAME = apex_trace

if SHARED_LIBS

noinst_LTLIBRARIES += libapex/libapexall.la libapex/libapexcxx.la libapex/libapexcxx_static.la \
	libapex/libapexcxx_hardened.la
lib_LTLIBRARIES += libapex/libapex.la libapex/libapex-dlopen.la libapex/libapex-hardened.la \
	libapex/libapex-guard.la libapex/libapex-trace.la

libapex_libapexall_la_SOURCES = libapex/front/interpose.c
libapex_libapexall_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload)
libapex_libapexall_la_LIBADD = libapex/libapexcore.la

# Twice, because a shared library may do without a C++ runtime and a static program links with its
# own.
libapex_libapexcxx_la_SOURCES = libapex/front/interpose_cxx.c
libapex_libapexcxx_la_CFLAGS = $(libapex_cflags) -fexceptions

libapex_libapexcxx_static_la_SOURCES = libapex/front/interpose_cxx.c
libapex_libapexcxx_static_la_CFLAGS = $(libapex_cflags) -fexceptions -DAPEX_STATIC=1

# Calls inside the library stay inside, but for those to operators, which a program may replace one
# by one.
libapex_link = -version-info 0:0:0 -no-undefined -shared $(LIB_LDFLAGS) \
	-Wl,-Bsymbolic-functions -Wl,--dynamic-list-cpp-new \
	-Wl,--version-script=$(top_srcdir)/libapex/libapex.map

libapex_libapex_la_SOURCES = libapex/front/interpose_fork.c
libapex_libapex_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload)
libapex_libapex_la_LIBADD = libapex/libapexall.la libapex/libapexcxx.la
libapex_libapex_la_LDFLAGS = $(libapex_link)
libapex_libapex_la_DEPENDENCIES = libapex/libapexall.la libapex/libapexcxx.la libapex/libapex.map

libapex_libapexcxx_hardened_la_SOURCES = libapex/front/interpose_cxx.c
libapex_libapexcxx_hardened_la_CPPFLAGS = $(libapex_hardened_cppflags)
libapex_libapexcxx_hardened_la_CFLAGS = $(libapex_cflags) -fexceptions

libapex_libapex_hardened_la_SOURCES = libapex/front/interpose.c libapex/front/interpose_fork.c
libapex_libapex_hardened_la_CPPFLAGS = $(libapex_hardened_cppflags)
libapex_libapex_hardened_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload)
libapex_libapex_hardened_la_LIBADD = libapex/libapexcore_hardened.la \
	libapex/libapexcxx_hardened.la
libapex_libapex_hardened_la_LDFLAGS = $(libapex_link)
libapex_libapex_hardened_la_DEPENDENCIES = libapex/libapexcore_hardened.la \
	libapex/libapexcxx_hardened.la libapex/libapex.map

libapex_libapex_dlopen_la_SOURCES = $(libapex_sources) libapex/os/os_linux.c libapex/os/os_place.c
libapex_libapex_dlopen_la_CFLAGS = $(libapex_cflags) $(libapex_tls_dlopen)
libapex_libapex_dlopen_la_LDFLAGS = $(libapex_link)
libapex_libapex_dlopen_la_DEPENDENCIES = libapex/libapex.map

# It stands beside libapex and needs none. -fno-builtin: the compiler must not make a memcpy of what
# a memcpy is made of.
libapex_libapex_guard_la_SOURCES = libapex/guard/copy.c
libapex_libapex_guard_la_CFLAGS = $(libapex_cflags) -fno-builtin
libapex_libapex_guard_la_LDFLAGS = -version-info 0:0:0 -no-undefined -shared $(LIB_LDFLAGS)

# -fexceptions: those of a new_handler pass through.
libapex_libapex_trace_la_SOURCES = libapex/trace/record.c
libapex_libapex_trace_la_CFLAGS = $(libapex_cflags) $(libapex_tls_preload) -fno-builtin -fexceptions
libapex_libapex_trace_la_LDFLAGS = -version-info 0:0:0 -no-undefined -shared $(LIB_LDFLAGS)

# Everything becomes one object, in which the names that are not public become local; but the
# operators stay apart, for they need a C++ runtime and a C program has none.
staticlibdir = $(libdir)
staticlib_DATA = libapex/libapex.a
CLEANFILES += libapex/libapex.a libapex/libapex_whole.o libapex/libapex_cxx.o

libapex/libapex.a: libapex/libapexall.la libapex/libapexcxx_static.la
	$(AM_V_GEN)rm -f $@ && \
	$(LD) -r -o libapex/libapex_whole.o --whole-archive libapex/.libs/libapexall.a && \
	$(LD) -r -o libapex/libapex_cxx.o --whole-archive libapex/.libs/libapexcxx_static.a && \
	$(OBJCOPY) --localize-hidden libapex/libapex_whole.o && \
	$(OBJCOPY) --localize-hidden libapex/libapex_cxx.o && \
	$(AR) cr $@ libapex/libapex_whole.o libapex/libapex_cxx.o && $(RANLIB) $@

endif

# SPDX-License-Identifier: MIT
#
# Documents go into the archive one by one: a folder named in EXTRA_DIST would bring along what was
# built in it. Their examples are programs of tests/local.mk.

EXTRA_DIST += \
	docs/API.md \
	docs/ARCHITECTURE.md \
	docs/CONTRIBUTING.md \
	docs/FAQ.md \
	docs/NUMA.md \
	docs/PERFORMANCE.md \
	docs/SECURITY.md \
	docs/attacks.md \
	docs/decisions/0001-descriptors-out-of-line.md \
	docs/decisions/0002-double-free-mark.md \
	docs/decisions/0003-message-passing.md \
	docs/decisions/0004-byte-map.md \
	docs/decisions/0005-statistics-by-settlement.md \
	docs/decisions/0006-heaps-of-vanished-threads.md \
	docs/decisions/0007-giving-back-without-a-thread.md \
	docs/decisions/0008-no-file-no-descriptor.md \
	docs/decisions/0009-chunks-up-to-1-mib.md \
	docs/decisions/0010-hardened-header.md \
	docs/decisions/0011-guarded-copies.md \
	docs/decisions/0012-sealed-by-mprotect.md \
	docs/decisions/0013-quarantine-serves.md \
	docs/decisions/0014-blocks-in-the-page.md \
	docs/decisions/0015-sampled-objects-begin-inside-their-chunk.md \
	docs/decisions/0016-idle-memory.md \
	docs/decisions/0017-advice-overlays.md \
	docs/decisions/0018-resident-is-asked-for.md \
	docs/decisions/0019-the-walk-asks-chunks.md \
	docs/decisions/0023-advice-does-nothing.md \
	docs/decisions/0026-counting-by-rations.md \
	docs/decisions/README.md \
	docs/invariants.md \
	docs/memory-ordering.md \
	docs/monitoring.md \
	docs/protocol.md \
	docs/reading-guide.md

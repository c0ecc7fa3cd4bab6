# SPDX-License-Identifier: MIT
#
# Manual pages, one for each program, header and table that users meet:
# dist_man_MANS += man/NAME.SECTION

dist_man_MANS += \
	man/apex-options.7 \
	man/apex-stats.7 \
	man/apex_ctl.3 \
	man/apexctl.1 \
	man/apexd.8 \
	man/apexd.json.5 \
	man/libapex.3

# Writes the parts of the pages that are made of tables anew, in the source tree.
man-tables:
	sh $(top_srcdir)/tests/style/man_tables.sh $(top_srcdir)

.PHONY: man-tables
